"""Check synthetic rows -> the rows that stay, and counts of dropped ones by reason (`clean.REASONS`)."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.example import MASK
from data.text.held_out import text_keys


@dataclass(frozen=True)
class Rows:
    """R rows that an operation changed.

    source    number of the original, int64 [R], ascending;  k: number of the draw, int64 [R]
    texts     one text of each row, or two: string [R] each
    op        number of the operation's name, int64 [R]
    all_mask  whether a changed side is nothing but masks, bool [R]
    """

    source: np.ndarray
    k: np.ndarray
    texts: list[pa.StringArray]
    op: np.ndarray
    all_mask: np.ndarray

    def take(self, chosen: np.ndarray) -> "Rows":
        texts = [text.take(pa.array(chosen)) for text in self.texts]
        return Rows(self.source[chosen], self.k[chosen], texts, self.op[chosen], self.all_mask[chosen])


def screen(rows: Rows, originals: list[list[pa.StringArray]], guard: frozenset[str]) -> tuple[np.ndarray, Counter[str]]:
    """Return the indices of good rows in order, int64, and the number of dropped rows by reason.

    originals  texts that no row may equal, by the number of the original: one string array [N] a side, as in `rows`
    guard      keys of the dev and test texts
    """
    codes = _codes([rows.texts, *originals])
    same = np.zeros(len(rows.op), bool)
    for standing in codes[1:]:
        same |= codes[0] == standing[rows.source]
    left = np.flatnonzero(~same)
    first = _first(rows.source[left] * (codes[0].max(initial=0) + 1) + codes[0][left])
    good = left[first]
    masked = rows.all_mask[good]
    leaks = _leaks(rows.take(good), guard) & ~masked if guard else np.zeros(len(good), bool)
    dropped = {"equals_original": same, "duplicate": ~first, "all_mask": masked, "excluded": leaks}
    return good[~(masked | leaks)], Counter({reason: int(which.sum()) for reason, which in dropped.items()})


def _codes(groups: list[list[pa.StringArray]]) -> list[np.ndarray]:
    """Number the distinct texts, or pairs of texts, of some groups: int64, one array a group."""
    codes = np.zeros(1, np.int64)
    for texts in zip(*groups, strict=True):  # of one side
        side = _encode(pa.concat_arrays(texts))
        codes = _encode(pa.array(codes * len(side) + side))
    ends = np.cumsum([len(texts[0]) for texts in groups])
    return np.split(codes, ends[:-1])


def _first(keys: np.ndarray) -> np.ndarray:
    """Tell which keys occur for the first time, bool [R]."""
    return np.diff(np.maximum.accumulate(_encode(pa.array(keys))), prepend=-1) > 0


def _encode(values: pa.Array) -> np.ndarray:
    """Number the distinct values in the order of their first occurrence, int64 [R]."""
    return values.dictionary_encode().indices.to_numpy().astype(np.int64)


def _leaks(rows: Rows, guard: frozenset[str]) -> np.ndarray:
    """Tell which rows equal a dev or test text. Texts with a mask never do, and are not hashed."""
    plain = np.ones(len(rows.op), bool)
    for texts in rows.texts:
        plain &= ~pc.match_substring(texts, MASK).to_numpy(zero_copy_only=False)
    keys = text_keys(*(texts.filter(pa.array(plain)).to_pylist() for texts in rows.texts))
    plain[plain] = [key in guard for key in keys]
    return plain
