"""Texts as the teacher's sub-words: bulk tokenisation, and what is wrong with a row.

Runs in a thread ahead of the teacher: the Rust tokenizer releases the GIL. Texts -> `Tokens`, flat arrays without
padding, from which `pad` makes a batch.
"""

import copy
import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.errors import PotstillError
from data.example import MASK
from data.untrusted import refusing

LONGEST_TEXT = 1 << 20  # characters; a longer "sentence" is a broken file, and would stall the tokenizer
# Characters given to the tokenizer at once. It cuts after it has made all sub-words, some 200 bytes each, so a row
# group of texts of a megabyte would take a terabyte; one of 8,192 sentences is one slice.
SLICE = 1 << 20
OK, TRUNCATED, NONFINITE = "ok", "truncated", "nonfinite"
EMPTY, SURROGATE, TOO_LONG = "rejected:empty", "rejected:surrogate", "rejected:too-long"

# What two tokenizers of the same files must agree on: case, accents, blanks, numbers, scripts, marks, emoji, masks.
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


@dataclass(frozen=True)
class Tokeniser:
    """A tokenizer set up for one cache.

    backend   the Rust tokenizer: cuts at max_length, longest text first, pads nothing
    mask      what stands for a masked word: the mask token, else the unknown token, else None
    pad       id of the padding token
    types     whether the model takes token types (which text of a pair a sub-word is of)
    """

    backend: Any
    mask: str | None
    pad: int
    types: bool


@dataclass(frozen=True)
class Tokens:
    """Rows as sub-words. N rows, S sub-words of all rows together.

    ids      int32 [S];  row i is ids[starts[i]:starts[i + 1]]
    types    uint8 [S], or None where the model takes none
    starts   int64 [N + 1]
    status   ok, truncated or rejected:<reason>, one a row; a rejected row has no sub-words
    """

    ids: np.ndarray
    types: np.ndarray | None
    starts: np.ndarray
    status: list[str]

    @property
    def lengths(self) -> np.ndarray:
        """Sub-words of each row, int64 [N]."""
        return np.diff(self.starts)


def prepare(tokenizer: Any, max_length: int, *, types: bool = True) -> Tokeniser:
    """Set up a transformers fast tokenizer for bulk work; `types`: the model's forward takes token_type_ids."""
    backend = copy.deepcopy(tokenizer.backend_tokenizer)  # the caller's own keeps its settings
    backend.enable_truncation(max_length, strategy="longest_first", direction=tokenizer.truncation_side)
    backend.no_padding()
    return Tokeniser(
        backend=backend,
        mask=tokenizer.mask_token or tokenizer.unk_token,
        pad=tokenizer.pad_token_id or 0,
        types=types and "token_type_ids" in tokenizer.model_input_names,
    )


def probe(tokenizer: Any) -> str:
    """Hash the ids that a tokenizer gives fixed strings: the same files under another library may cut differently."""
    digest = hashlib.sha256()
    for text in PROBES:
        digest.update(repr(tokenizer.backend_tokenizer.encode(text, f"{text} b").ids).encode("ascii"))
    return digest.hexdigest()


def tokenise(tokeniser: Tokeniser, texts: Sequence[str], pairs: Sequence[str] | None = None) -> Tokens:
    """Cut texts (or pairs of texts) into sub-words, in slices of about `SLICE` characters."""
    status = [reject(*row) for row in zip(texts, *([pairs] if pairs is not None else []), strict=True)]
    good = [index for index, state in enumerate(status) if not state]
    sizes = [len(texts[index]) + (len(pairs[index]) if pairs else 0) for index in good]
    lengths = np.zeros(len(texts) + 1, np.int64)
    ids, types = [np.zeros(0, np.int32)], [np.zeros(0, np.uint8)]
    for start, end in slices(sizes, SLICE):
        rows = good[start:end]
        encodings = _encode(tokeniser, [texts[i] for i in rows], pairs and [pairs[i] for i in rows])
        for index, encoding in zip(rows, encodings, strict=True):
            status[index] = TRUNCATED if encoding.overflowing else OK
            lengths[index + 1] = len(encoding)
        total = sum(len(encoding) for encoding in encodings)
        ids.append(np.fromiter(itertools.chain.from_iterable(row.ids for row in encodings), np.int32, total))
        if tokeniser.types:
            kinds = itertools.chain.from_iterable(row.type_ids for row in encodings)
            types.append(np.fromiter(kinds, np.uint8, total))
    return Tokens(np.concatenate(ids), np.concatenate(types) if tokeniser.types else None, lengths.cumsum(), status)


def slices(sizes: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Cut rows of the given sizes into runs [start, end) of at most `most` together, or of one row."""
    start = total = 0
    for index, size in enumerate(sizes):
        if index > start and total + size > most:
            yield start, index
            start, total = index, 0
        total += size
    if start < len(sizes):
        yield start, len(sizes)


def reject(*texts: str | None) -> str:
    """Say why a row cannot be put to a teacher; "" where it can."""
    if any(text is None or not text.strip() for text in texts):
        return EMPTY
    if any(len(text) > LONGEST_TEXT for text in texts if text):
        return TOO_LONG
    try:
        "".join(text for text in texts if text).encode("utf-8")
    except UnicodeEncodeError:
        return SURROGATE
    return ""


def concatenate(groups: Sequence[Tokens]) -> Tokens:
    """Put the rows of several groups behind one another."""
    starts = np.concatenate([[0], *(group.lengths for group in groups)]).cumsum()
    types = [group.types for group in groups if group.types is not None]
    return Tokens(
        np.concatenate([group.ids for group in groups]),
        np.concatenate(types) if types else None,
        starts,
        [state for group in groups for state in group.status],
    )


def pad(tokens: Tokens, rows: np.ndarray, filler: int) -> dict[str, np.ndarray]:
    """Make the inputs of one batch, right-padded: input_ids [B, T], and what the model needs beside them.

    No attention_mask where all rows have one length: that saves a check on the device and keeps the fast kernel.
    """
    starts = tokens.starts[rows]
    lengths = tokens.starts[rows + 1] - starts
    steps = np.arange(int(lengths.max()))
    mask = steps < lengths[:, None]  # [B, T]
    where = np.where(mask, starts[:, None] + steps, 0)
    batch = {"input_ids": np.where(mask, tokens.ids[where], filler).astype(np.int64)}
    if tokens.types is not None:
        batch["token_type_ids"] = np.where(mask, tokens.types[where], 0).astype(np.int64)
    if not mask.all():
        batch["attention_mask"] = mask.astype(np.int64)
    return batch


def _encode(tokeniser: Tokeniser, texts: Sequence[str], pairs: Sequence[str] | None) -> list[Any]:
    first = [_masked(tokeniser, text) for text in texts]
    second = [_masked(tokeniser, text) for text in pairs] if pairs is not None else None
    with refusing("the teacher's tokenizer cannot cut a text"):  # a pattern that gives up is a panic in Rust
        rows: Any = first if second is None else list(zip(first, second, strict=True))
        return tokeniser.backend.encode_batch_fast(rows)


def _masked(tokeniser: Tokeniser, text: str) -> str:
    """Write the teacher's mask token for the mask sentinel, with or without blanks around it."""
    if MASK not in text:
        return text
    if tokeniser.mask is None:
        raise PotstillError(
            "the texts hold masked words, and the teacher's tokenizer has neither a mask nor an unknown token",
            hint="augment without masking",
        )
    return text.replace(MASK, tokeniser.mask)
