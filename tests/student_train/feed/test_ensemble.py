"""Several teachers as one: what their mean is, what a student's losses see of it, what does not go together."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from data import store
from data.errors import BAD_DATA, STALE, PotstillError
from data.examples import describe
from data.manifest import _from_values, read_manifest, write_manifest
from data.progress import Silent
from data.tasks.task import Task
from student_train.batch import Batch, Inputs
from student_train.config import TrainConfig
from student_train.feed.ensemble import COMBINE, Ensemble, choose_ensemble
from student_train.feed.reader import open_caches
from student_train.losses.loss import Given
from student_train.losses.on_logits.kl import KL
from student_train.outputs import Outputs
from student_train.train import train

CLASSES, SCORE = Task("classify", ("neg", "pos")), Task("regress")
ONE, TWO = np.array([[math.log(3), 0.0]]), np.array([[0.0, math.log(3)]])  # 3/4 : 1/4 and 1/4 : 3/4


def test_the_mean_of_logits_is_weighted() -> None:
    said = Ensemble("mean_logits", (0.75, 0.25)).combine([np.array([[4.0, 0.0]]), np.array([[0.0, 8.0]])])
    assert said.tolist() == [[3.0, 2.0]]
    assert said.dtype == np.float32


def soft(student: torch.Tensor, said: torch.Tensor, temperature: float) -> float:
    batch = Batch(Inputs((), ()), torch.zeros(len(said)), Outputs(said), np.arange(len(said)))
    return float(KL(temperature=temperature).formula(Outputs(student), batch, Given()))


def test_the_mean_of_probabilities_comes_as_its_logarithm() -> None:
    said = Ensemble("mean_probabilities", (0.75, 0.25)).combine([ONE, TWO])
    np.testing.assert_allclose(np.exp(said), [[0.625, 0.375]], rtol=1e-6)  # 3/4·3/4 + 1/4·1/4


def test_at_a_temperature_the_soft_targets_are_the_mean_of_the_teachers_soft_targets() -> None:
    said = Ensemble("mean_probabilities", (0.75, 0.25), temperature=2.0).combine([2 * ONE, 2 * TWO])
    np.testing.assert_allclose(np.exp(said / 2), [[0.625, 0.375]], rtol=1e-6)
    student = torch.tensor([[2 * math.log(4), 0.0]])  # 4/5 : 1/5 at T = 2
    by_hand = 4 * -(0.625 * math.log(0.8) + 0.375 * math.log(0.2))  # T²·CE
    assert soft(student, torch.from_numpy(said), 2.0) == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("rule", COMBINE)
@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_teachers_that_agree_are_one_teacher(rule: str, temperature: float) -> None:
    said = np.random.default_rng(0).normal(size=(5, 3)) * 4
    both = Ensemble(rule, (0.3, 0.7), temperature).combine([said, said])
    student = torch.zeros(5, 3)
    one, two = (soft(student, torch.tensor(z), temperature) for z in (said.astype(np.float32), both))
    assert one == pytest.approx(two, rel=1e-5)


def test_certain_teachers_do_not_overflow() -> None:
    said = Ensemble("mean_probabilities", (0.5, 0.5)).combine([np.array([[900.0, 0.0]]), np.array([[0.0, 900.0]])])
    np.testing.assert_allclose(said, [[-math.log(2)] * 2], rtol=1e-6)


def test_nothing_said_is_the_mean_of_logits_with_equal_weights() -> None:
    assert choose_ensemble(None, None, count=2, task=CLASSES) == Ensemble("mean_logits", (0.5, 0.5))
    assert choose_ensemble(None, (1, 3), count=2, task=SCORE) == Ensemble("mean_logits", (0.25, 0.75))
    assert choose_ensemble(None, None, count=1, task=CLASSES) is None


@pytest.mark.parametrize(
    ("rule", "weights", "count", "task", "said"),
    [
        ("vote", None, 2, CLASSES, r"no combine 'vote'\n  combine: mean_logits, mean_probabilities"),
        ("mean_probabilities", None, 2, SCORE, r"is not for regress tasks\n  combine: mean_logits$"),
        (None, (0.7,), 2, CLASSES, r"weights 0\.7 are not one number above 0 for each of 2 caches"),
        (None, (1.0, 0.0), 2, CLASSES, r"weights 1, 0 are not"),
        (None, (1.0, math.nan), 2, CLASSES, r"weights 1, nan are not"),
        ("mean_logits", None, 1, CLASSES, r"combine and weights are for several caches"),
        (None, (1.0,), 1, CLASSES, r"combine and weights are for several caches"),
    ],
)
def test_what_cannot_be_combined_is_refused(rule: Any, weights: Any, count: int, task: Task, said: str) -> None:
    with pytest.raises(PotstillError, match=said):
        choose_ensemble(rule, weights, count=count, task=task)


@pytest.fixture
def two(tmp_path: Path, make_cache: Any, sentiment_rows: Any) -> tuple[Path, Path, Any]:
    """Two teachers of 60 rows in groups of 20: the second is unsure, says nothing of row 0, the first nothing of 25."""
    rows = sentiment_rows(60)
    first = dataclasses.replace(rows, status=["nonfinite" if i == 25 else "ok" for i in range(60)])
    second = dataclasses.replace(
        rows, logits=rows.logits / 2, status=["rejected:empty" if i == 0 else "ok" for i in range(60)]
    )
    a = make_cache(tmp_path, first, group_rows=20, part_rows=40, name="a")
    return a, make_cache(tmp_path, second, group_rows=20, part_rows=40, name="b"), rows


def test_a_row_is_used_only_if_every_teacher_answered_it(two: tuple[Path, Path, Any]) -> None:
    reader, _ = open_caches(two[:2])
    reader = dataclasses.replace(reader, ensemble=Ensemble("mean_logits", (0.5, 0.5)))
    block = reader.read([0, 1, 2])
    used = [i for i in range(60) if i not in (0, 25)]
    assert block.texts == [two[2].examples[i].text for i in used]
    assert [group.count for group in reader.groups] == [19, 19, 20]
    assert block.logits is not None
    np.testing.assert_allclose(block.logits, two[2].logits[used] * 0.75)


def test_caches_of_other_examples_are_refused(
    two: tuple[Path, Path, Any], make_cache: Any, sentiment_rows: Any
) -> None:
    other = make_cache(two[0].parent / "other", sentiment_rows(60, seed=3))
    with pytest.raises(PotstillError, match=r"answers the examples \w+, .* the examples \w+") as caught:
        open_caches([two[0], other])
    assert caught.value.code == STALE
    with pytest.raises(PotstillError, match="one cache is named twice"):
        open_caches([two[0], two[0]])


def test_a_second_teacher_s_answers_to_other_texts_are_refused(two: tuple[Path, Path, Any], make_cache: Any) -> None:
    first, second, rows = two
    swapped = dataclasses.replace(rows, examples=[rows.examples[1], rows.examples[0], *rows.examples[2:]])
    wrong = make_cache(first.parent / "other", swapped, group_rows=20, part_rows=40)
    (wrong / "part-00000.parquet").replace(second / "part-00000.parquet")
    reader, _ = open_caches([first, reseal(second)])
    with pytest.raises(PotstillError, match=r"row group 0 of .*b/part-00000\.parquet does not hold the ids") as caught:
        reader.read([0])
    assert caught.value.code == BAD_DATA


def reseal(directory: Path) -> Path:
    """Write a manifest that fits the files as they are now."""
    old = _from_values(directory, store.read_json(directory / "MANIFEST.json"))
    parts = tuple(describe(directory / p.name, p.rows, p.ids) for p in old.parts)
    write_manifest(directory, dataclasses.replace(old, parts=parts))
    return directory


def test_the_mean_of_probabilities_is_refused_at_a_temperature_that_moves(
    two: tuple[Path, Path, Any], small: TrainConfig, sentiment: Any, tmp_path: Path
) -> None:
    losses = {"kl": {"temperature": {"start": 8, "end": 1}}}
    config = dataclasses.replace(small, combine="mean_probabilities", losses=losses)
    with pytest.raises(PotstillError, match="taken at one temperature, and that of the kl loss moves"):
        train(config, two[:2], sentiment[1], tmp_path / "s", progress=Silent())


@pytest.mark.parametrize("rule", COMBINE)
def test_a_student_learns_from_two_teachers_and_names_both(
    rule: str, two: tuple[Path, Path, Any], small: TrainConfig, sentiment: Any, tmp_path: Path
) -> None:
    config = dataclasses.replace(small, combine=rule, weights=(1.0, 3.0), losses={"kl": {"temperature": 2.0}})
    manifest = train(config, two[:2], sentiment[1], tmp_path / "s", progress=Silent())
    roots = [read_manifest(cache, "cache").root for cache in two[:2]]
    assert [manifest.made_from[role] for role in ("cache", "cache_2")] == roots
    assert (manifest.config["combine"], manifest.config["weights"]) == (rule, [0.25, 0.75])
    with pytest.raises(PotstillError, match="student of another run") as caught:
        train(dataclasses.replace(small, epochs=2), two[:1], sentiment[1], tmp_path / "s", progress=Silent())
    assert caught.value.code == STALE


def test_the_config_of_a_student_of_one_cache_says_nothing_of_several(trained: Any) -> None:
    assert not {"combine", "weights"} & trained.manifest.config.keys()
