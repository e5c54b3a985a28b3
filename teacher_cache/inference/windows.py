"""Split the rows of a shard into windows that are in memory together: all rows, or some 128 MiB of answers.

A shard of answers per text is small: it is one window, sorted by length as a whole. Answers per sub-word are a thousand
times larger, so they are computed and written window by window. A window never crosses a row group of the examples,
and becomes a row group of the shard. The result depends on columns, lengths and row groups only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from data.schema import count_numbers, split_signal
from data.text.encoding import Tokens
from teacher_cache.inference.batching import RULE

# Bytes of stored answers. Two windows are in memory, one computed, one written: writing 1 GB of hidden states in 8
# windows peaked at 423 MiB above the start, in 2 windows at 390.
WINDOW_BYTES = 128 << 20


def per_token(column: str) -> bool:
    """Tell whether a column's size grows with the length of the text."""
    return split_signal(column)[0].per != "text"


def batching_rule(columns: Sequence[str]) -> str:
    """Return the name of the batching rule for the plan: another rule gives other last bits."""
    return f"{RULE}/windows-{WINDOW_BYTES >> 20}-mib" if any(map(per_token, columns)) else RULE


def row_bytes(columns: Mapping[str, int], lengths: np.ndarray) -> np.ndarray:
    """Return the bytes of each row's answers, int64 [N]. columns: name -> width; lengths: sub-words a row, int [N]."""
    total = np.zeros(len(lengths), np.int64)
    for name, width in columns.items():
        signal = split_signal(name)[0]
        total += count_numbers(signal, width, lengths) * np.dtype(signal.dtype).itemsize
    return total


def plan_windows(columns: Mapping[str, int], lengths: np.ndarray, groups: Sequence[int]) -> list[slice]:
    """Split a shard's rows into windows. groups: rows of each row group of the examples.

    A row group that is too large is halved until its windows are below `WINDOW_BYTES` on average.
    """
    if not any(map(per_token, columns)):
        return [slice(0, len(lengths))]
    sizes, windows, start = row_bytes(columns, lengths), [], 0
    for rows in groups:
        pieces = 1
        while sizes[start : start + rows].sum() > pieces * WINDOW_BYTES and pieces < rows:
            pieces *= 2
        step = max(1, -(-rows // pieces))
        windows += [slice(at, min(at + step, start + rows)) for at in range(start, start + rows, step)]
        start += rows
    return windows or [slice(0, 0)]


def rows_of(tokens: Tokens, rows: slice) -> Tokens:
    """Return the sub-words of a slice of rows, without copying."""
    return replace(tokens, starts=tokens.starts[rows], lengths=tokens.lengths[rows], status=tokens.status[rows])
