"""Optimizers that pay for what a step touched, against torch's own; clipping; the learning rate's way."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from data.errors import PotstillError
from student_train.loop.optim import Optimizer, RowAdadelta, RowAdam


class Toy(nn.Module):
    """A sparse table [6, 3] and a dense layer, as small as can be."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(6, 3, sparse=True)
        self.layer = nn.Linear(3, 2)

    def forward(self, ids: Tensor) -> Tensor:
        return self.layer(torch.tanh(self.table(ids).mean(1)))  # [B, 2]


def toy(sparse: bool = True) -> Toy:
    torch.manual_seed(0)
    model = Toy()
    model.table.sparse = sparse
    return model


def steps(model: Toy, take: Callable[[], object], batches: list[list[int]]) -> None:
    for ids in batches:
        for parameter in model.parameters():
            parameter.grad = None
        target = torch.tensor([1.0, -2.0]) * len(ids)
        ((model(torch.tensor([ids])) - target) ** 2).sum().backward()
        take()


SOME = [[1, 2, 2], [2, 4], [1], [4, 4, 5], [2]]
ALL = [[0, 1, 2, 3, 4, 5]] * 5


def test_row_adam_equals_torch_s_sparse_adam() -> None:
    ours, theirs = toy(), toy()
    optimizer = Optimizer(ours, "adamw", weight_decay=0.0)
    rows, dense = (
        torch.optim.SparseAdam([theirs.table.weight], lr=0.01),
        torch.optim.AdamW(theirs.layer.parameters(), lr=0.01, weight_decay=0.0),
    )
    steps(ours, lambda: optimizer.step(0.01), SOME)
    steps(theirs, lambda: (rows.step(), dense.step()), SOME)
    torch.testing.assert_close(ours.table.weight, theirs.table.weight, rtol=0, atol=1e-6)
    torch.testing.assert_close(ours.layer.weight, theirs.layer.weight, rtol=0, atol=1e-6)


@pytest.mark.parametrize("rule", ["adamw", "adadelta"])
def test_where_every_row_is_met_the_table_moves_as_under_the_dense_rule(rule: str) -> None:
    ours, theirs = toy(), toy(sparse=False)
    optimizer = Optimizer(ours, rule, weight_decay=0.0)
    reference = (
        torch.optim.AdamW(theirs.parameters(), lr=0.5, weight_decay=0.0)
        if rule == "adamw"
        else torch.optim.Adadelta(theirs.parameters(), lr=0.5, rho=0.95)
    )
    steps(ours, lambda: optimizer.step(0.5), ALL)
    steps(theirs, reference.step, ALL)
    torch.testing.assert_close(ours.table.weight, theirs.table.weight, rtol=0, atol=1e-6)
    torch.testing.assert_close(ours.layer.weight, theirs.layer.weight, rtol=0, atol=1e-6)


@pytest.mark.parametrize("rule", ["adamw", "adadelta"])
def test_rows_that_were_not_met_do_not_change_by_a_bit(rule: str) -> None:
    model = toy()
    before = model.table.weight.detach().clone()
    optimizer = Optimizer(model, rule, weight_decay=0.1)
    steps(model, lambda: optimizer.step(0.1, clip=1.0), SOME)
    assert torch.equal(model.table.weight[[0, 3]], before[[0, 3]])
    assert (model.table.weight[[1, 2, 4, 5]] != before[[1, 2, 4, 5]]).any(dim=1).all()


@pytest.mark.parametrize("limit", [0.1, 1e6])
def test_clipping_equals_torch_s_on_dense_gradients(limit: float) -> None:
    ours, theirs = toy(), toy(sparse=False)
    optimizer = Optimizer(ours, "adadelta", weight_decay=0.0)
    ids = torch.tensor([[1, 2, 2], [2, 4, 4]])  # a row met twice: its gradients are summed before the norm
    for model in (ours, theirs):
        (10 * model(ids)).sum().backward()
    wanted = nn.utils.clip_grad_norm_(theirs.parameters(), limit)
    before = ours.table.weight.detach().clone()
    norm = optimizer.step(1.0, clip=limit)
    assert norm == pytest.approx(wanted.item(), rel=1e-6)
    torch.testing.assert_close(ours.layer.weight.grad, theirs.layer.weight.grad, rtol=1e-6, atol=1e-8)
    dense = theirs.table.weight.grad
    assert dense is not None
    rule = RowAdadelta(before)
    moved = -rule.update(torch.arange(6), dense)
    torch.testing.assert_close(ours.table.weight - before, moved, rtol=1e-4, atol=2e-7)


def test_without_a_limit_no_norm_is_computed() -> None:
    model = toy()
    model(torch.tensor([[1]])).sum().backward()
    assert Optimizer(model, "adamw", weight_decay=0.0).step(0.1) == 0.0


def test_the_table_has_a_rate_of_its_own() -> None:
    model, other = toy(), toy()
    before = model.table.weight.detach().clone()
    for subject, factor in ((model, 1.0), (other, 0.1)):
        optimizer = Optimizer(subject, "adamw", weight_decay=0.0, embedding_lr=factor)
        steps(subject, lambda optimizer=optimizer: optimizer.step(0.01), [[1, 2]])
    torch.testing.assert_close(other.table.weight - before, 0.1 * (model.table.weight - before), rtol=1e-4, atol=1e-7)
    assert torch.equal(model.layer.weight, other.layer.weight)


def test_matrices_decay_and_biases_and_tables_do_not() -> None:
    model = toy()
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    optimizer = Optimizer(model, "adamw", weight_decay=0.5)
    for parameter in optimizer.others:
        parameter.grad = torch.zeros_like(parameter)
    ids = torch.tensor([[1]])
    (0 * model.table(ids)).sum().backward()
    optimizer.step(0.1)
    torch.testing.assert_close(model.layer.weight, before["layer.weight"] * (1 - 0.1 * 0.5))
    assert torch.equal(model.layer.bias, before["layer.bias"])
    assert torch.equal(model.table.weight, before["table.weight"])


def test_a_frozen_table_is_left_alone() -> None:
    model = toy()
    model.table.weight.requires_grad_(False)
    before = model.table.weight.clone()
    optimizer = Optimizer(model, "adamw", weight_decay=0.0)
    steps(model, lambda: optimizer.step(0.1, clip=1.0), SOME)
    assert torch.equal(model.table.weight, before)


@pytest.mark.parametrize("rule", ["adamw", "adadelta"])
def test_a_loaded_state_goes_on_bit_for_bit(rule: str) -> None:
    straight, broken = toy(), toy()
    one, two = Optimizer(straight, rule, weight_decay=0.1), Optimizer(broken, rule, weight_decay=0.1)
    steps(straight, lambda: one.step(0.1, clip=1.0), SOME + SOME)
    steps(broken, lambda: two.step(0.1, clip=1.0), SOME)
    state = {name: tensor.clone() for name, tensor in two.state().items()}
    fresh = Optimizer(broken, rule, weight_decay=0.1)
    fresh.load(state)
    assert {name: tensor.tolist() for name, tensor in fresh.state().items()} == {
        name: tensor.tolist() for name, tensor in state.items()
    }
    steps(broken, lambda: fresh.step(0.1, clip=1.0), SOME)
    for ours, theirs in zip(broken.parameters(), straight.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_the_first_step_of_adam_is_the_sign_of_the_gradient() -> None:
    step = RowAdam(torch.zeros(4, 2)).update(torch.tensor([2]), torch.tensor([[0.5, -3.0]]))
    torch.testing.assert_close(step, torch.tensor([[1.0, -1.0]]))


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(PotstillError, match=r"no optimizer 'sgd'(?s:.)*adamw, adadelta"):
        Optimizer(toy(), "sgd", weight_decay=0.0)
