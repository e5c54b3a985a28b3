"""Every network of a student: its parameters by the formula, its answers whatever stands in the padding, its file."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from data.errors import PotstillError
from data.progress import Silent
from student_train.batch import Inputs
from student_train.config import JOINT, TrainConfig
from student_train.loop.optim import Optimizer
from student_train.models.networks import ngrams
from student_train.models.networks.pooling import compared, mean_and_max
from student_train.models.shape import Shape
from student_train.models.sizes import own_sizes, read_shape, shape_of, sizes_alone
from student_train.models.table import MODELS, Sources, build_model, count_parameters, row_of, start_model, usual_of
from student_train.student import Student
from student_train.train import train

Cache = tuple[Path, Any]
V, D, C = 50, 12, 3
SUMS = ("dan+bag", "conv+dan+bag", "bigru+wide")
KINDS = [name for name, row in MODELS.items() if JOINT not in row.units]
CASES = [(name, texts) for name in (*KINDS, *SUMS) for texts in row_of(name).texts]


def a_shape(model: str, texts: int = 1, **values: Any) -> Shape:
    return shape_of(TrainConfig(model=model, **values), vocabulary=V, dimensions=D, classes=C, texts=texts)


def built(model: str, texts: int = 1, **values: Any) -> Any:
    torch.manual_seed(0)
    network = build_model(a_shape(model, texts, **values)).eval()
    for parameter in network.parameters():  # a student that begins with zeros would pass every comparison
        nn.init.normal_(parameter, std=0.3)
    return network


def padded(rows: list[list[int]], longest: int, filler: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.tensor([row + [filler] * (longest - len(row)) for row in rows])
    return ids, torch.tensor([len(row) for row in rows])


def inputs(texts: int, longest: int, filler: int = 0) -> Inputs:
    rows = [[5, 6, 7, 8, 9], [3, 4], [10]]
    sides = [padded(rows, longest, filler), padded(rows[::-1], longest, filler)][:texts]
    return Inputs(tuple(ids for ids, _ in sides), tuple(lengths for _, lengths in sides))


@pytest.mark.parametrize(
    ("model", "texts", "values", "wanted"),
    [
        ("dan", 1, {"dense": 7}, (2 * D + 1) * 7 + (7 + 1) * C),
        ("dan", 2, {"dense": 7}, (8 * D + 1) * 7 + (7 + 1) * C),
        ("wide", 1, {"shape": {"buckets": 100}}, C),
        ("bag", 1, {"dense": 7, "shape": {"width": 5}}, (5 + 1) * 7 + (7 + 1) * C),
        ("bag", 2, {"dense": 7, "shape": {"width": 5}}, (4 * 5 + 1) * 7 + (7 + 1) * C),
        ("bigru", 1, {"hidden": 5, "dense": 7}, 6 * 5 * (D + 5 + 2) + 11 * 7 + 8 * C),
        ("bigru", 2, {"hidden": 5, "dense": 7}, 6 * 5 * (D + 5 + 2) + 41 * 7 + 8 * C),
        (
            "bi_attention",
            2,
            {"hidden": 5, "dense": 7},
            8 * 5 * (D + 7) + 8 * 5 * (7 * 5 + 2) + 11 + (16 * 5 + 1) * 7 + 8 * C,
        ),
        (
            "conv",
            1,
            {"dense": 7, "shape": {"channels": 4, "kernels": [3, 5]}},
            (D + 1) * 4 + (3 * 4 + 1) * 8 + (5 * 4 + 1) * 8 + 9 * 7 + 8 * C,
        ),
        (
            "conv",
            1,
            {"dense": 7, "shape": {"channels": 4, "kernels": [3, 5], "layer": "separable"}},
            (D + 1) * 4 + (3 + 1) * 4 + (5 + 1) * 4 + 2 * (4 + 1) * 8 + 9 * 7 + 8 * C,
        ),
        (
            "conv",
            1,
            {"dense": 7, "shape": {"channels": 4, "kernels": [3, 5], "layer": "dense"}},
            (D + 1) * 4 + (3 * 4 + 1) * 4 + (5 * 8 + 1) * 4 + (2 * 12 + 1) * 7 + 8 * C,
        ),
    ],
)
def test_parameters_without_tables_are_those_of_the_formula(
    model: str, texts: int, values: dict[str, Any], wanted: int
) -> None:
    assert count_parameters(built(model, texts, **values))[0] == wanted


@pytest.mark.parametrize(("model", "texts"), CASES)
def test_answers_do_not_depend_on_the_padding(model: str, texts: int) -> None:
    network = built(model, texts)
    short = network(inputs(texts, 5)).logits
    assert short.shape == (3, C)
    torch.testing.assert_close(network(inputs(texts, 9, filler=11)).logits, short, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(short[0], short[1], atol=1e-3)


@pytest.mark.parametrize(("model", "texts"), CASES)
def test_a_step_of_training_changes_every_part(model: str, texts: int) -> None:
    torch.manual_seed(1)
    network = build_model(a_shape(model, texts))
    optimizer = Optimizer(network, "adamw", weight_decay=0.0)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for _ in range(2):  # of a student that begins with zeros
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(inputs(texts, 6)).logits, torch.tensor([0, 1, 2])).backward()
        optimizer.step(0.01, clip=1.0)
    assert [name for name, tensor in network.state_dict().items() if torch.equal(tensor, before[name])] == []


@pytest.mark.parametrize(("model", "texts"), CASES)
def test_a_shape_comes_back_from_its_file(model: str, texts: int, tmp_path: Path) -> None:
    import json
    from dataclasses import asdict

    shape = a_shape(model, texts)
    assert read_shape(json.loads(json.dumps(asdict(shape)))) == shape


def test_the_mean_and_the_maximum_are_over_real_places_only() -> None:
    states = torch.tensor([[[1.0, -2.0], [3.0, -4.0], [99.0, 99.0]]])
    assert mean_and_max(states, torch.tensor([2])).tolist() == [[2.0, -3.0, 3.0, -2.0]]


def test_two_texts_are_compared_by_product_and_difference() -> None:
    one, two = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, -1.0]])
    assert compared([one, two]).tolist() == [[1.0, 2.0, 3.0, -1.0, 3.0, -2.0, 2.0, 3.0]]
    assert compared([one]) is one


def test_a_sum_adds_the_logits_of_its_parts_which_share_one_table() -> None:
    network = built("conv+dan+bag")
    parts = [part(inputs(1, 6)).logits for part in network.parts]
    torch.testing.assert_close(network(inputs(1, 6)).logits, parts[0] + parts[1] + parts[2])
    assert network.parts[1].embedding is network.parts[0].embedding
    tables = [name for name in network.state_dict() if "embedding" in name]
    assert tables == ["parts.0.embedding.tuned.weight"]
    assert count_parameters(network)[1] == V * D + (1 << 18) * 64


def test_parts_of_a_sum_may_have_tables_of_their_own() -> None:
    network = built("conv+dan", shape={"one_table": False})
    assert network.parts[1].embedding is not network.parts[0].embedding


def test_each_part_of_a_sum_starts_as_it_does_alone() -> None:
    table = torch.randn(V, D)
    network: Any = start_model(a_shape("bag+dan"), Sources(table), seed=0)
    assert torch.equal(network.parts[1].embedding.tuned.weight, table)


def test_sizes_of_a_part_stand_in_a_table_of_its_name() -> None:
    config = TrainConfig(model="conv+dan", dense=9, shape={"conv": {"channels": 6}})
    shape: Any = shape_of(config, vocabulary=V, dimensions=D, classes=C)
    assert [part.dense for part in shape.parts] == [9, 9]
    assert shape.parts[0].channels == 6
    alone = sizes_alone(config)
    assert alone == {"conv": {"channels": 6, "kernels": (3, 5, 3), "layer": "gated"}, "one_table": True}
    assert sizes_alone(replace(config, shape=alone)) == alone
    assert own_sizes("conv+dan")[:2] == ["dense", "dropout"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"model": "conv+dan", "hidden": 3}, "conv.dan has no size train.hidden"),
        ({"model": "conv+dan", "shape": {"dan": {"channels": 3}}}, "no size train.shape.dan.channels"),
        ({"model": "conv+dan", "shape": {"channels": 3}}, "no size train.shape.channels"),
        ({"model": "conv+nothing"}, "no student 'nothing'"),
        ({"model": "conv+conv"}, "adds a student to itself"),
        ({"model": "conv+hugging_face"}, "no student 'hugging_face'"),
        ({"model": "conv", "shape": {"layer": "deep"}}, "no layer 'deep'"),
        ({"model": "conv", "shape": {"kernels": [4]}}, "not odd"),
    ],
)
def test_what_cannot_be_built_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(PotstillError, match=said):
        shape_of(TrainConfig(**values), vocabulary=V, dimensions=D, classes=C)


def test_what_nobody_names_is_the_student_s_usual_value() -> None:
    assert (usual_of("dan", "dense"), usual_of("bilstm", "dense"), usual_of("wide", "lr")) == (256, 200, 1e-2)
    dan: Any = a_shape("dan")
    assert (dan.dense, dan.dropout) == (256, 0.1)


def test_n_grams_by_hand() -> None:
    """Ids 3, 4 and padding: two words and one pair; the same pair has the same row wherever it stands."""
    rows, real = ngrams.hashed(torch.tensor([[3, 4, 0], [9, 3, 4]]), torch.tensor([2, 3]), longest=2, buckets=1 << 18)
    assert real.tolist() == [[True, True, False, True, False], [True] * 5]
    assert rows[0, [2, 4]].tolist() == [0, 0]
    assert rows[0, 0] == rows[1, 1] and rows[0, 3] == rows[1, 4]
    assert len({*rows[1].tolist()}) == 5
    first = (3 + 1) % ngrams.MODULUS
    pair = (first * ngrams.FACTOR + 4 + 2) % ngrams.MODULUS
    assert rows[0, 3] == pair * ngrams.MIX % ngrams.MODULUS % (1 << 18)


def test_hashes_spread_over_the_table() -> None:
    ids = torch.arange(2, 30_002).reshape(-1, 1)
    rows, _ = ngrams.hashed(ids, torch.ones(len(ids), dtype=torch.int64), longest=1, buckets=1 << 18)
    assert len(set(rows[:, 0].tolist())) > 0.93 * 30_000  # of random rows 0.945


@pytest.mark.parametrize("model", [*(name for name in KINDS if 1 in MODELS[name].texts), "conv+dan+bag"])
def test_each_is_trained_from_a_cache_saved_and_opened(
    model: str, small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    shared = {"hidden": None, "dense": None, "dropout": None}
    config = replace(small, model=model, shape=None, **shared)
    manifest = train(config, *sentiment, tmp_path / "s", progress=Silent())
    student = Student.load(tmp_path / "s")
    assert student.logits(["a fine film", "a dull film"]).shape == (2, 2)
    assert manifest.report["parameters"] == count_parameters(student.model)[0]
    again = train(config, *sentiment, tmp_path / "s", progress=Silent())
    assert again.root == manifest.root


@pytest.mark.parametrize("model", [*(name for name in KINDS if 2 in MODELS[name].texts), "conv+dan+bag"])
def test_each_of_two_texts_is_trained_from_a_cache_saved_and_opened(
    model: str, small: TrainConfig, make_cache: Any, pair_rows: Any, write_source: Any, tmp_path: Path
) -> None:
    cache, dev = make_cache(tmp_path, pair_rows(96)), write_source(tmp_path / "dev.tsv", pair_rows(20, 1))
    config = replace(small, model=model, hidden=None, dense=None)
    manifest = train(config, [cache], dev, tmp_path / "s", progress=Silent())
    student = Student.load(tmp_path / "s")
    assert manifest.report["parameters"] == count_parameters(student.model)[0]
    one, other = ["a good plot", "a bad plot"], ["the film was good", "the music"]
    assert student.logits(one, other).shape == (2, 2)
    assert not np.allclose(student.logits(one, other), student.logits(one, other[::-1]), atol=1e-6)


@pytest.mark.parametrize("model", ["dan", "bilstm", "bag", "wide", "conv+wide"])
def test_a_usual_value_left_open_or_named_is_the_same_student(
    model: str, small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    sizes = dict.fromkeys(("hidden", "dense", "dropout"))
    config = replace(small, model=model, lr=0.0, batch_size=None, max_steps=1, **sizes)
    made = train(config, *sentiment, tmp_path / "s", progress=Silent())
    said = {name: made.config.get(name) for name in ("lr", "batch_size", *sizes)}
    named = replace(config, **said)
    assert (named.lr, named.batch_size) == (usual_of(model, "lr"), usual_of(model, "batch_size"))
    assert train(named, *sentiment, tmp_path / "s", progress=Silent()) == made
    with pytest.raises(PotstillError, match="of another run: lr "):
        train(replace(named, lr=0.5), *sentiment, tmp_path / "s", progress=Silent())


def test_a_usual_size_that_the_parts_of_a_sum_agree_on_may_be_named_too(
    small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    config = replace(small, model="conv+dan", hidden=None, dense=None, max_steps=1)
    made = train(config, *sentiment, tmp_path / "s", progress=Silent())
    assert "dense" not in made.config  # 200 of conv, 256 of dan
    assert train(replace(config, dropout=0.1), *sentiment, tmp_path / "s", progress=Silent()) == made
