"""How long is trained where nobody says it, what is refused, and that a budget in steps is kept to the step."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from data.errors import PotstillError
from data.layout import METRICS
from data.progress import Silent
from data.readers.source import Source
from student_train.budget import MOST_PASSES, PASSES, PATIENCE, STEPS, choose_budget
from student_train.config import TrainConfig
from student_train.resolve import settle_budget
from student_train.train import train

Cache = tuple[list[Path], Source]


def test_a_large_set_is_passed_over_three_times() -> None:
    found = choose_budget(480_000, 128)
    assert (found.epochs, found.steps, found.patience) == (PASSES, 11_250, 0)
    assert "11,250 steps of 128 rows, 3 passes over 480,000 rows: the set is large" in found.why


def test_a_small_set_is_passed_over_until_the_steps_are_enough() -> None:
    found = choose_budget(12_800, 128)
    assert (found.epochs, found.steps, found.patience) == (PASSES, STEPS, PATIENCE)
    assert "2,000 steps of 128 rows, 20 passes over 12,800 rows, or until dev gets no better" in found.why


def test_a_very_small_set_is_not_passed_over_without_end() -> None:
    found = choose_budget(500, 128)
    assert found.steps == MOST_PASSES * 4
    assert "no more than 100 passes" in found.why
    assert choose_budget(1, 128).steps == MOST_PASSES


def test_what_is_named_is_not_chosen_anew() -> None:
    said: list[str] = []
    named = settle_budget(TrainConfig(epochs=5), 10_000, say=said.append)
    assert (named.epochs, named.steps, named.patience, said) == (5, None, 0, [])
    named = settle_budget(TrainConfig(steps=12, patience=3), 10_000, say=said.append)
    assert (named.epochs, named.steps, named.patience, said) == (None, 12, 3, [])
    chosen = settle_budget(TrainConfig(patience=4, batch_size=128), 12_800, say=said.append)
    assert (chosen.epochs, chosen.steps, chosen.patience, len(said)) == (PASSES, STEPS, 4, 1)
    assert settle_budget(chosen, 12_800, say=said.append) == chosen and len(said) == 1


def test_so_few_steps_that_nothing_is_learnt_are_refused_unless_they_are_named() -> None:
    few = TrainConfig(epochs=3, batch_size=256)
    with pytest.raises(PotstillError, match=r"3 passes over 1,000 rows are 12 steps of 256") as caught:
        settle_budget(few, 1_000, say=print)
    assert "leave epochs out" in caught.value.hint
    for named in ({"max_steps": 12}, {"steps": 12}):
        settle_budget(dataclasses.replace(few, **named), 1_000, say=print)
    settle_budget(dataclasses.replace(few, epochs=4), 1_000, say=print)


def run(config: TrainConfig, cache: Cache, out: Path, **changes: Any) -> list[dict[str, Any]]:
    train(dataclasses.replace(config, **changes), *cache, out, progress=Silent())
    return [json.loads(line) for line in (out / METRICS).read_text().splitlines()]


@pytest.mark.parametrize(
    ("named", "last"),
    [
        ({"epochs": None, "steps": 20}, (20, 2)),  # 8 steps a pass: two passes and a half
        ({"epochs": 1, "steps": 20}, (20, 2)),
        ({"epochs": 3, "steps": 20}, (24, 3)),
        ({"epochs": None, "steps": 20, "max_steps": 11}, (11, 1)),
    ],
)
def test_steps_are_taken_in_whole_and_partial_passes(
    named: dict[str, Any], last: tuple[int, int], small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    line = run(small, sentiment, tmp_path / "s", evaluations=1, **named)[-1]
    assert (line["step"], line["epoch"]) == last


def test_what_was_chosen_is_written_down_and_found_again(small: TrainConfig, sentiment: Cache, tmp_path: Path) -> None:
    config = dataclasses.replace(small, epochs=None, steps=None, batch_size=240, max_steps=4)
    made = train(config, *sentiment, tmp_path / "s", progress=Silent())
    assert [made.config[name] for name in ("epochs", "steps", "patience")] == [PASSES, MOST_PASSES, PATIENCE]
    assert train(config, *sentiment, tmp_path / "s", progress=Silent()) == made
