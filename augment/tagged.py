"""Tagged texts, one (`Tagged`) or many (`Texts`): words, the blanks before them, and their parts of speech."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.example import MASK

SIDES = {"a": "text", "b": "pair"}  # a row's texts by the letter of their side
NAMES = ("words", "blanks", "tags")
LISTS = pa.list_(pa.string())


@dataclass(frozen=True, slots=True)
class Tagged:
    """One text of L words.

    words   L words
    blanks  the blank ("" or " ") before each word
    tags    the part of speech of each word; empty where nothing tagged it
    """

    words: list[str]
    blanks: list[str]
    tags: list[str]


@dataclass(frozen=True)
class Texts:
    """N tagged texts of W words together.

    words   string [W], one text after the other
    blanks  string [W]
    tags    string [W], or empty where nothing tagged them
    starts  int64 [N + 1]: text i owns the words from starts[i] to before starts[i + 1]
    """

    words: pa.StringArray
    blanks: pa.StringArray
    tags: pa.StringArray
    starts: np.ndarray

    @cached_property
    def lengths(self) -> np.ndarray:
        """Words of each text, int64 [N]."""
        return np.diff(self.starts)

    @cached_property
    def flat(self) -> Tagged:
        """All words as one text, the input of word operations."""
        return Tagged(self.words.to_pylist(), self.blanks.to_pylist(), self.tags.to_pylist())

    @cached_property
    def glued(self) -> np.ndarray:
        """Whether a word has no blank before it, and none after it: bool [W, 2]."""
        against = pc.equal(self.blanks, "").to_numpy(zero_copy_only=False).astype(bool)
        firsts = self.starts[:-1][self.lengths > 0]
        against[firsts] = False
        return np.stack([against, np.append(against[1:], False)[: len(against)]], axis=1)

    @cached_property
    def says_nothing(self) -> np.ndarray:
        """Whether a word is punctuation or a mask, bool [W]."""
        return says_nothing(self.words)

    @cached_property
    def spaced(self) -> pa.StringArray:
        """Every word with the blank before it [W]."""
        return pc.binary_join_element_wise(self.blanks, self.words, "")


def says_nothing(words: pa.StringArray) -> np.ndarray:
    """Tell which words are punctuation or a mask: bool [N]."""
    found = pc.or_(pc.match_substring_regex(words, r"^\pP+$"), pc.equal(words, MASK))
    return found.to_numpy(zero_copy_only=False).astype(bool)


def columns(texts: Iterable[Tagged], side: str) -> dict[str, pa.ListArray]:
    """Turn tagged texts into columns of lists, named for their side of a pair."""
    texts = list(texts)
    return {f"{name}_{side}": _lists([getattr(text, name) for text in texts]) for name in NAMES}


def from_columns(table: pa.Table, side: str) -> Texts:
    """Read some rows of those columns."""
    words, blanks, tags = (table[f"{name}_{side}"].combine_chunks() for name in NAMES)
    starts = words.offsets.to_numpy().astype(np.int64)
    return Texts(words.flatten(), blanks.flatten(), tags.flatten(), starts - starts[0])


def _lists(values: list[list[str]]) -> pa.ListArray:
    offsets = np.cumsum([0, *map(len, values)]).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, pa.array(chain.from_iterable(values), pa.string()))
