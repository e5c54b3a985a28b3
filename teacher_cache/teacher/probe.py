"""Hash a tokenizer's output on fixed texts: another version of the library may tokenise them differently."""

import hashlib
from typing import Any

# The fixed texts: case, accents, blanks, numbers, scripts, marks, emoji, masks.
PROBES = (
    *("a", "The quick brown fox jumps over the lazy dog.", "ISN'T it GOOD?", "do n't", "-lrb- aside -rrb-"),
    *("café naïve Ångström", "1,234.56 % of 7e-3", "x=y+z; f(x)->y", "user@example.org https://example.org/a?b=c"),
    *(
        "  two  blanks\tand a tab\nand a line  ",
        "...!!!??",
        "“quoted” – dashed — ‘text’",
        "co-operate state-of-the-art",
    ),
    *("这家酒店很好", "東京タワー", "서울 타워", "Привет, мир", "مرحبا بالعالم", "שלום עולם", "नमस्ते दुनिया", "สวัสดี"),
    *("😀👍🏽", "e\u0301 é", "ﬁ ½ ²", "\u200bzero\u200dwidth", "ANTIDISESTABLISHMENTARIANISM", "qwxzvkj"),
    *(
        "[MASK] <mask> [UNK] <unk>",
        "[CLS] [SEP] <s> </s>",
        "a_b_c snake_case camelCase",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ),
)


def probe(tokenizer: Any) -> str:
    """Return a hash over the ids of the fixed texts."""
    digest = hashlib.sha256()
    for text in PROBES:
        digest.update(repr(tokenizer.backend_tokenizer.encode(text, f"{text} b").ids).encode("ascii"))
    return digest.hexdigest()
