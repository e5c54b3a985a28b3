"""Which numbers a student is trained in: what was asked for, or float32 where this machine cannot, and it is said."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from data.errors import STALE, PotstillError
from data.progress import Silent
from student_train.config import ASKED, TrainConfig
from student_train.train import train

Cache = tuple[Path, Any]


class Notes(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, message: str) -> None:
        self.lines.append(message)


@pytest.fixture
def no_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose LSTM knows no bfloat16, as oneDNN's is without AVX512."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise RuntimeError("could not create a primitive descriptor for the LSTM")

    real = torch.lstm
    monkeypatch.setattr(
        torch.nn.modules.rnn._VF,
        "lstm",
        lambda *values: refuse() if torch.is_autocast_enabled("cpu") else real(*values),
    )


def test_float32_is_taken_where_bfloat16_fails_and_the_same_command_finds_the_student_finished(
    no_bf16: None, small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    config, notes = dataclasses.replace(small, precision="bfloat16"), Notes()
    manifest = train(config, *sentiment, tmp_path / "s", progress=notes)
    assert (manifest.config["precision"], manifest.report[ASKED]) == ("float32", "bfloat16")
    assert any("cannot be computed in bfloat16" in line and "float32 is taken" in line for line in notes.lines)
    again = train(config, *sentiment, tmp_path / "s", progress=Silent())
    assert again.root == manifest.root


def test_a_student_in_another_precision_than_asked_for_is_another_run(
    small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    train(dataclasses.replace(small, precision="float32"), *sentiment, tmp_path / "s", progress=Silent())
    with pytest.raises(PotstillError, match="precision float32 → bfloat16") as refused:
        train(dataclasses.replace(small, precision="bfloat16"), *sentiment, tmp_path / "s", progress=Silent())
    assert refused.value.code == STALE
