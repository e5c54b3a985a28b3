"""Run the teacher over rows in batches and return the answers in row order. `Tokens` -> flat arrays.

Answers stay on the device until all rows are done, so no batch waits for a copy. Padding is dropped on the device. On a
CPU several batches are computed at once (`lanes.py`), and if the columns allow it, the last layer is computed for the
first token only (`first_token.py`).
"""

import copy
import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch

from data.schema import split_signal
from data.text.encoding import NONFINITE, Tokens, pad
from teacher_cache.inference.attention import watched
from teacher_cache.inference.batching import padded_tokens, plan_batches
from teacher_cache.inference.extract import ATTENTION, check_range, extract
from teacher_cache.inference.first_token import first_token_only, first_token_serves
from teacher_cache.inference.lanes import cpu_threads, lanes_of, side_by_side

Buffers = dict[str, torch.Tensor]  # column -> [all places, width] on the device
Starts = dict[str, np.ndarray]  # column -> place where each row begins, int64 [N + 1]


class Forward:
    """A teacher, the columns to compute, and how to batch.

    columns    name -> width
    filler     id of the padding token
    budget     maximum sub-words of a batch
    alone      a batch holds rows of one length only (see `data.text.encoding.Feed`)
    per_word   the model scores every sub-word; its logits are returned as [S, C]
    """

    def __init__(
        self,
        model: Any,
        columns: dict[str, int],
        filler: int,
        budget: int,
        *,
        per_word: bool = False,
        alone: bool = False,
    ) -> None:
        self.model, self.columns, self.filler, self.budget, self.alone = model, columns, filler, budget, alone
        self.per = {name: split_signal(name)[0].per for name in columns} | ({"logits": "token"} if per_word else {})
        self.attention = any(name.partition(".")[0] in ATTENTION for name in columns)
        self.first = not per_word and first_token_serves(model, columns)

    def run(self, tokens: Tokens, on_batch: Callable[[int], None]) -> tuple[dict[str, np.ndarray], list[str], int]:
        """Compute all rows; return columns as flat arrays, the status of each row, and sub-words including padding.

        Errors: q, k or v of a model that does not expose them (see `check_capture`).
        """
        lengths = tokens.lengths
        starts = {name: _starts(per, lengths) for name, per in self.per.items()}
        buffers = {name: self._buffer(name, int(starts[name][-1])) for name in self.columns}
        batches = plan_batches(lengths, self.budget, alone=self.alone)
        with self.ready(self.model) as lanes:
            fill = functools.partial(self._fill, self.model, tokens, buffers=buffers, starts=starts)
            for rows in side_by_side(fill, batches, lanes):
                on_batch(len(rows))
        status = self._retry(tokens, buffers, starts)
        return {name: buffer.cpu().numpy() for name, buffer in buffers.items()}, status, padded_tokens(lengths, batches)

    @functools.cached_property
    def _exact(self) -> Any:
        """Return the model in float32: itself, or a copy if it has another dtype."""
        return self.model if self.model.dtype == torch.float32 else copy.deepcopy(self.model).float()

    @contextmanager
    def ready(self, model: Any) -> Iterator[int]:
        """Prepare a model to compute just the columns during a block; yield how many batches may run at once."""
        with ExitStack() as stack:
            lanes = lanes_of(model)
            stack.enter_context(cpu_threads(1 if lanes > 1 else 0))
            if self.attention:
                stack.enter_context(watched(model))
            if self.first:
                stack.enter_context(first_token_only(model))
            yield lanes

    def _buffer(self, name: str, places: int) -> torch.Tensor:
        dtype = getattr(torch, split_signal(name)[0].dtype)
        empty = torch.nan if dtype.is_floating_point else 0
        return torch.full((places, self.columns[name]), empty, dtype=dtype, device=self.model.device)

    @torch.inference_mode()
    def _fill(
        self, model: Any, tokens: Tokens, rows: np.ndarray, *, buffers: Buffers, starts: Starts, check: bool = False
    ) -> None:
        """Run one batch and write its answers into the buffers. check: refuse numbers above the range of storage."""
        batch = {name: self._there(array) for name, array in pad(tokens, rows, self.filler).items()}
        lengths = tokens.lengths[rows]
        real = np.arange(int(lengths.max())) < lengths[:, None]  # [B, T]: which sub-words are no padding
        for name, values in extract(model, batch, tuple(self.columns)).items():
            if check and buffers[name].dtype == torch.float16:
                check_range(name, values)
            places, select = _places(self.per[name], starts[name][rows], real)
            if select is not None:
                values = values[self._there(select)]
            width = self.columns[name]
            buffers[name][self._there(places)] = values.reshape(len(places), width).to(buffers[name].dtype)

    def _retry(self, tokens: Tokens, buffers: Buffers, starts: Starts) -> list[str]:
        """Compute rows with a number that is not finite again in float32; return the status of all rows.

        A number above the range of float16 is infinite in the buffer, so its row is computed again too, and
        `check_range` then names it.
        """
        status = list(tokens.status)
        broken = _not_finite(buffers, starts, tokens.lengths)
        if len(broken):
            with self.ready(self._exact):
                for places in plan_batches(tokens.lengths[broken], self.budget, alone=self.alone):
                    self._fill(self._exact, tokens, broken[places], buffers=buffers, starts=starts, check=True)
        for row in _not_finite(buffers, starts, tokens.lengths) if len(broken) else []:
            status[row] = NONFINITE
            for name, buffer in buffers.items():
                if buffer.is_floating_point():
                    buffer[starts[name][row] : starts[name][row + 1]] = torch.nan
        return status

    def _there(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self.model.device)


def _starts(per: str, lengths: np.ndarray) -> np.ndarray:
    """Return the index of each row's first value: one value per text, T per token, T(T+1)/2 per pair."""
    counts = {"text": np.ones_like(lengths), "token": lengths, "pair": lengths * (lengths + 1) // 2}[per]
    return np.concatenate([[0], counts.cumsum()])


def _places(per: str, starts: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return target indices [P] of a batch's values, and which values: bool [B, T] or [B, T, T], or None for all.

    Of pairs the lower triangle is stored, row by row: index i(i+1)/2 + j for j up to i.
    """
    if per == "text":
        return starts, None
    steps = np.arange(real.shape[1])
    if per == "token":
        return (starts[:, None] + steps)[real], real
    lower = real[:, :, None] & (steps[:, None] >= steps)  # [B, T, T]
    packed = steps[:, None] * (steps[:, None] + 1) // 2 + steps  # [T, T]
    return (starts[:, None, None] + packed)[lower], lower


def _not_finite(buffers: Buffers, starts: Starts, lengths: np.ndarray) -> np.ndarray:
    """Return the indices of computed rows that have NaN or infinity in any column."""
    broken = np.zeros(len(lengths), bool)
    for name, buffer in buffers.items():
        if buffer.is_floating_point():
            places = np.flatnonzero(~buffer.isfinite().all(dim=1).cpu().numpy())
            broken[np.searchsorted(starts[name], places, side="right") - 1] = True
    return np.flatnonzero(broken & (lengths > 0))
