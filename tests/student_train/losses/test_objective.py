"""An objective that trains and moves something of its own: a projection, a temperature, the weight of a loss."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from data.errors import PotstillError
from data.tasks.task import Task
from student_train.batch import Batch, Inputs
from student_train.loop.checkpoint import Kept, load_training, save_training
from student_train.loop.optim import Optimizer
from student_train.loop.steps import Run, State
from student_train.losses.layers import Stack, layer_pairs
from student_train.losses.loss import Given, Moving, Needs
from student_train.losses.objective import Objective
from student_train.losses.on_logits.hard import Gold
from student_train.losses.on_logits.kl import KL
from student_train.losses.table import read_losses, spell_losses
from student_train.outputs import Outputs

TWO = Task("classify", ("no", "yes"))
STUDENT, TEACHER = Stack(layers=2, width=3), Stack(layers=4, width=5)


@dataclass(frozen=True)
class ClsMSE:
    """Mean squared error between the states of first tokens, the student's taken to the teacher's width."""

    weight: float = 1.0
    layers: str = "all"
    projection_lr: float = 10.0

    kinds = ()

    @property
    def needs(self) -> Needs:
        return Needs(("cls",), layers=self.layers, projection_lr=self.projection_lr)

    def formula(self, student: Outputs, batch: Batch, given: Given) -> Tensor:
        assert student.cls is not None and batch.told.cls is not None
        both = [(given.project(s, student.cls[s]), batch.told.cls[t].float()) for s, t in given.pairs]
        return torch.stack([((ours - theirs) ** 2).mean() for ours, theirs in both]).mean()


class Deep(nn.Module):
    """A student of two layers: a number a row -> a state a layer -> logits."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(3, 3) for _ in range(STUDENT.layers))
        self.head = nn.Linear(3, 2)

    def forward(self, states: Tensor) -> Outputs:
        cls = {0: states}
        for number, layer in enumerate(self.layers, 1):
            cls[number] = layer(cls[number - 1])
        return Outputs(self.head(cls[STUDENT.layers]), cls=cls)


def batch(rows: int = 4) -> Batch:
    random = torch.Generator().manual_seed(1)
    cls = {layer: torch.randn(rows, TEACHER.width, generator=random).half() for layer in range(TEACHER.layers + 1)}
    told = Outputs(torch.randn(rows, 2, generator=random), cls=cls)
    return Batch(Inputs((), ()), torch.zeros(rows, dtype=torch.long), told, np.arange(rows))


def made(seed: int = 0, **losses: Any) -> Objective:
    return Objective(losses or {"cls_mse": ClsMSE()}, TWO, student=STUDENT, teacher=TEACHER, seed=seed)


@pytest.mark.parametrize(
    ("rule", "student", "teacher", "pairs"),
    [
        ("all", 2, 4, ((0, 0), (1, 2), (2, 4))),
        ("inner", 6, 12, ((1, 2), (2, 4), (3, 6), (4, 8), (5, 10))),  # PKD's skip
        ("all", 4, 22, ((0, 0), (1, 6), (2, 11), (3, 16), (4, 22))),  # depths that do not divide: halves to even
        ("last", 6, 12, ((6, 12),)),
    ],
)
def test_layers_are_paired_for_any_depths(rule: str, student: int, teacher: int, pairs: Any) -> None:
    assert layer_pairs(rule, Stack(student, 8), Stack(teacher, 8)) == pairs


def test_layers_are_paired_by_the_map_that_is_asked_for() -> None:
    assert layer_pairs("all", STUDENT, TEACHER, layer_map="first") == ((0, 0), (1, 1), (2, 2))
    objective = Objective({"cls_mse": ClsMSE()}, TWO, student=STUDENT, teacher=TEACHER, layer_map="3,4")
    assert objective.pairs["cls_mse"] == ((0, 0), (1, 3), (2, 4))


def test_a_loss_gets_its_layers_and_a_projection_for_each_of_them() -> None:
    objective = made()
    assert objective.pairs["cls_mse"] == ((0, 0), (1, 2), (2, 4))
    assert [tuple(p.shape) for p in objective.parameters()] == [(5, 3), (5,)] * 3
    weights = {name: p for name, p in objective.named_parameters() if name.endswith("weight")}
    assert all(0.005 < float(p.detach().std()) < 0.05 for p in weights.values())  # drawn from N(0, 0.02)
    rows, states = batch(), torch.randn(4, 3)
    by_hand = [
        (states @ weight.T - rows.told.cls[layer].float()).pow(2).mean()  # type: ignore[index]
        for weight, layer in zip(weights.values(), (0, 2, 4), strict=True)
    ]
    student = Outputs(torch.zeros(4, 2), cls=dict.fromkeys(range(3), states))
    assert objective(student, rows).item() == pytest.approx(torch.stack(by_hand).mean().item(), rel=1e-5)


def test_projections_are_drawn_by_the_seed_alone() -> None:
    torch.manual_seed(5)
    one = made(seed=7)
    before = torch.get_rng_state()
    other, third = made(seed=7), made(seed=8)
    assert torch.equal(torch.get_rng_state(), before)
    pairs = list(zip(one.parameters(), other.parameters(), third.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b, _ in pairs) and not all(torch.equal(a, c) for a, _, c in pairs)


def test_no_projection_is_made_where_widths_are_equal_or_the_loss_takes_none() -> None:
    wide = Objective({"cls_mse": ClsMSE()}, TWO, student=Stack(2, 5), teacher=TEACHER)
    assert list(wide.parameters()) == [] and list(made(ce=Gold()).parameters()) == []


def test_a_loss_on_layers_is_refused_for_a_student_without_any() -> None:
    with pytest.raises(PotstillError, match="'cls_mse' compares layers, and the student has none"):
        Objective({"cls_mse": ClsMSE()}, TWO)


@pytest.mark.parametrize("rule", ["adamw", "adadelta"])
def test_projections_have_a_learning_rate_of_their_own(rule: str) -> None:
    """The first step of both rules does not depend on the scale of a gradient: its size is the rate's."""
    steps = []
    for rate in (1.0, 10.0):
        torch.manual_seed(0)
        model, objective = Deep(), made(cls_mse=ClsMSE(projection_lr=rate))
        optimizer = Optimizer(model, rule, weight_decay=0.0, also=objective.trained())
        before = [p.detach().clone() for p in (*model.parameters(), *objective.parameters())]
        objective(model(torch.randn(4, 3)), batch()).backward()
        optimizer.step(0.001)
        steps.append([p.detach() - b for p, b in zip((*model.parameters(), *objective.parameters()), before)])  # noqa: B905
    own = len(list(Deep().parameters()))
    for number, (one, ten) in enumerate(zip(*steps, strict=True)):
        torch.testing.assert_close(ten, one * (1.0 if number < own else 10.0), rtol=1e-3, atol=1e-7)


def test_the_clip_and_the_clearing_of_gradients_hold_for_projections_too() -> None:
    model, objective = Deep(), made()
    optimizer = Optimizer(model, "adamw", weight_decay=0.0, also=objective.trained())
    objective(model(torch.randn(4, 3)), batch()).backward()
    parameters = [p for p in (*model.parameters(), *objective.parameters()) if p.grad is not None]
    norm = float(torch.linalg.vector_norm(torch.cat([p.grad.flatten() for p in parameters])))  # type: ignore[union-attr]
    assert optimizer.step(0.001, clip=1.0) == pytest.approx(norm, rel=1e-5)
    optimizer.zero_grad()
    assert all(p.grad is None for p in parameters)


def take_steps(run: Run, steps: range) -> None:
    for step in steps:
        torch.manual_seed(step)
        run.optimizer.zero_grad()
        run.objective(run.model(torch.randn(4, 3)), batch(), step / 8).backward()
        run.optimizer.step(0.01, clip=1.0)


def new_run(out: Path) -> Run:
    torch.manual_seed(0)
    model, objective = Deep(), made(cls_mse=ClsMSE(), ce=Gold(0.5))
    optimizer = Optimizer(model, "adamw", weight_decay=0.01, also=objective.trained())
    nothing: Any = None
    return Run(model, optimizer, objective, nothing, nothing, out, "key")


def test_projections_are_saved_and_resumed_with_the_optimizer_and_left_out_of_the_student(tmp_path: Path) -> None:
    whole, broken, resumed = (new_run(tmp_path) for _ in range(3))
    take_steps(whole, range(8))
    take_steps(broken, range(5))
    save_training(broken, Kept(State(step=5)))
    assert load_training(resumed).state.step == 5
    take_steps(resumed, range(5, 8))
    for one, other in ((whole.model, resumed.model), (whole.objective, resumed.objective)):
        for name, tensor in one.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name]), name
    assert not [name for name in resumed.model.state_dict() if "projection" in name]


def test_a_number_of_a_loss_moves_in_a_straight_line() -> None:
    table = {"kl": {"weight": {"start": 0, "end": 2}, "temperature": {"start": 8.0, "end": 1.0}}, "ce": {}}
    losses = read_losses(table)
    assert losses["kl"] == Moving(KL(0.0, 8.0), KL(2.0, 1.0))
    assert losses["ce"] == Gold()
    assert [losses["kl"].at(done) for done in (0.0, 0.5, 1.0)] == [KL(0.0, 8.0), KL(1.0, 4.5), KL(2.0, 1.0)]  # type: ignore[union-attr]
    assert losses["kl"].weight == 2.0
    objective = Objective(losses, TWO)
    rows, outputs = batch(), Outputs(torch.randn(4, 2))
    now = Objective({"kl": KL(1.0, temperature=4.5), "ce": Gold()}, TWO)(outputs, rows)
    assert torch.equal(objective(outputs, rows, 0.5), now)
    assert spell_losses(table)["kl"]["temperature"] == {"start": 8.0, "end": 1.0}
    assert spell_losses(spell_losses(table)) == spell_losses(table)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": {"start": 2, "end": 0}}, r"temperature 0\.0 is not above 0"),
        ({"weight": {"start": -1, "end": 1}}, r"losses\.kl\.weight goes from -1\.0 to 1\.0: below 0"),
        ({"temperature": {"from": 2, "end": 1}}, r"losses\.kl\.temperature: unknown key 'from'(?s:.)*start, end"),
        ({"preset": {"start": 2, "end": 1}}, r"losses\.kl: preset = .* is not str"),
    ],
)
def test_a_number_that_cannot_move_so_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(PotstillError, match=message):
        read_losses({"kl": options})
