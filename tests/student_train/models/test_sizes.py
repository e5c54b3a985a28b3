"""Sizes: a student's own, from a config's fields or from its table `shape`, and back from where they were saved."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from data.errors import PotstillError
from data.progress import Silent
from student_train.batch import Inputs
from student_train.config import SUBWORDS, WORDS, TrainConfig
from student_train.models.networks.bilstm import BiLSTMShape
from student_train.models.networks.embedding import WordEmbedding
from student_train.models.shape import Shape
from student_train.models.sizes import read_shape, shape_of, sizes_alone
from student_train.models.table import MODELS, Model, from_table
from student_train.outputs import Outputs
from student_train.student import Student
from student_train.train import train


@dataclass(frozen=True)
class ConvShape(Shape):
    """Of a student that has kernels and no LSTM."""

    dropout: float
    kernels: tuple[int, ...] = (3, 5)
    gated: bool = True


@pytest.fixture(autouse=True)
def conv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "conv", Model(lambda shape: nn.Identity(), ConvShape, (1,), (WORDS,), from_table))


def shape(**values: Any) -> Shape:
    return shape_of(TrainConfig(**values), vocabulary=9, dimensions=4, classes=2)


def test_sizes_come_from_the_config_s_fields_and_from_its_table_shape() -> None:
    assert shape(model="bilstm", hidden=7) == BiLSTMShape("bilstm", 9, 4, 2, 7, 200, dropout=0.1)
    assert shape(model="conv", dropout=0.1) == ConvShape("conv", 9, 4, 2, 0.1)
    assert shape(model="conv", shape={"kernels": [7], "gated": False}) == ConvShape("conv", 9, 4, 2, 0.1, (7,), False)


def test_what_a_student_alone_has_is_spelled_out_defaults_too() -> None:
    config = TrainConfig(model="conv", shape={"gated": False})
    spelled = replace(config, shape=sizes_alone(config))
    assert spelled.shape == {"kernels": (3, 5), "gated": False}
    assert sizes_alone(spelled) == spelled.shape
    assert sizes_alone(TrainConfig(model="bilstm")) is None


@pytest.mark.parametrize(
    ("values", "size", "has"),
    [
        ({"model": "conv", "hidden": 7}, "train.hidden", "train.dropout, train.shape.kernels, train.shape.gated"),
        ({"model": "conv", "multichannel": True}, "train.multichannel", "train.shape.kernels"),
        ({"model": "bilstm", "shape": {"kernels": [3]}}, "train.shape.kernels", "train.hidden, train.dense"),
        ({"model": "bilstm", "shape": {"hidden": 3}}, "train.shape.hidden", "train.hidden, train.dense"),
        ({"model": "conv", "shape": {"vocabulary": 3}}, "train.shape.vocabulary", "train.shape.kernels"),
    ],
)
def test_a_size_of_another_student_is_refused_with_those_there_are(values: Any, size: str, has: str) -> None:
    with pytest.raises(PotstillError, match=f"{values['model']} has no size {size}") as caught:
        shape(**values)
    assert has in caught.value.hint


def test_a_size_of_another_type_is_refused() -> None:
    with pytest.raises(PotstillError, match=r"\[train.shape\]: kernels = 3 is not"):
        shape(model="conv", shape={"kernels": 3})


def test_a_shape_comes_back_from_json_as_it_was() -> None:
    for saved in (shape(model="bilstm"), shape(model="conv", shape={"kernels": [2, 4, 8]})):
        assert read_shape(json.loads(json.dumps(vars(saved)))) == saved


def test_every_row_has_a_shape_that_adds_to_the_common_sizes() -> None:
    for row in MODELS.values():
        assert issubclass(row.Shape, Shape) and row.texts and row.units


def test_a_student_s_config_is_its_own_shape(trained: Any) -> None:
    saved = json.loads(Path(trained.out / "config.json").read_text("utf-8"))["shape"]
    assert list(saved) == sorted(vars(read_shape(saved)))


@dataclass(frozen=True)
class MeanShape(Shape):
    power: float = 1.0


class Mean(nn.Module):
    """The sum of a text's word vectors over a power of its length, then logits."""

    def __init__(self, shape: MeanShape) -> None:
        super().__init__()
        self.embedding, self.power = WordEmbedding(shape.vocabulary, shape.dimensions), shape.power
        self.head = nn.Linear(shape.dimensions, shape.classes)

    def forward(self, inputs: Inputs) -> Outputs:
        ids, lengths = inputs.ids[0], inputs.lengths[0][:, None]
        real = torch.arange(ids.shape[1]) < lengths  # [B, T]
        return Outputs(self.head((self.embedding(ids) * real[..., None]).sum(dim=1) / lengths**self.power))


def test_a_student_of_its_own_shape_is_trained_saved_found_and_opened_again(
    small: TrainConfig, sentiment: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MODELS, "mean", Model(Mean, MeanShape, (1,), (WORDS, SUBWORDS), from_table))
    with pytest.raises(PotstillError, match=r"mean has no size train.hidden\n.*its sizes: train.shape.power"):
        train(replace(small, model="mean", hidden=7), *sentiment, tmp_path / "s", progress=Silent())
    config = replace(small, model="mean", lr=0.05, **{name: getattr(TrainConfig, name) for name in ("hidden", "dense")})
    made = train(config, *sentiment, tmp_path / "s", progress=Silent())
    assert made.config["shape"] == {"power": 1.0} and made.report["dev"]["accuracy"] > 0.9
    saved = json.loads((tmp_path / "s" / "config.json").read_text("utf-8"))["shape"]
    assert saved.keys() == {"model", "vocabulary", "dimensions", "classes", "texts", "power"}
    assert isinstance(Student.load(tmp_path / "s").model, Mean)
    said = replace(config, shape={"power": 1})
    assert train(said, *sentiment, tmp_path / "s", progress=Silent()) == made
    with pytest.raises(PotstillError, match=r"another run: shape \{'power': 1.0\} → \{'power': 0.5\}"):
        train(replace(config, shape={"power": 0.5}), *sentiment, tmp_path / "s", progress=Silent())
