"""Text as words and back: the unit of augmentation, of per-word answers and of word-vector students.

`split` cuts a text into words and punctuation and remembers the blanks between them, so that `join` gives back what
was written. Tokenised text ("do n't", "-lrb-") keeps its tokens. Chinese is cut by jieba in the augmenter.
"""

import re
from functools import lru_cache
from itertools import chain

from data.example import MASK

# Order matters: the mask sentinel; bracket tokens of treebanks; clitics that stand alone ("'s"); words with inner
# apostrophes, hyphens, points and commas; runs of one punctuation mark ("...", "--").
_WORD = re.compile(
    rf"{re.escape(MASK)}"
    r"|-(?:lrb|rrb|lsb|rsb|lcb|rcb)-"
    r"|(?<!\S)['’](?:s|re|ve|ll|d|m|t|em|til|n)\b"
    r"|\w+(?:[-'’.,:/]\w+)*"
    r"|([^\w\s])\1*",
    re.IGNORECASE,
)
LONG = 64  # characters; longer tokens are rare and would fill the memory of cut ones


def split(text: str) -> tuple[list[str], list[str]]:
    """Cut a text into words and the blanks that stand BEFORE each word.

    `"Good, isn't it?"` -> (["Good", ",", "isn't", "it", "?"], ["", "", " ", " ", ""]). Leading and trailing blanks
    of the text are dropped; a run of blanks counts as one.
    """
    cuts = [_cut(token) if len(token) < LONG else _cut.__wrapped__(token) for token in text.split()]
    words = list(chain.from_iterable(cuts))
    blanks = [" "] * len(words)
    if len(words) > len(cuts):
        blanks = [blank for cut in cuts for blank in (" ", *[""] * (len(cut) - 1))]
    blanks[:1] = [""] * bool(words)
    return words, blanks


@lru_cache(maxsize=1 << 16)
def _cut(token: str) -> tuple[str, ...]:
    """Cut what stands between two blanks: no word reaches over one. Most tokens come again and again."""
    return tuple(match.group() for match in _WORD.finditer(token))


def join(words: list[str], blanks: list[str]) -> str:
    """Put words together with the blanks that stood before them; the first one's blank is left out."""
    return "".join(blank + word for blank, word in zip(blanks, words, strict=True)).strip(" ")


def normalised(text: str) -> str:
    """Fold case and blanks: two texts that differ in nothing else are the same text to the leakage guard."""
    return " ".join(text.casefold().split())
