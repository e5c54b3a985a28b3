"""Cached columns as numbers: an Arrow column of a row group → arrays of a block → tensors of a batch.

Vectors a text are `fixed_size_binary`, rows a sub-word are ragged `large_binary`, ids are lists. The field's metadata
says their dtype and shape (docs/CACHE_FORMAT.md). Numbers stay as they are stored: losses compute in float32.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from data.errors import PotstillError
from data.ragged import Ragged
from student_train.batch import Encoded

Column = np.ndarray | Ragged  # [N, D], or N rows of [T, D] or of packed numbers


def chosen_columns(required: Iterable[str], held: Iterable[str]) -> tuple[str, ...]:
    """Name the columns a cache holds of the signals asked for: `cls` is all its layers, `cls.6` that one."""
    wanted = set(required) - {"logits"}
    return tuple(column for column in held if column in wanted or column.partition(".")[0] in wanted)


def decode(column: pa.ChunkedArray, field: pa.Field) -> Column:
    """Turn an Arrow column into numbers, without copying them."""
    array = column.combine_chunks()
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        offsets = array.offsets.to_numpy().astype(np.int64)  # [N + 1]
        return Ragged(array.values.to_numpy(), offsets[:-1], np.diff(offsets))
    about = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
    dtype = np.dtype(about["dtype"]).newbyteorder("<")
    if pa.types.is_fixed_size_binary(array.type):
        size = array.type.byte_width
        flat = np.frombuffer(array.buffers()[1], dtype, len(array) * size // dtype.itemsize, array.offset * size)
        return flat.reshape(len(array), -1)  # [N, D]
    width = re.search(r",\s*(\d+)\]$", about["shape"])  # "[T, 768]"; packed numbers have none
    return _ragged(array, dtype, int(width[1]) if width else 0)


def _ragged(array: Any, dtype: np.dtype, width: int) -> Ragged:
    wide = np.int64 if pa.types.is_large_binary(array.type) else np.int32
    offsets = np.frombuffer(array.buffers()[1], wide)[array.offset : array.offset + len(array) + 1].astype(np.int64)
    values = np.frombuffer(array.buffers()[2] or b"", dtype)
    step = dtype.itemsize * (width or 1)
    return Ragged(values.reshape(-1, width) if width else values, offsets[:-1] // step, np.diff(offsets) // step)


def joined(columns: list[Column]) -> Column:
    """Put the rows of several row groups behind each other."""
    if all(isinstance(column, np.ndarray) for column in columns):
        return np.concatenate(columns)  # type: ignore[arg-type]
    parts = [column for column in columns if isinstance(column, Ragged)]
    before = np.cumsum([0, *(len(part.values) for part in parts[:-1])])
    starts = [part.starts + shift for part, shift in zip(parts, before, strict=True)]
    lengths = [part.lengths for part in parts]
    return Ragged(np.concatenate([part.values for part in parts]), np.concatenate(starts), np.concatenate(lengths))


def collate(signals: Mapping[str, Column], rows: np.ndarray) -> dict[str, Any]:
    """Make the fields of `Outputs` of the given rows: `cls.6` becomes cls[6]."""
    fields: dict[str, Any] = {}
    for column, values in signals.items():
        name, _, layer = column.partition(".")
        tensor = _tensor(name, values, rows)
        if layer:
            fields.setdefault(name, {})[int(layer)] = tensor
        else:
            fields[name] = tensor
    return fields


def check_aligned(signals: Mapping[str, Column], side: Encoded) -> None:
    """Refuse rows whose sub-words are not those that the teacher's numbers are about.

    side: the student's ids of the same rows. Compared by count, and by id where the cache holds `input_ids`.
    """
    for column, values in signals.items():
        if not isinstance(values, Ragged):
            continue
        counts = values.lengths if column.partition(".")[0] != "gram" else _side_of(values.lengths)
        wrong = np.flatnonzero(counts != side.lengths)
        if column == "input_ids" and not len(wrong):
            wrong = np.flatnonzero(values.flat() != side.values)
        if len(wrong):
            raise PotstillError(
                f"the student's sub-words are not the teacher's, which {column!r} is about",
                hint="give the student the teacher's tokenizer and max_length, or take a loss on logits, cls or mean",
            )


def _tensor(name: str, values: Column, rows: np.ndarray) -> Tensor:
    if isinstance(values, np.ndarray):
        return torch.from_numpy(values[rows])  # [B, D]
    if name == "gram":
        return torch.from_numpy(_unpack(values, rows))  # [B, T, T]
    padded = torch.from_numpy(values.pad(rows))  # [B, T, …]
    return padded.long() if padded.dtype == torch.int32 else padded


def _unpack(values: Ragged, rows: np.ndarray) -> np.ndarray:
    """Packed lower triangles, row by row, as symmetric matrices [B, T, T] with zeros around."""
    sides = _side_of(values.lengths[rows])
    longest = int(sides.max(initial=0))
    grams = np.zeros((len(rows), longest, longest), values.values.dtype)
    for place, (row, side) in enumerate(zip(rows, sides, strict=True)):
        below = np.tril_indices(side)
        grams[place][below] = values.row(row)
        grams[place].T[below] = values.row(row)
    return grams


def _side_of(packed: np.ndarray) -> np.ndarray:
    """T of T(T+1)/2 packed numbers."""
    return ((np.sqrt(8 * packed + 1) - 1) / 2).round().astype(np.int64)
