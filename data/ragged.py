"""Rows of different lengths as one flat array: ids, states, packed numbers (as `Ragged` of thinc)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Ragged:
    """N rows of different lengths: row i is `values[starts[i] : starts[i] + lengths[i]]`.

    values [all, …], starts [N] int64, lengths [N] int64
    """

    values: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    def __len__(self) -> int:
        return len(self.lengths)

    def row(self, number: int) -> np.ndarray:
        """[T, …]"""
        return self.values[self.starts[number] : self.starts[number] + self.lengths[number]]

    @property
    def ends(self) -> np.ndarray:
        """Where rows end: int64 [N]."""
        return self.starts + self.lengths

    def flat(self) -> np.ndarray:
        """All rows one behind the other: [sum of the lengths, …]."""
        before = np.repeat(self.starts - (self.lengths.cumsum() - self.lengths), self.lengths)
        return self.values[before + np.arange(len(before))]

    def places(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the values of the given rows stand, int64 [B, T], and which of these are the row's own, bool [B, T].

        Behind a row's end stand those of others, or of none.
        """
        lengths = self.lengths[rows]
        steps = np.arange(int(lengths.max(initial=0)))
        return self.starts[rows][:, None] + steps, steps < lengths[:, None]

    def pad(self, rows: np.ndarray, filler: Any = 0) -> np.ndarray:
        """Gather rows into [B, T, …], with `filler` behind each."""
        return padded(self.values, *self.places(rows), filler)


def padded(values: np.ndarray, where: np.ndarray, real: np.ndarray, filler: Any = 0) -> np.ndarray:
    """Gather values into [B, T, …] by the places that `Ragged.places` gives."""
    if values.ndim > 1:  # wide rows: what stands behind a row's end is not copied first
        found = np.full((*real.shape, *values.shape[1:]), filler, values.dtype)
        found[real] = values[where[real]]
        return found
    found = values.take(where, mode="clip")
    if not filler and found.dtype.kind in "iu":
        return np.asarray(found * real)  # a fifth faster than to choose
    return np.where(real, found, found.dtype.type(filler))


def flatten(rows: Sequence[Sequence[int]], dtype: Any = np.int32) -> tuple[np.ndarray, np.ndarray]:
    """Lists of numbers one behind the other, and their lengths: [all], int64 [N]."""
    lengths = np.fromiter((len(row) for row in rows), np.int64, len(rows))
    return np.fromiter(chain.from_iterable(rows), dtype, int(lengths.sum())), lengths


def starts_of(lengths: np.ndarray) -> np.ndarray:
    """Where rows of these lengths begin that lie one behind the other: int64 [N]."""
    return lengths.cumsum() - lengths
