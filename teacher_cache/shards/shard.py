"""One shard: the sub-words of one examples part through the teacher, and the answers as a Parquet file.

Rows are put through longest first and put back in the order of the examples. Memory is two windows of answers
(`inference/windows.py`): of a shard of per-text answers all, of per-token answers some 128 MiB each.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from data import store
from data.schema import count_numbers, split_signal
from data.text.encoding import Tokens
from teacher_cache.inference.align import Words, to_words, words_of
from teacher_cache.inference.forward import Forward
from teacher_cache.inference.windows import plan_windows, rows_of

OnBatch = Callable[[int], None]


@dataclass(frozen=True)
class Answers:
    """What the teacher said of N rows; tokens and status of each row.

    columns   per text [N, C] float32 or [N, D] float16; per token, all rows behind each other, [S, width]; per pair of
              tokens [P, 1], the lower triangles row by row. Logits per word are [all words, C]
    n_words   words of each row, where logits are per word
    padded    sub-words computed, padding included

    A row that is rejected or not finite holds NaN.
    """

    columns: dict[str, np.ndarray]
    n_tokens: np.ndarray
    status: list[str]
    padded: int
    n_words: np.ndarray | None = None


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


def answer(
    model: Any,
    tokens: Tokens,
    columns: dict[str, int],
    *,
    filler: int,
    budget: int,
    alone: bool = False,
    on_batch: OnBatch = lambda rows: None,
    words: Words | None = None,
) -> Answers:
    """Put all rows through the model, in batches of `budget` sub-words, with all answers in memory.

    columns: name -> width. filler: id of the padding token. alone: rows of another length cannot be in a batch.
    on_batch: called with the rows of each finished batch.
    words: where the words of each row are, for logits per word of a model that scores every sub-word.
    Rows whose answer is not finite are done again in float32; what is still not finite gets status `nonfinite`.
    """
    return _answer(
        Forward(model, columns, filler, budget, per_word=words is not None, alone=alone), tokens, words, on_batch
    )


def answer_windows(
    model: Any,
    tokens: Tokens,
    columns: dict[str, int],
    groups: Sequence[int],
    *,
    filler: int,
    budget: int,
    alone: bool = False,
    on_batch: OnBatch = lambda rows: None,
    words: Words | None = None,
) -> Iterator[Answers]:
    """Put a shard through the model window by window; one window is in memory. See `answer` and `plan_windows`."""
    forward = Forward(model, columns, filler, budget, per_word=words is not None, alone=alone)
    for rows in plan_windows(columns, tokens.lengths, groups):
        yield _answer(forward, rows_of(tokens, rows), words and words_of(words, rows), on_batch)


def write_shard(
    path: Path, schema: pa.Schema, ids: pa.Array, answers: Answers | Iterable[Answers], groups: Sequence[int]
) -> Tally:
    """Write a shard as its answers come. Row groups end where those of the examples (`groups`) or a window end."""
    left, start, tally = list(groups), 0, Tally()
    waiting: Future[None] | None = None
    with store.parquet_writer(path, schema, vectors=vectors_of(schema)) as writer, ThreadPoolExecutor(1) as disk:
        for window in [answers] if isinstance(answers, Answers) else answers:
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


def _answer(forward: Forward, tokens: Tokens, words: Words | None, on_batch: OnBatch) -> Answers:
    columns, status, padded = forward.run(tokens, on_batch)
    n_words = None
    if words is not None:
        n_words = np.diff(words.starts).astype(np.int32)
        columns["logits"] = to_words(columns["logits"], tokens.starts, words)
    return Answers(columns, tokens.lengths.astype(np.int32), status, padded, n_words)


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
