"""One shard: the answers of one examples part as a Parquet file, written while the next ones are computed."""

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from data.row_groups import parquet_writer
from data.schema import count_numbers, split_signal
from teacher_cache.inference.answers import Answers


@dataclass
class Tally:
    """What was written: rows by status, real sub-words, sub-words computed, rows taken from other caches."""

    status: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    padded: int = 0
    reused: int = 0

    def add(self, answers: Answers) -> None:
        self.status.update(answers.status)
        self.tokens += int(answers.n_tokens.sum())
        self.padded += answers.padded


def write_shard(
    path: Path, schema: pa.Schema, ids: pa.Array, answers: Iterable[Answers], groups: Sequence[int]
) -> Tally:
    """Write a shard as its answers come. Row groups end where those of the examples (`groups`) or a window end."""
    left, start, tally = list(groups), 0, Tally()
    waiting: Future[None] | None = None
    with parquet_writer(path, schema, vectors=vectors_of(schema)) as writer, ThreadPoolExecutor(1) as disk:
        for window in answers:
            sizes, rows = _cut(left, len(window.status)), ids[start : start + len(window.status)]
            if waiting is not None:
                waiting.result()  # one window waits for the disk while the next is computed
            waiting = disk.submit(_write, writer, schema, rows, window, sizes)
            start += len(window.status)
            tally.add(window)
        if waiting is not None:
            waiting.result()
    assert start == len(ids) and not left
    return tally


def vectors_of(schema: pa.Schema) -> tuple[str, ...]:
    """Name the columns of packed numbers, which are stored uncompressed."""
    binary = (pa.types.is_fixed_size_binary, pa.types.is_large_binary)
    return tuple(column.name for column in schema if any(kind(column.type) for kind in binary))


def _cut(left: list[int], rows: int) -> list[int]:
    """Take the row groups of a window off the front of `left`, the rows still to write of each row group."""
    sizes = []
    while left and (rows or left[0] == 0):
        size = min(left[0], rows)
        left[0] -= size
        rows -= size
        sizes.append(size)
        if not left[0]:
            left.pop(0)
    assert not rows
    return sizes


def _write(writer: Any, schema: pa.Schema, ids: pa.Array, answers: Answers, groups: Sequence[int]) -> None:
    table, start = _table(schema, ids, answers), 0
    for size in groups:
        writer.write_table(table.slice(start, size), row_group_size=max(size, 1))
        start += size


def _table(schema: pa.Schema, ids: pa.Array, answers: Answers) -> pa.Table:
    arrays = {"id": ids, "n_tokens": pa.array(answers.n_tokens), "status": pa.array(answers.status)}
    for name, values in answers.columns.items():
        arrays[name] = _column(schema.field(name).type, values, _starts(name, answers))
    return pa.table([arrays[name] for name in schema.names], schema=schema)


def _starts(name: str, answers: Answers) -> np.ndarray:
    """Where each row begins in the flat answers of a column, int64 [N + 1]."""
    counts = count_numbers(split_signal(name)[0], 1, answers.n_tokens)
    if name == "logits" and answers.n_words is not None:
        counts = answers.n_words
    return np.concatenate([[0], counts.cumsum()])


def _column(kind: pa.DataType, values: np.ndarray, starts: np.ndarray) -> pa.Array:
    """Numbers [all, width] as an Arrow column without touching one of them."""
    values = np.ascontiguousarray(values)
    if pa.types.is_fixed_size_binary(kind):
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
    if pa.types.is_large_binary(kind):
        offsets = starts * (values.shape[1] * values.itemsize)
        return pa.LargeBinaryArray.from_buffers(
            kind, len(starts) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(values)]
        )
    if pa.types.is_fixed_size_list(kind):
        return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), type=kind)
    items = pa.array(values[:, 0]) if pa.types.is_integer(kind.value_type) else _column(kind.value_type, values, starts)
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), items, type=kind)
