"""A run that was stopped or killed, and run again, ends with the very same bits as one that was left alone."""

import dataclasses
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from data.errors import STALE, TRY_AGAIN, PotstillError
from data.layout import CHECKPOINT, LAST_STEP, WEIGHTS
from data.progress import Silent
from data.readers.source import Source
from student_train.config import TrainConfig
from student_train.loop import run as fit
from student_train.train import train

Cache = tuple[list[Path], Source]
STEPS = 16  # of the whole run: 2 epochs of 8; the dev set is measured at 4, 8, 12 and 16


class Break(Silent):
    """A progress that does something once so many training steps are reported."""

    def __init__(self, after: int, act: Any) -> None:
        self.after, self.act, self.done, self.training = after, act, 0, False

    def start(self, name: str, *, total: int | None, unit: str) -> None:
        self.training = name.startswith("train")

    def advance(self, amount: int, info: str = "") -> None:
        self.done += amount * self.training
        if self.training and self.done == self.after:
            self.act()


def stop() -> None:
    signal.raise_signal(signal.SIGTERM)


def crash() -> None:
    raise RuntimeError("the power went out")


@pytest.fixture
def final(monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """The weights after the last step of the last run, which need not be the best ones."""
    weights: dict[str, Tensor] = {}
    steps = fit.train_steps

    def watched(run: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        for step in steps(run, *args, **kwargs):
            weights.update({name: tensor.clone() for name, tensor in run.model.state_dict().items()})
            yield step

    monkeypatch.setattr(fit, "train_steps", watched)
    return weights


def curve(out: Path) -> list[dict[str, Any]]:
    """The learning curve without what a clock wrote into it."""
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "rows_per_second"} for line in lines]


def step_of(out: Path) -> int:
    with safe_open(out / CHECKPOINT, framework="pt") as file:
        return int(json.loads(file.metadata()["state"])["step"])


def check_same(one: Path, other: Path, steps: tuple[int, ...] = (4, 8, 12, 16)) -> None:
    for place in (".", LAST_STEP):
        assert (one / place / WEIGHTS).read_bytes() == (other / place / WEIGHTS).read_bytes()
    assert curve(one) == curve(other)
    assert not steps or tuple(line["step"] for line in curve(one)) == steps


@pytest.mark.parametrize("precision", ["float32", "auto"])
@pytest.mark.parametrize("after", [1, 5, 8, 11, 15])
def test_a_stopped_run_goes_on_to_the_same_bits(
    after: int, precision: str, small: TrainConfig, sentiment: Cache, tmp_path: Path, final: dict[str, Tensor]
) -> None:
    config = dataclasses.replace(small, precision=precision, dropout=0.3)
    train(config, *sentiment, tmp_path / "whole", progress=Silent())
    wanted = {name: tensor.clone() for name, tensor in final.items()}
    with pytest.raises(PotstillError, match="stopped by SIGTERM; the training state is kept") as caught:
        train(config, *sentiment, tmp_path / "broken", progress=Break(after, stop))
    assert caught.value.code == TRY_AGAIN
    assert step_of(tmp_path / "broken") == after + 1  # the signal came while step `after` was being reported
    torch.manual_seed(after)  # whatever else the next process has drawn
    train(config, *sentiment, tmp_path / "broken", progress=Silent())
    check_same(tmp_path / "whole", tmp_path / "broken")
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in final.items())
    assert not (tmp_path / "broken" / CHECKPOINT).exists()


def test_adadelta_and_a_static_channel_resume_exactly_too(small: TrainConfig, sentiment: Cache, tmp_path: Path) -> None:
    config = dataclasses.replace(small, optimizer="adadelta", lr=1.0, multichannel=True)
    train(config, *sentiment, tmp_path / "whole", progress=Silent())
    with pytest.raises(PotstillError, match="SIGTERM"):
        train(config, *sentiment, tmp_path / "broken", progress=Break(6, stop))
    train(config, *sentiment, tmp_path / "broken", progress=Silent())
    check_same(tmp_path / "whole", tmp_path / "broken")


@pytest.mark.parametrize("one_table", [True, False])
def test_a_sum_with_its_tables_of_words_and_n_grams_resumes_exactly_too(
    one_table: bool, small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    sizes = {"one_table": one_table, "bag": {"buckets": 64}, "wide": {"buckets": 64}}
    config = dataclasses.replace(small, model="conv+dan+bag+wide", hidden=None, shape=sizes)
    train(config, *sentiment, tmp_path / "whole", progress=Silent())
    with pytest.raises(PotstillError, match="SIGTERM"):
        train(config, *sentiment, tmp_path / "broken", progress=Break(6, stop))
    train(config, *sentiment, tmp_path / "broken", progress=Silent())
    check_same(tmp_path / "whole", tmp_path / "broken")


def test_a_run_whose_weights_and_temperatures_move_resumes_exactly_too(
    small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    kl = {"weight": {"start": 1.0, "end": 0.5}, "temperature": {"start": 4.0, "end": 1.0}}
    config = dataclasses.replace(small, losses={"kl": kl, "ce": 0.1})
    train(config, *sentiment, tmp_path / "whole", progress=Silent())
    with pytest.raises(PotstillError, match="SIGTERM"):
        train(config, *sentiment, tmp_path / "broken", progress=Break(6, stop))
    train(config, *sentiment, tmp_path / "broken", progress=Silent())
    check_same(tmp_path / "whole", tmp_path / "broken")


@pytest.mark.parametrize("after", [3, 6, 11])
def test_stages_resume_exactly_wherever_they_are_broken_off(
    after: int, small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    stages = ({"losses": {"kl": 1.0}, "epochs": 1}, {"losses": {"ce": 1.0}, "epochs": 1})
    config = dataclasses.replace(small, stages=stages)
    train(config, *sentiment, tmp_path / "whole", progress=Silent())
    with pytest.raises(PotstillError, match="SIGTERM"):
        train(config, *sentiment, tmp_path / "broken", progress=Break(after, stop))
    train(config, *sentiment, tmp_path / "broken", progress=Silent())
    for place in ("stage-1", "."):
        check_same(tmp_path / "whole" / place, tmp_path / "broken" / place, steps=())


@pytest.mark.parametrize("after", [6, 7, 15])
def test_averages_of_the_weights_resume_exactly_too(
    after: int, small: TrainConfig, sentiment: Cache, tmp_path: Path, final: dict[str, Tensor]
) -> None:
    config = dataclasses.replace(small, ema=0.95, dropout=0.3)
    train(config, *sentiment, tmp_path / "whole", progress=Silent())
    wanted = {name: tensor.clone() for name, tensor in final.items()}
    with pytest.raises(PotstillError, match="SIGTERM"):
        train(config, *sentiment, tmp_path / "broken", progress=Break(after, stop))
    train(config, *sentiment, tmp_path / "broken", progress=Silent())
    check_same(tmp_path / "whole", tmp_path / "broken")
    assert after == 15 or all(torch.equal(tensor, wanted[name]) for name, tensor in final.items())


def test_a_budget_in_steps_resumes_exactly_in_a_partial_pass(
    small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    config = dataclasses.replace(small, epochs=None, steps=13, evaluations=None, dropout=0.3)
    train(config, *sentiment, tmp_path / "whole", progress=Silent())
    with pytest.raises(PotstillError, match="SIGTERM"):
        train(config, *sentiment, tmp_path / "broken", progress=Break(9, stop))
    train(config, *sentiment, tmp_path / "broken", progress=Silent())
    assert (tmp_path / "whole" / WEIGHTS).read_bytes() == (tmp_path / "broken" / WEIGHTS).read_bytes()
    assert curve(tmp_path / "whole") == curve(tmp_path / "broken")
    assert curve(tmp_path / "whole")[-1]["step"] == 13


def test_a_killed_run_goes_on_from_its_last_checkpoint(
    small: TrainConfig, sentiment: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(small, *sentiment, tmp_path / "whole", progress=Silent())
    monkeypatch.setattr(fit, "SAVE_SECONDS", -1)  # after every step
    with pytest.raises(RuntimeError, match="power"):
        train(small, *sentiment, tmp_path / "broken", progress=Break(7, crash))
    assert step_of(tmp_path / "broken") == 7
    (tmp_path / "broken" / f"{CHECKPOINT}.tmp-1-0123abcd").write_bytes(b"half a checkpoint")
    train(small, *sentiment, tmp_path / "broken", progress=Silent())
    check_same(tmp_path / "whole", tmp_path / "broken")
    assert not list((tmp_path / "broken").glob("*.tmp-*"))


def test_a_run_killed_before_any_checkpoint_begins_again(small: TrainConfig, sentiment: Cache, tmp_path: Path) -> None:
    train(small, *sentiment, tmp_path / "whole", progress=Silent())
    with pytest.raises(RuntimeError, match="power"):
        train(small, *sentiment, tmp_path / "broken", progress=Break(9, crash))
    assert not (tmp_path / "broken" / CHECKPOINT).exists()
    assert len(curve(tmp_path / "broken")) == 2
    train(small, *sentiment, tmp_path / "broken", progress=Silent())
    check_same(tmp_path / "whole", tmp_path / "broken")


def test_a_run_can_be_stopped_again_and_again(small: TrainConfig, sentiment: Cache, tmp_path: Path) -> None:
    train(small, *sentiment, tmp_path / "whole", progress=Silent())
    for _ in range(5):
        with pytest.raises(PotstillError, match="SIGTERM"):
            train(small, *sentiment, tmp_path / "broken", progress=Break(2, stop))
    train(small, *sentiment, tmp_path / "broken", progress=Silent())
    check_same(tmp_path / "whole", tmp_path / "broken")


@pytest.mark.parametrize("changes", [{}, {"patience": 1, "lr": 1e-12, "evaluations": 4}])
def test_a_run_stopped_at_its_very_end_takes_no_further_step(
    changes: dict[str, Any], small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    config = dataclasses.replace(small, **changes)
    train(config, *sentiment, tmp_path / "whole", progress=Silent())
    last = curve(tmp_path / "whole")[-1]["step"]
    with pytest.raises(PotstillError, match="SIGTERM"):
        train(config, *sentiment, tmp_path / "broken", progress=Break(last - 1, stop))
    assert step_of(tmp_path / "broken") == last

    class Strict(Silent):
        """As the log lines of a pipe: what is finished must have been started."""

        open = 0

        def start(self, name: str, *, total: int | None, unit: str) -> None:
            self.open += 1

        def finish(self) -> None:
            self.open -= 1
            assert self.open >= 0

    train(config, *sentiment, tmp_path / "broken", progress=Strict())
    assert curve(tmp_path / "broken") == curve(tmp_path / "whole")
    assert (tmp_path / "broken" / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()


def test_an_unfinished_run_of_another_config_is_refused(small: TrainConfig, sentiment: Cache, tmp_path: Path) -> None:
    with pytest.raises(PotstillError, match="SIGTERM"):
        train(small, *sentiment, tmp_path / "s", progress=Break(3, stop))
    other = dataclasses.replace(small, lr=0.5)
    with pytest.raises(PotstillError, match="holds an unfinished run of another config") as caught:
        train(other, *sentiment, tmp_path / "s", progress=Silent())
    assert caught.value.code == STALE
    train(small, *sentiment, tmp_path / "s", progress=Silent())  # and the run itself still goes on


def test_a_run_that_goes_on_in_another_arithmetic_says_so(
    small: TrainConfig, sentiment: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Notes(Silent):
        said: ClassVar[list[str]] = []

        def note(self, message: str) -> None:
            self.said.append(message)

    with pytest.raises(PotstillError, match="SIGTERM"):
        train(small, *sentiment, tmp_path / "s", progress=Break(3, stop))
    monkeypatch.setattr(fit, "precision_that_suits", lambda model, rows, precision, device, say: precision)
    with pytest.raises(
        PotstillError, match="unfinished run in float32 on cpu, threads 1, this one asks for bf"
    ) as caught:
        other = dataclasses.replace(small, precision="bfloat16")
        train(other, *sentiment, tmp_path / "s", progress=Silent())
    assert caught.value.code == STALE
    other = dataclasses.replace(small, threads=2, precision="auto")
    monkeypatch.setattr(fit, "choose_precision", lambda name, device: torch.float32)
    report = train(other, *sentiment, tmp_path / "s", progress=Notes()).report
    one, two = "float32 on cpu, threads 1", "float32 on cpu, threads 2"
    assert f"{tmp_path / 's'} goes on in {two}; up to step 4 it was trained in {one}" in Notes.said
    assert report["arithmetic"] == [one, two]


def test_of_several_seeds_only_what_is_missing_is_trained(small: TrainConfig, sentiment: Cache, tmp_path: Path) -> None:
    config = dataclasses.replace(small, seeds=(0, 1))
    train(config, *sentiment, tmp_path / "whole", progress=Silent())
    with pytest.raises(PotstillError, match="SIGTERM"):
        train(config, *sentiment, tmp_path / "broken", progress=Break(STEPS + 3, stop))
    done = (tmp_path / "broken" / "seed-0" / WEIGHTS).stat().st_mtime_ns
    train(config, *sentiment, tmp_path / "broken", progress=Silent())
    assert (tmp_path / "broken" / "seed-0" / WEIGHTS).stat().st_mtime_ns == done
    for seed in ("seed-0", "seed-1"):
        check_same(tmp_path / "whole" / seed, tmp_path / "broken" / seed)
