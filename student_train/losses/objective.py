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
        self.hard, self.labelled = task.rules.hard_loss, labelled
        weights = None if class_weights is None else torch.tensor(class_weights)
        self.register_buffer("class_weights", weights, persistent=False)
        self.pairs = {name: _pairs(name, loss, student, teacher, layer_map) for name, loss in self.losses.items()}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.projections = nn.ModuleDict(_projections(self.losses, self.pairs, student, teacher))

    def forward(self, outputs: Outputs, batch: Batch, done: float = 0.0) -> Tensor:
        weights: Any = self.class_weights  # a buffer, which mypy takes for a module
        total: Tensor | None = None
        for name, loss in self.losses.items():
            given = Given(self.hard, self.labelled, weights, self.pairs[name])
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


def _pairs(name: str, loss: Loss | Moving, student: Stack | None, teacher: Stack | None, layer_map: str) -> Pairs:
    if not loss.needs.layers:
        return ()
    if student is None or teacher is None:
        raise PotstillError(
            f"the loss {name!r} compares layers, and the student has none of its own",
            hint="take losses on logits, or a student with layers",
        )
    return layer_pairs(loss.needs.layers, student, teacher, layer_map=layer_map)


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
