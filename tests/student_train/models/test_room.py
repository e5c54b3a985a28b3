"""A network larger than the memory is refused with a sentence, before a byte of it is taken."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from data.errors import USAGE, PotstillError
from data.tasks.task import Task
from student_train.models.networks.bilstm import BiLSTMShape
from student_train.models.room import refuse_too_large
from student_train.models.table import build_model

CPU = torch.device("cpu")
SMALL = BiLSTMShape("bilstm", vocabulary=20, dimensions=8, hidden=4, dense=4, classes=2)


def test_a_student_that_fits_is_let_through_and_nothing_is_drawn() -> None:
    before = torch.get_rng_state()
    refuse_too_large(lambda: build_model(SMALL), CPU, hint="")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("field", ["hidden", "dense", "dimensions", "vocabulary"])
@pytest.mark.parametrize("size", [10**11, 10**15, 10**18, (1 << 63) - 1])
def test_sizes_beyond_any_machine_are_refused(field: str, size: int) -> None:
    shape = dataclasses.replace(SMALL, **{field: size})
    with pytest.raises(PotstillError, match=r"GB are free on cpu|beyond what can be counted") as caught:
        refuse_too_large(lambda: build_model(shape), CPU, hint="--set train.hidden=150")
    assert caught.value.code == USAGE and "train.hidden=150" in caught.value.hint


def test_ten_million_states_are_refused_with_their_numbers() -> None:
    shape = dataclasses.replace(SMALL, hidden=10_000_000)
    with pytest.raises(PotstillError, match=r"a model of 800,00\d,\d{3},\d{3},\d{3} parameters takes 12,8\d\d,\d{3}"):
        refuse_too_large(lambda: build_model(shape), CPU, hint="")


def test_a_siamese_student_is_counted_too() -> None:
    shape = dataclasses.replace(SMALL, model="siamese_bilstm", hidden=10_000_000)
    with pytest.raises(PotstillError, match="GB to train"):
        refuse_too_large(lambda: build_model(shape), CPU, hint="")


@pytest.mark.parametrize("size", ["1000x100000", "2x1000000"])
def test_an_encoder_from_scratch_of_any_size_is_refused(
    size: str, tmp_path: Path, make_cache: Any, sentiment_rows: Any
) -> None:
    from student_train.models.encoders.encoder import new_encoder
    from student_train.models.encoders.scratch import train_tokenizer

    make_cache(tmp_path, sentiment_rows(6))
    with pytest.raises(PotstillError, match="GB to train"):
        new_encoder(size, Task("classify", ("neg", "pos")), train_tokenizer(tmp_path / "examples"), longest=32)


def test_refusing_leaves_torch_as_it_was() -> None:
    with pytest.raises(PotstillError):
        refuse_too_large(lambda: nn.Linear(10**9, 10**9), CPU, hint="")
    assert nn.Linear(2, 2).weight.device == CPU
