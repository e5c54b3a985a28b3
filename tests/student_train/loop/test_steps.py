"""When the loop measures, when it stops, and what it refuses to go on with."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from data.errors import BAD_DATA, PotstillError
from data.layout import METRICS, WEIGHTS
from data.progress import Silent
from data.readers.source import Source
from student_train.batch import Batch, Inputs
from student_train.config import TrainConfig
from student_train.loop.history import History
from student_train.loop.steps import MOST, Step, affordable, check_finite, evaluation_steps
from student_train.outputs import Outputs
from student_train.train import train


def test_the_dev_set_is_measured_so_often_an_epoch_and_at_the_end() -> None:
    assert evaluation_steps([10, 10], 2, 20) == {5, 10, 15, 20}
    assert evaluation_steps([7], 3, 7) == {3, 5, 7}
    assert evaluation_steps([3, 4], 1, 7) == {3, 7}
    assert evaluation_steps([2], 5, 2) == {1, 2}
    assert evaluation_steps([10], 0, 10) == {10}


def test_where_nothing_is_said_dev_takes_a_tenth_of_the_time_at_most() -> None:
    """A dev row costs a third of a training row: 3,000 rows pay for 100 dev rows 9 times, for 900 once."""
    assert [affordable(3000, dev, torch.float32) for dev in (10, 100, 300, 900, 9000)] == [90, 9, 3, 1, 1]
    assert affordable(3000, 300, torch.bfloat16) == 1
    assert evaluation_steps([10, 10, 10], None, 30, most=9) == evaluation_steps([10, 10, 10], 2, 30)
    assert evaluation_steps([10, 10, 10], None, 30, most=4) == {8, 15, 23, 30}
    assert evaluation_steps([10, 10, 10], None, 30, most=1) == {30}
    assert evaluation_steps([10, 10], None, 13, most=2) == {7, 13}


def test_a_run_of_many_short_passes_is_not_measured_after_each() -> None:
    sizes = [4] * 500
    found = evaluation_steps(sizes, None, 2_000, most=MOST)
    assert found == set(range(50, 2_001, 50)) and len(found) == MOST
    assert len(evaluation_steps(sizes, 1, 2_000, most=MOST)) == 500  # asked for


def test_with_a_limit_of_steps_the_last_of_them_is_measured() -> None:
    assert evaluation_steps([10, 10], 1, 13) == {10, 13}
    assert evaluation_steps([10, 10], 2, 4) == {4}


def test_a_loss_that_is_not_finite_ends_the_run() -> None:
    check_finite(0.5, 1)
    for loss in (float("nan"), float("inf")):
        with pytest.raises(PotstillError, match=f"the loss is {loss} at step 7(?s:.)*lower lr") as caught:
            check_finite(loss, 7)
        assert caught.value.code == BAD_DATA


def run(config: TrainConfig, cache: tuple[list[Path], Source], out: Path, **changes: Any) -> list[dict[str, Any]]:
    train(dataclasses.replace(config, **changes), *cache, out, progress=Silent())
    return [json.loads(line) for line in (out / METRICS).read_text().splitlines()]


def test_patience_ends_a_run_that_gets_no_better(
    small: TrainConfig, sentiment: tuple[list[Path], Source], tmp_path: Path
) -> None:
    lines = run(small, sentiment, tmp_path / "s", lr=1e-12, patience=2, evaluations=4)
    assert [line["step"] for line in lines] == [2, 4, 6]  # the first is the best, two more are not better
    assert [line["best"] for line in lines] == [True, False, False]


def test_max_steps_ends_a_run(small: TrainConfig, sentiment: tuple[list[Path], Source], tmp_path: Path) -> None:
    lines = run(small, sentiment, tmp_path / "s", max_steps=5, evaluations=1)
    assert [line["step"] for line in lines] == [5]


def test_the_rate_falls_over_all_steps_of_all_epochs(
    small: TrainConfig, sentiment: tuple[list[Path], Source], tmp_path: Path
) -> None:
    lines = run(small, sentiment, tmp_path / "s", evaluations=1, warmup=0.0, lr=0.8)
    assert [(line["step"], line["epoch"]) for line in lines] == [(8, 1), (16, 2)]
    assert [line["lr"] for line in lines] == pytest.approx([0.8 * (1 - 7 / 16), 0.8 * (1 - 15 / 16)])


def test_a_run_that_diverges_is_ended(small: TrainConfig, sentiment: tuple[list[Path], Source], tmp_path: Path) -> None:
    with pytest.raises(PotstillError, match=r"the loss is (nan|inf)"):
        run(small, sentiment, tmp_path / "s", lr=1e30, clip=0.0)


def test_a_curve_goes_on_from_its_checkpoint_whatever_lies_in_the_file(tmp_path: Path) -> None:
    (tmp_path / METRICS).write_text('{"step": 5}\n{"step": 10}\n{"st')
    history = History(tmp_path, after=7, lines=[{"step": 5}], losses=[0.5])
    history.add(step := Step(8, 8, torch.tensor(1.5), 32, 0.1, {"accuracy": 0.5}, True))
    history.note(step, epoch=1)
    lines = [json.loads(line) for line in (tmp_path / METRICS).read_text().splitlines()]
    assert [line["step"] for line in lines] == [5, 8] and lines[1]["loss"] == 1.0


@pytest.mark.parametrize("losses", [{"logit_mse": 1.0}, {"kl": 0.7, "ce": 0.3}])
def test_a_step_in_parts_is_the_step_of_the_whole_batch(
    small: TrainConfig, sentiment: tuple[list[Path], Source], tmp_path: Path, losses: dict[str, float]
) -> None:
    """Parts of unlike sizes, without dropout: the same gradients, so nearly the same weights after some steps."""
    made = {}
    for parts in (1, 3):
        config = dataclasses.replace(small, losses=losses, dropout=0.0, accumulate=parts, max_steps=4)
        train(config, *sentiment, tmp_path / str(parts), progress=Silent())
        made[parts] = load_file(tmp_path / str(parts) / WEIGHTS)
    for name, tensor in made[1].items():
        torch.testing.assert_close(tensor, made[3][name], rtol=1e-3, atol=1e-5)


def test_a_batch_is_cut_into_parts_that_hold_all_of_it() -> None:
    ids, lengths = torch.arange(10).reshape(5, 2), torch.tensor([2, 2, 1, 2, 1])
    told = Outputs(torch.arange(5.0)[:, None], cls={6: torch.arange(5.0)[:, None]})
    batch = Batch(Inputs((ids,), (lengths,)), torch.arange(5), told, np.arange(5))
    parts = batch.parts(2)
    assert [len(part.rows) for part in parts] == [3, 2]
    assert torch.equal(torch.cat([part.inputs.ids[0] for part in parts]), ids)
    assert [part.told.cls[6][:, 0].tolist() for part in parts if part.told.cls] == [[0, 1, 2], [3, 4]]
    assert [len(part.rows) for part in batch.parts(9)] == [1] * 5
    assert batch.parts(1) == [batch]
