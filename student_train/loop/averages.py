"""The mean of the weights over the steps behind: what dev measures, what is kept as the best and what is saved.

After step t = 0, 1, … the mean a of a weight w becomes d·a + (1 - d)·w, with d = min(decay, (1 + t) / (10 + t)): an
exponential moving average that forgets its start early.

A row of a word table keeps its weight at a step that does not meet it. So its mean is brought up to date only before
the row is changed, or when the mean is asked for: a = w + (a - w) · Π d over the steps since the last time. Measured on
one thread, a BiLSTM with a table of 30,522 x 384: 3 ms of a step's 86, whatever the size of the table.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from student_train.models.weights import copy_weights


class Averages:
    """Moving averages of a model's trained weights.

    decay   share of the mean that a step keeps, in the long run; 0 to 1
    tables  those of the weights whose gradients are sparse
    """

    def __init__(self, model: nn.Module, decay: float, *, tables: list[Tensor]) -> None:
        self.model, self.decay, self.tables = model, decay, tables
        sparse = {id(table) for table in tables}
        self.others = [p for p in model.parameters() if p.requires_grad and id(p) not in sparse]
        self.means = [weight.detach().clone() for weight in (*self.tables, *self.others)]
        self.kept = [torch.zeros(len(t), dtype=torch.float64, device=t.device) for t in tables]  # log Π d, row by row
        self.log, self.steps = 0.0, 0  # log Π d over all steps

    @torch.no_grad()
    def before_step(self) -> None:
        """Bring the rows that the step is going to change up to date. Gradients are coalesced on the way."""
        for table, mean, kept in zip(self.tables, self.means, self.kept, strict=False):
            if table.grad is not None:
                table.grad = table.grad.coalesce()
                self._catch_up(table, mean, kept, table.grad.indices()[0])

    @torch.no_grad()
    def after_step(self) -> None:
        """Take the weights of a step into the mean."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.log, self.steps = self.log + math.log(decay), self.steps + 1
        torch._foreach_lerp_(self.means[len(self.tables) :], [p.detach() for p in self.others], 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the means in the place of the model's weights for the time of the block."""
        with torch.no_grad():
            for table, mean, kept in zip(self.tables, self.means, self.kept, strict=False):
                self._catch_up(table, mean, kept, (kept != self.log).nonzero()[:, 0])
            trained = [(p, p.detach().clone()) for p in (*self.tables, *self.others)]
            for (weight, _), mean in zip(trained, self.means, strict=True):
                weight.copy_(mean)
        try:
            yield
        finally:
            with torch.no_grad():
                for weight, value in trained:
                    weight.copy_(value)

    def weights(self) -> dict[str, Tensor]:
        """The model's weights by name with the means in the place of those that are trained, float32 on the CPU."""
        with self.in_place():
            return copy_weights(self.model)

    def state(self) -> dict[str, Tensor]:
        """Everything a bit-exact resume needs, as named tensors."""
        tensors = {f"mean.{number}": mean for number, mean in enumerate(self.means)}
        tensors |= {f"kept.{number}": kept for number, kept in enumerate(self.kept)}
        return tensors | {"log": torch.tensor(self.log, dtype=torch.float64), "steps": torch.tensor(self.steps)}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Restore what `state` returned."""
        for name, there in (("mean", self.means), ("kept", self.kept)):
            for number, tensor in enumerate(there):
                tensor.copy_(tensors[f"{name}.{number}"])
        self.log, self.steps = float(tensors["log"]), int(tensors["steps"])

    def _catch_up(self, table: Tensor, mean: Tensor, kept: Tensor, rows: Tensor) -> None:
        """Bring rows [n] of a table's mean up to date: their weights have been what they are since the last time."""
        share = torch.exp(self.log - kept[rows]).float()[:, None]  # [n, 1]
        weight = table.detach()[rows]
        mean[rows] = weight + (mean[rows] - weight) * share
        kept[rows] = self.log


def averages_of(model: nn.Module, decay: float | None, tables: list[Tensor]) -> Averages | None:
    """The averages that a config asks for, by its `ema`; None for none."""
    return Averages(model, decay, tables=tables) if decay else None
