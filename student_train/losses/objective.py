"""What a run learns: the weighted sum of its losses, with everything they share, train or move.

It is saved and resumed with the optimizer and left out of the student.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from data.errors import PotstillError
from data.tasks.task import Task
from student_train.batch import Batch
from student_train.losses.layers import Pairs, Stack, layer_pairs
from student_train.losses.loss import Given, Loss, Moving
from student_train.losses.projection import Projection
from student_train.losses.table import Losses, check_losses
from student_train.outputs import Outputs


class Objective(nn.Module):
    """Call it with a model's outputs, the batch and the share of the steps taken: a scalar to minimise.

    losses         by name; those of weight 0 are left out
    labelled       share of labelled rows among all that an epoch draws
    class_weights  a number for each class, by which hard losses multiply a row of it; None: all 1
    student, teacher  their layers, for losses that compare layers
    layer_map      which layer of the teacher stands for each of the student's (see `data/layer_maps.py`)
    """

    def __init__(
        self,
        losses: Losses,
        task: Task,
        *,
        labelled: float = 1.0,
        class_weights: tuple[float, ...] | None = None,
        student: Stack | None = None,
        teacher: Stack | None = None,
        layer_map: str = "skip",
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_losses(losses, task)
        self.losses = {name: loss for name, loss in losses.items() if loss.weight > 0}
        self.hard, self.labelled, self.width = task.rules.hard_loss, labelled, teacher.width if teacher else 0
        self.heads = (student.heads, teacher.heads) if student and teacher else (0, 0)
        weights = None if class_weights is None else torch.tensor(class_weights)
        self.register_buffer("class_weights", weights, persistent=False)
        self.pairs = {name: pairs_of(name, loss, student, teacher, layer_map) for name, loss in self.losses.items()}
        for name, loss in self.losses.items():
            _check_heads(name, loss, student, teacher)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.projections = nn.ModuleDict(_projections(self.losses, self.pairs, student, teacher))

    def forward(self, outputs: Outputs, batch: Batch, done: float = 0.0) -> Tensor:
        weights: Any = self.class_weights  # a buffer, which mypy takes for a module
        total: Tensor | None = None
        for name, loss in self.losses.items():
            given = Given(self.hard, self.labelled, weights, self.pairs[name], self.width, self.heads)
            if name in self.projections:
                given = replace(given, project=self.projections[name])
            now = loss.at(done) if isinstance(loss, Moving) else loss
            part = now.weight * now.formula(outputs, batch, given)
            total = part if total is None else total + part
        assert total is not None
        return total

    def trained(self) -> list[tuple[list[nn.Parameter], float]]:
        """The parameters of each projection, and their learning rate as a multiple of lr."""
        return [
            (list(module.parameters()), self.losses[name].needs.projection_lr)
            for name, module in self.projections.items()
        ]


def pairs_of(name: str, loss: Loss | Moving, student: Stack | None, teacher: Stack | None, layer_map: str) -> Pairs:
    """The layers that a loss compares; none for a loss that compares none. Refuse a student without layers."""
    if not loss.needs.layers:
        return ()
    if student is None or teacher is None:
        raise PotstillError(
            f"the loss {name!r} compares layers, and the student has none of its own",
            hint="take losses on logits, or a student with layers: --model transformer",
        )
    return layer_pairs(loss.needs.layers, student, teacher, layer_map=layer_map)


def _check_heads(name: str, loss: Loss | Moving, student: Stack | None, teacher: Stack | None) -> None:
    """Refuse heads that do not divide the widths, and a student of other attention heads than a loss compares."""
    if student is None or teacher is None:
        return
    heads = loss.needs.heads
    if heads and (student.width % heads or teacher.width % heads):
        common = [n for n in range(64, 0, -1) if not student.width % n and not teacher.width % n]
        raise PotstillError(
            f"{name}: {heads} heads do not divide widths of {student.width} and {teacher.width}",
            hint=f"--set train.losses.{name}.heads=N, with N of {', '.join(map(str, common[:8]))}",
        )
    if loss.needs.equal_heads and student.heads != teacher.heads:
        raise PotstillError(
            f"{name} compares head with head: the student has {student.heads} heads, the teacher {teacher.heads}",
            hint=f"--set train.losses.{name}.form=mse_sum, or take `relations`, which cuts both anew",
        )


def _projections(
    losses: Losses, pairs: Mapping[str, Pairs], student: Stack | None, teacher: Stack | None
) -> dict[str, nn.Module]:
    """A projection for each loss that asks for one, where the student is not as wide as its teacher."""
    if student is None or teacher is None or student.width == teacher.width:
        return {}
    return {
        name: Projection([layer for layer, _ in pairs[name]], student.width, teacher.width)
        for name, loss in losses.items()
        if loss.needs.projection_lr
    }
