"""Drawn rows -> which of them stay, and how many go for which reason of `clean.REASONS`."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augment.clean import text_key
from data.example import MASK


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


def screen(
    rows: Rows, ids: np.ndarray, originals: tuple[np.ndarray, ...], guard: frozenset[str]
) -> tuple[np.ndarray, Counter[str]]:
    """Choose the good rows: numbers in order, int64, and the count of every fault.

    ids        digests of the rows, uint64 [R, 2]
    originals  digests that no row may have, by the number of the original: uint64 [N, 2] each
    guard      keys of the dev and test texts
    """
    same = np.zeros(len(ids), bool)
    for digests in originals:
        same |= (digests[rows.source] == ids).all(axis=1)
    left = np.flatnonzero(~same)
    first = _first(rows.source[left], ids[left])
    good = left[first]
    masked = rows.all_mask[good]
    leaks = _leaks(rows.take(good), guard) & ~masked if guard else np.zeros(len(good), bool)
    dropped = {"equals_original": same, "duplicate": ~first, "all_mask": masked, "excluded": leaks}
    return good[~(masked | leaks)], Counter({reason: int(which.sum()) for reason, which in dropped.items()})


def digests_of(digests: bytes) -> np.ndarray:
    """Read digests of 16 bytes as numbers, uint64 [R, 2]."""
    return np.frombuffer(digests, "<u8").reshape(-1, 2)


def _first(source: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Tell which rows are the first with their id among those of their original, bool [R]."""
    digests = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(ids), [None, pa.py_buffer(ids)])
    codes = digests.dictionary_encode().indices.to_numpy()
    # Codes are given in the order of their first row: a row is first where its code is the highest so far.
    pairs = pa.array(source * len(ids) + codes).dictionary_encode().indices.to_numpy()
    return np.diff(np.maximum.accumulate(pairs), prepend=-1) > 0


def _leaks(rows: Rows, guard: frozenset[str]) -> np.ndarray:
    """Tell which rows equal a dev or test text. A text with a mask never does, and need not be hashed."""
    plain = np.ones(len(rows.op), bool)
    for texts in rows.texts:
        plain &= ~pc.match_substring(texts, MASK).to_numpy(zero_copy_only=False)
    texts = zip(*(texts.filter(pa.array(plain)).to_pylist() for texts in rows.texts), strict=True)
    plain[plain] = [text_key(*text) in guard for text in texts]
    return plain
