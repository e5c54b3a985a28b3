"""Moving averages of weights: equal to the plain formula though tables are followed row by row, and what is saved."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from data.errors import PotstillError
from data.layout import LAST_STEP, WEIGHTS
from data.progress import Silent
from data.readers.source import Source
from student_train.config import TrainConfig
from student_train.loop.averages import Averages
from student_train.loop.optim import Optimizer
from student_train.train import train
from tests.student_train.conftest import evaluate

BATCHES = [[1, 2, 2], [2, 4], [1], [4, 4, 5], [2], [1, 5], [2, 2]]  # of a table of 7 rows: 0, 3 and 6 are never met


class Toy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.layer = nn.Embedding(7, 3, sparse=True), nn.Linear(3, 2)

    def forward(self, ids: Tensor) -> Tensor:
        return self.layer(torch.tanh(self.table(ids).mean(1)))


def follow(model: Toy, optimizer: Optimizer, average: Averages, batches: list[list[int]]) -> None:
    for ids in batches:
        optimizer.zero_grad()
        (model(torch.tensor([ids])) ** 2).sum().backward()
        average.before_step()
        optimizer.step(0.1)
        average.after_step()


@pytest.mark.parametrize("decay", [0.2, 0.9, 1.0])
def test_every_row_has_the_average_of_the_plain_formula(decay: float) -> None:
    torch.manual_seed(0)
    model = Toy()
    optimizer = Optimizer(model, "adamw", weight_decay=0.0)
    average = Averages(model, decay, tables=optimizer.tables)
    plain = {name: tensor.double() for name, tensor in model.state_dict().items()}
    for step, batch in enumerate(BATCHES):
        follow(model, optimizer, average, [batch])
        share = min(decay, (1 + step) / (10 + step))
        plain = {name: share * plain[name] + (1 - share) * w.double() for name, w in model.state_dict().items()}
        if step in (2, 6):  # asked for in between, and at the end
            for name, tensor in average.weights().items():
                torch.testing.assert_close(tensor.double(), plain[name], rtol=0, atol=1e-6)


def test_the_trained_weights_come_back_to_the_bit() -> None:
    model = Toy()
    optimizer = Optimizer(model, "adamw", weight_decay=0.0)
    average = Averages(model, 0.9, tables=optimizer.tables)
    follow(model, optimizer, average, BATCHES)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with average.in_place():
        assert not torch.equal(model.layer.weight, before["layer.weight"])
        first = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(torch.equal(tensor, first[name]) for name, tensor in average.weights().items())


def test_the_saved_student_is_the_average_that_dev_measured(
    small: TrainConfig, sentiment: tuple[list[Path], Source], tmp_path: Path
) -> None:
    config = dataclasses.replace(small, ema=0.9, epochs=4)
    report = train(config, *sentiment, tmp_path / "s", progress=Silent()).report
    train(dataclasses.replace(config, ema=None), *sentiment, tmp_path / "plain", progress=Silent())
    for place, key in ((".", "dev"), (LAST_STEP, "last_dev")):
        assert evaluate(tmp_path / "s" / place, sentiment[1], progress=Silent()) == pytest.approx(report[key], abs=1e-6)
        assert (tmp_path / "s" / place / WEIGHTS).read_bytes() != (tmp_path / "plain" / place / WEIGHTS).read_bytes()


def test_a_share_above_one_is_refused() -> None:
    with pytest.raises(PotstillError, match=r"ema = 1\.5 is not 0 to 1"):
        TrainConfig(ema=1.5)
