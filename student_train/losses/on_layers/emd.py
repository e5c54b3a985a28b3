"""Earth mover's distance between layers of student and teacher (BERT-EMD, Li et al. 2020; TextBrewer's distiller)."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from data.errors import PotstillError
from student_train.batch import Batch
from student_train.losses.layers import EVERY
from student_train.losses.loss import Given, Needs
from student_train.losses.on_layers.states import distance, real, states_of
from student_train.outputs import Outputs


@dataclass(frozen=True)
class EMD:
    """Least cost of moving the student's layers onto the teacher's: Σ F · D, and the distance of the embeddings.

    D is the mean squared error of the states of each two layers, F the transport plan between uniform weights, which is
    found anew for every batch and has no gradient. So no layer map is needed: what fits is found. BERT-EMD's own code
    adds attention and weights of layers that it updates; TextBrewer's distiller, as here, has neither.

    projection_lr  learning rate of the projection to the teacher's width, as a multiple of lr
    """

    weight: float = 1.0
    projection_lr: float = 1.0

    kinds = ()

    @property
    def needs(self) -> Needs:
        return Needs(("hidden",), layers=EVERY, projection_lr=self.projection_lr)

    def formula(self, student: Outputs, batch: Batch, given: Given) -> Tensor:
        mask = real(batch)
        made = {ours: given.project(ours, states_of(student, ours)) for ours in {ours for ours, _ in given.pairs}}
        costs = {
            (ours, theirs): distance(made[ours], states_of(batch.told, theirs), mask) for ours, theirs in given.pairs
        }
        embeddings = costs.pop((0, 0))
        layers = max(ours for ours, _ in costs)
        table = torch.stack([*costs.values()]).reshape(layers, -1)  # [M, L]
        return (transport(table) * table).sum() + embeddings


def transport(costs: Tensor) -> Tensor:
    """The cheapest plan [M, L] between uniform weights of rows and of columns; float64 inside, without a gradient."""
    try:
        import ot
    except ImportError:
        raise PotstillError("the emd loss needs the package POT", hint="pip install 'potstill[emd]'") from None
    table = costs.detach().cpu().double().numpy()
    rows, columns = (np.full(count, 1 / count) for count in table.shape)
    return torch.from_numpy(ot.emd(rows, columns, table)).to(costs)
