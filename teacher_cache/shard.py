"""One shard: the sub-words of one examples part through the teacher, and the answers as a Parquet file.

Rows are put through longest first and put back in the order of the examples; memory is one shard of answers.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from data import store
from data.schema import split_signal
from teacher_cache.batching import padded_tokens, plan_batches
from teacher_cache.extract import check_range, extract
from teacher_cache.tokens import NONFINITE, Tokens, pad


@dataclass(frozen=True)
class Answers:
    """What the teacher said of N rows: column -> [N, C] float32 or [N, D] float16; tokens and status of each row.

    A rejected row holds NaN; `padded` counts the sub-words computed, padding included.
    """

    columns: dict[str, np.ndarray]
    n_tokens: np.ndarray
    status: list[str]
    padded: int


def answer(
    model: Any,
    tokens: Tokens,
    columns: dict[str, int],
    *,
    filler: int,
    budget: int,
    on_batch: Callable[[int], None] = lambda rows: None,
) -> Answers:
    """Put all rows through the model, in batches of `budget` sub-words.

    columns: name -> width. filler: id of the padding token. on_batch: called with the rows of each finished batch.
    Rows whose answer is not finite are done again in float32; what is still not finite gets status `nonfinite`.
    """
    lengths = tokens.lengths
    batches = plan_batches(lengths, budget)
    buffers = {name: _buffer(name, len(lengths), width, model.device) for name, width in columns.items()}
    with torch.inference_mode():
        for rows in batches:
            for name, values in _forward(model, tokens, rows, tuple(columns), filler).items():
                buffers[name][torch.from_numpy(rows).to(model.device)] = values.to(buffers[name].dtype)
            on_batch(len(rows))
        status = _retry(model, tokens, buffers, filler=filler, budget=budget)
    arrays = {name: buffer.cpu().numpy() for name, buffer in buffers.items()}
    return Answers(arrays, lengths.astype(np.int32), status, padded_tokens(lengths, batches))


def write_shard(path: Path, schema: pa.Schema, ids: pa.Array, answers: Answers, groups: Sequence[int]) -> None:
    """Write a shard in the row groups (rows of each) of its examples part."""
    vectors = tuple(field.name for field in schema if pa.types.is_fixed_size_binary(field.type))
    with store.parquet_writer(path, schema, vectors=vectors) as writer:
        start = 0
        for size in groups:
            writer.write_table(_table(schema, ids, answers, slice(start, start + size)), row_group_size=max(size, 1))
            start += size
    assert start == len(ids) == len(answers.status)


def _forward(
    model: Any, tokens: Tokens, rows: np.ndarray, columns: tuple[str, ...], filler: int
) -> dict[str, torch.Tensor]:
    batch = {name: torch.from_numpy(array).to(model.device) for name, array in pad(tokens, rows, filler).items()}
    return extract(model, batch, columns)


def _buffer(name: str, rows: int, width: int, device: torch.device) -> torch.Tensor:
    """Answers stay on the device until the shard is done: no batch waits for a copy."""
    dtype = getattr(torch, split_signal(name)[0].dtype)
    return torch.full((rows, width), torch.nan, dtype=dtype, device=device)


def _retry(model: Any, tokens: Tokens, buffers: dict[str, torch.Tensor], *, filler: int, budget: int) -> list[str]:
    """Do rows with a number that is not finite again in float32; return the status of all rows."""
    status = list(tokens.status)
    broken = _not_finite(buffers, tokens.lengths)
    if not len(broken):
        return status
    exact = model if model.dtype == torch.float32 else copy.deepcopy(model).float()
    for places in plan_batches(tokens.lengths[broken], budget):
        rows = broken[places]
        for name, values in _forward(exact, tokens, rows, tuple(buffers), filler).items():
            if buffers[name].dtype == torch.float16:
                check_range(name, values)
            buffers[name][torch.from_numpy(rows).to(model.device)] = values.to(buffers[name].dtype)
    for row in _not_finite(buffers, tokens.lengths):
        status[row] = NONFINITE
    return status


def _not_finite(buffers: dict[str, torch.Tensor], lengths: np.ndarray) -> np.ndarray:
    """Numbers of the rows that were computed and hold NaN or infinity in any column."""
    finite = np.ones(len(lengths), bool)
    for buffer in buffers.values():
        finite &= buffer.isfinite().all(dim=1).cpu().numpy()
    return np.flatnonzero(~finite & (lengths > 0))


def _table(schema: pa.Schema, ids: pa.Array, answers: Answers, rows: slice) -> pa.Table:
    arrays = {
        "id": ids[rows],
        "n_tokens": pa.array(answers.n_tokens[rows]),
        "status": pa.array(answers.status[rows]),
    }
    for name, values in answers.columns.items():
        arrays[name] = _column(schema.field(name).type, np.ascontiguousarray(values[rows]))
    return pa.table([arrays[name] for name in schema.names], schema=schema)


def _column(kind: pa.DataType, values: np.ndarray) -> pa.Array:
    """Numbers [N, width] as an Arrow column without touching one of them."""
    if pa.types.is_fixed_size_binary(kind):
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), type=kind)
