"""Tables in float16 and int8: how far off, how small, and what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from data.errors import BAD_DATA, PotstillError
from data.layout import WEIGHTS
from data.manifest import read_manifest
from data.progress import Silent
from student_train.config import TrainConfig
from student_train.models.packed import SCALE, pack, tables_of, unpack
from student_train.models.sizes import shape_of
from student_train.models.table import build_model
from student_train.models.weights import check_weights, load_weights
from student_train.student import Student
from student_train.train import train

Cache = tuple[Path, Any]


def test_an_int8_number_is_off_by_half_a_step_at_most_and_a_row_of_zeros_stays_one() -> None:
    table = torch.randn(40, 6) * torch.logspace(-3, 3, 40)[:, None]
    table[3] = 0
    packed = pack({"table": table, "head": torch.ones(2)}, ["table"], "int8")
    assert packed["table"].dtype == torch.int8 and packed["head"].dtype == torch.float32
    found = unpack(packed)
    assert found.keys() == {"table", "head"} and not found["table"][3].any()
    steps = table.abs().amax(dim=1, keepdim=True) / 127
    assert ((found["table"] - table).abs() <= 0.5001 * steps).all()


def test_float16_is_off_by_two_to_the_minus_eleven() -> None:
    table = torch.rand(9, 4) + 0.5
    found = unpack(pack({"table": table}, ["table"], "float16"))["table"]
    assert found.dtype == torch.float32 and ((found - table).abs() <= table * 2**-11).all()


def test_tables_are_the_weights_that_are_looked_up() -> None:
    config = TrainConfig(model="bilstm+dan+bag+wide", multichannel=True, shape={"bag": {"buckets": 9}})
    shape = shape_of(config, vocabulary=5, dimensions=4, classes=2)
    with torch.device("meta"):
        names = tables_of(build_model(shape))
    assert sorted(names) == [
        "parts.0.embedding.static",
        "parts.0.embedding.tuned.weight",
        "parts.1.embedding.tuned.weight",
        "parts.2.ngrams.table.weight",
        "parts.3.ngrams.table.weight",
    ]


@pytest.mark.parametrize("model", ["dan", "bilstm", "conv+dan"])
def test_a_student_with_a_packed_table_answers_nearly_the_same(
    model: str, small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    logits, sizes = {}, {}
    for dtype in ("float32", "float16", "int8"):
        config = replace(small, model=model, hidden=None, dense=None, table_dtype=dtype)
        train(config, *sentiment, tmp_path / dtype, progress=Silent())
        logits[dtype] = Student.load(tmp_path / dtype).logits(["a fine film", "a dull plot"])
        sizes[dtype] = read_manifest(tmp_path / dtype, "student").report["bytes"]
    np.testing.assert_allclose(logits["float16"], logits["float32"], atol=2e-2)
    np.testing.assert_allclose(logits["int8"], logits["float32"], atol=0.15)
    assert sizes["int8"] < sizes["float16"] < sizes["float32"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda weights: weights.pop("table.weight" + SCALE), "table.weight"),
        (lambda weights: weights.update({"table.weight" + SCALE: torch.ones(3)}), "table.weight"),
        (lambda weights: weights.update({"other" + SCALE: torch.ones(3)}), "other.scale"),
    ],
)
def test_a_scale_that_fits_no_table_is_refused(change: Any, what: str, tmp_path: Path) -> None:
    def build() -> torch.nn.Module:
        return torch.nn.ModuleDict({"table": torch.nn.Embedding(5, 4)})

    weights = pack(build().state_dict(), ["table.weight"], "int8")
    save_file(weights, tmp_path / WEIGHTS)
    check_weights(tmp_path / WEIGHTS, build)
    load_weights(tmp_path / WEIGHTS, build())
    change(weights)
    save_file(weights, tmp_path / WEIGHTS)
    with pytest.raises(PotstillError, match=what) as refused:
        check_weights(tmp_path / WEIGHTS, build)
    assert refused.value.code == BAD_DATA


def test_an_unknown_dtype_is_refused() -> None:
    with pytest.raises(PotstillError, match="no table_dtype 'int4'"):
        TrainConfig(table_dtype="int4")


def test_the_file_holds_the_packed_numbers(small: TrainConfig, sentiment: Cache, tmp_path: Path) -> None:
    train(replace(small, table_dtype="int8"), *sentiment, tmp_path / "s", progress=Silent())
    kinds = {name: tensor.dtype for name, tensor in load_file(tmp_path / "s" / WEIGHTS).items()}
    assert kinds["embedding.tuned.weight"] == torch.int8
    assert kinds["embedding.tuned.weight" + SCALE] == kinds["head.weight"] == torch.float32
