"""One training batch, and how encoded rows become one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from data.ragged import Ragged, flatten, padded, starts_of
from student_train.outputs import Outputs


@dataclass(frozen=True)
class Inputs:
    """The texts of a batch as a model reads them: one entry per text (two for a siamese student).

    ids      each [B, T] int64, padded on the right with 0
    lengths  each [B] int64, real tokens, at least 1
    types    [B, T] int64 segment numbers of a joint pair, or None
    """

    ids: tuple[Tensor, ...]
    lengths: tuple[Tensor, ...]
    types: Tensor | None = None

    def of_rows(self, rows: slice) -> "Inputs":
        types = None if self.types is None else self.types[rows]
        return Inputs(tuple(ids[rows] for ids in self.ids), tuple(lengths[rows] for lengths in self.lengths), types)

    def to(self, device: torch.device) -> "Inputs":
        return Inputs(
            tuple(ids.to(device, non_blocking=True) for ids in self.ids),
            tuple(lengths.to(device, non_blocking=True) for lengths in self.lengths),
            None if self.types is None else self.types.to(device, non_blocking=True),
        )


@dataclass(frozen=True)
class Batch:
    """Inputs, gold labels and cached teacher signals of B rows.

    label    [B]: class (-100 where unknown) or score (NaN where unknown)
    teacher  the cached signals, None when fine-tuning a teacher
    rows     [B] row numbers within the block, for tests and error messages
    """

    inputs: Inputs
    label: Tensor
    teacher: Outputs | None
    rows: np.ndarray

    @property
    def told(self) -> Outputs:
        """What the teacher said, for losses that need it."""
        assert self.teacher is not None, "a loss on teacher signals got a batch without them"
        return self.teacher

    def parts(self, count: int) -> "list[Batch]":
        """Cut the batch into `count` parts, or one a row where it has fewer; sizes differ by one row at most."""
        if count == 1:
            return [self]
        cuts = [rows for rows in np.array_split(np.arange(len(self.rows)), count) if len(rows)]
        return [self._part(slice(int(rows[0]), int(rows[-1]) + 1)) for rows in cuts]

    def _part(self, rows: slice) -> "Batch":
        teacher = None if self.teacher is None else self.teacher.of_rows(rows)
        return Batch(self.inputs.of_rows(rows), self.label[rows], teacher, self.rows[rows])

    def to(self, device: torch.device) -> "Batch":
        if device.type == "cpu":
            return self
        teacher = None if self.teacher is None else self.teacher.to(device)
        return replace(self, inputs=self.inputs.to(device), label=self.label.to(device), teacher=teacher)


@dataclass(frozen=True)
class Encoded(Ragged):
    """Many texts as one flat array of ids: row i is `values[starts[i] : starts[i] + lengths[i]]`.

    values [tokens] int32 or uint16, starts [N] int64, lengths [N] int64 (>= 1), types like values or None
    """

    types: np.ndarray | None = None

    @staticmethod
    def of(rows: list[list[int]], types: list[list[int]] | None = None) -> "Encoded":
        """Flatten lists of ids. An empty row becomes the single id 0, so that every length is at least 1."""
        flat, lengths = flatten([row or [0] for row in rows])
        return Encoded.laid(flat, lengths, None if types is None else flatten([row or [0] for row in types])[0])

    @staticmethod
    def filled(flat: np.ndarray, lengths: np.ndarray, types: np.ndarray | None = None) -> "Encoded":
        """Rows of these lengths that lie one behind the other; an empty row becomes the single id 0."""
        at = starts_of(lengths)[lengths == 0]
        types = None if types is None else np.insert(types, at, 0).astype(np.int32)
        return Encoded.laid(np.insert(flat, at, 0), np.maximum(lengths, 1), types)

    @staticmethod
    def laid(flat: np.ndarray, lengths: np.ndarray, types: np.ndarray | None = None) -> "Encoded":
        """Rows of these lengths that lie one behind the other."""
        lengths = lengths.astype(np.int64, copy=False)
        return Encoded(flat, starts_of(lengths), lengths, types)

    @staticmethod
    def joined(pieces: "Sequence[Encoded]") -> "Encoded":
        """Put the rows of several pieces, each laid one behind the other, behind each other."""
        if len(pieces) == 1:
            return pieces[0]
        types = [piece.types for piece in pieces if piece.types is not None]
        return Encoded.laid(
            np.concatenate([piece.values for piece in pieces]),
            np.concatenate([piece.lengths for piece in pieces]),
            np.concatenate(types) if types else None,
        )

    def padded(self, rows: np.ndarray) -> tuple[Tensor, Tensor, Tensor | None]:
        """Gather rows into ids [B, T], lengths [B] and segment numbers [B, T] (or None)."""
        places = self.places(rows)
        ids, types = (
            None if flat is None else torch.from_numpy(padded(flat, *places).astype(np.int64))
            for flat in (self.values, self.types)
        )
        assert ids is not None
        return ids, torch.from_numpy(self.lengths[rows]), types


def pad_inputs(sides: list[Encoded], rows: np.ndarray) -> Inputs:
    """Make the model's input of the given rows from each side's encoded texts."""
    padded = [side.padded(rows) for side in sides]
    return Inputs(tuple(ids for ids, _, _ in padded), tuple(lengths for _, lengths, _ in padded), padded[0][2])
