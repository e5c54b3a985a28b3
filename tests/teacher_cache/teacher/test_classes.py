"""A teacher's outputs against the task's classes: by name, in the task's order, measured by labels (L1-3, L12)."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file

from data.errors import BAD_DATA, STALE, PotstillError
from data.labels.agreement import better_order
from data.manifest import Manifest
from data.tasks.task import Task
from student_train.feed.reader import open_caches
from teacher_cache.build import build
from teacher_cache.config import CacheConfig, Launch
from teacher_cache.repair.recompute import recompute
from teacher_cache.repair.repair import repair
from teacher_cache.shards.plan import read_plan
from teacher_cache.teacher.classes import match_classes
from teacher_cache.teacher.files import inspect_teacher

THREE = ("contradiction", "entailment", "neutral")
LATTER = ("neutral", "contradiction", "entailment")
WORDS = ["good", "bad", "great", "dull", "funny", "plot", "actor", "movie", "film", "not", "very"]
TEXTS = [f"{a} {b} {c}" for a in WORDS for b in WORDS for c in ("a", "the")]
CONFIG = CacheConfig(device="cpu", dtype="float32")


def matched(teacher: Path, labels: Sequence[str], **how: Any) -> Any:
    return match_classes(inspect_teacher(teacher), Task("classify", tuple(labels)), **how)


def reordered(teacher: Path, out: Path, order: Sequence[int], names: Sequence[str] | None) -> Path:
    """The same teacher with the rows of its head in another order, and other names of its outputs."""
    out.mkdir()
    for file in teacher.iterdir():
        (out / file.name).write_bytes(file.read_bytes())
    weights = load_file(out / "model.safetensors")
    for name in ("classifier.weight", "classifier.bias"):
        weights[name] = weights[name][list(order)].contiguous()
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((out / "config.json").read_text())
    names = names or [f"LABEL_{number}" for number in range(len(order))]
    config["id2label"] = dict(enumerate(names))
    config["label2id"] = {name: number for number, name in enumerate(names)}
    (out / "config.json").write_text(json.dumps(config))
    return out


def answers(cache: Path) -> np.ndarray:
    tables = [pq.read_table(path, columns=["logits"]) for path in sorted(cache.glob("part-*.parquet"))]
    return np.concatenate([np.array(table["logits"].to_pylist()) for table in tables])


@pytest.fixture
def three(make_teacher: Any) -> Path:
    """A random teacher of three classes whose answers vary."""
    place = make_teacher(labels=THREE, seed=3)
    weights = load_file(place / "model.safetensors")
    weights["classifier.bias"] = torch.zeros(3)
    save_file(weights, place / "model.safetensors", metadata={"format": "pt"})
    return place


@pytest.fixture
def gold(three: Path, make_examples: Any, heard: Any, tmp_path: Path) -> list[int]:
    """What this teacher answers, as the labels of the texts: balanced enough to tell an order by."""
    examples = make_examples(TEXTS, task=Task("classify", THREE), part_rows=100, name="asked")
    build(CONFIG, examples, three, tmp_path / "said", progress=heard)
    logits = answers(tmp_path / "said")
    return (logits - np.median(logits, axis=0)).argmax(axis=1).tolist()


@pytest.fixture
def teacher(three: Path, tmp_path: Path, gold: list[int]) -> Path:
    """The teacher with a bias that makes its answers those of `gold`."""
    weights = load_file(three / "model.safetensors")
    weights["classifier.bias"] = -torch.tensor(np.median(answers(tmp_path / "said"), axis=0), dtype=torch.float32)
    save_file(weights, three / "model.safetensors", metadata={"format": "pt"})
    return three


# --- by name --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "outputs"),
    [
        (("positive", "negative"), (1, 0)),  # L3
        (("NEGATIVE", "Positive"), (0, 1)),
        ((" Positive", "negative "), (1, 0)),
        (("LABEL_0", "LABEL_1"), (0, 1)),
    ],
)
def test_outputs_are_found_by_name(names: tuple[str, ...], outputs: tuple[int, ...], make_teacher: Any) -> None:
    found = matched(make_teacher(labels=names), ("negative", "positive"))
    assert (found.outputs, found.named) == (outputs, names[0] != "LABEL_0")


def test_classes_that_only_the_teacher_has_stand_behind_the_task_s(make_teacher: Any) -> None:  # L12
    found = matched(make_teacher(labels=("neutral", "contradiction", "mixed", "entailment")), ("entailment", "neutral"))
    assert found.task.labels == ("entailment", "neutral", "contradiction", "mixed")
    assert found.outputs == (3, 0, 1, 2)
    assert found.names == ("neutral", "contradiction", "mixed", "entailment")


def test_ids_are_the_outputs_of_a_teacher_without_names(make_teacher: Any) -> None:
    found = matched(make_teacher(labels=("LABEL_0", "LABEL_1", "LABEL_2")), ("0", "2"))
    assert (found.task.labels, found.outputs) == (("0", "2", "1"), (0, 2, 1))


def test_ids_are_never_places_among_names(make_teacher: Any) -> None:  # L2
    place = make_teacher(labels=THREE)
    with pytest.raises(PotstillError, match=r"are other ones: teacher contradiction, .*; examples 0, 1, 2") as caught:
        matched(place, ("0", "1", "2"))
    assert "--label-names contradiction,entailment,neutral" in caught.value.hint


def test_other_classes_are_refused_with_the_option_that_names_them(make_teacher: Any) -> None:
    place = make_teacher(labels=("bad", "good"))
    with pytest.raises(PotstillError, match="are other ones: teacher bad, good; examples neg, pos") as caught:
        matched(place, ("neg", "pos"))
    assert "--teacher-labels neg,pos" in caught.value.hint
    assert matched(place, ("neg", "pos"), said=("pos", "neg")).outputs == (1, 0)
    for labels, said in ((("a", "b", "c"), None), (("neg", "pos"), ("neg", "pos", "x")), (("a", "b"), ("a", "a"))):
        with pytest.raises(PotstillError, match=r"has 2 outputs|twice"):
            matched(place, labels, said=said)


@pytest.mark.parametrize(
    ("problem", "task", "said"),
    [
        ("regression", Task("classify", THREE), "is for regression .*, the task is classify"),
        ("single_label_classification", Task("regress"), "the task is regress"),
        ("multi_label_classification", Task("classify", THREE), "several labels a row are not supported"),
    ],
)
def test_the_problem_type_is_read(problem: str, task: Task, said: str, three: Path, tmp_path: Path) -> None:  # L9
    place = reordered(three, tmp_path / "t", (0, 1, 2), THREE)
    config = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(json.dumps(config | {"problem_type": problem}))
    with pytest.raises(PotstillError, match=said):
        match_classes(inspect_teacher(place), task)


def test_a_regression_needs_one_output(make_teacher: Any) -> None:
    assert match_classes(inspect_teacher(make_teacher(labels=("LABEL_0",))), Task("regress")).outputs == (0,)
    with pytest.raises(PotstillError, match="has 2 outputs, the regress task has 1"):
        match_classes(inspect_teacher(make_teacher()), Task("regress"))


# --- in the task's order --------------------------------------------------------------------------------------------


def test_columns_stand_in_the_task_s_order(three, make_examples, heard, tmp_path: Path) -> None:  # L2, L3
    examples = make_examples(labels=[0, 1, 2, 0, 1, 2, 0, None], task=Task("classify", THREE))
    plain = build(CONFIG, examples, three, tmp_path / "a", progress=heard)
    other = reordered(three, tmp_path / "t", (2, 0, 1), ("Neutral", "contradiction", "entailment"))
    moved = build(CONFIG, examples, other, tmp_path / "b", progress=heard)
    assert isinstance(plain, Manifest) and isinstance(moved, Manifest)
    np.testing.assert_array_equal(answers(tmp_path / "a"), answers(tmp_path / "b"))
    assert moved.task == plain.task == Task("classify", THREE)
    assert plain.report["agreement"] == moved.report["agreement"]
    plan = read_plan(tmp_path / "b")
    assert plan is not None
    assert (plan.labels, plan.outputs) == (THREE, (1, 2, 0))
    assert not recompute(tmp_path / "b", rows=5, teacher=str(other), seed=0, progress=heard)


def test_a_repaired_cache_keeps_its_order(three, make_examples, heard, tmp_path: Path) -> None:
    examples = make_examples(task=Task("classify", THREE))
    other = reordered(three, tmp_path / "t", (2, 0, 1), None)
    config = CacheConfig(device="cpu", dtype="float32", teacher_labels=LATTER)
    made = build(config, examples, other, tmp_path / "b", progress=heard)
    next((tmp_path / "b").glob("part-00001-*.parquet")).write_bytes(b"damaged")
    _, again = repair(tmp_path / "b", progress=heard)
    assert made is not None and again is not None and again.root == made.root


def test_a_student_learns_all_classes_of_the_teacher(three, make_examples, heard, tmp_path: Path) -> None:  # L12
    examples = make_examples(labels=[0, 1] * 4, task=Task("classify", ("entailment", "neutral")))
    manifest = build(CONFIG, examples, three, tmp_path / "c", progress=heard)
    assert manifest is not None
    assert manifest.task.labels == ("entailment", "neutral", "contradiction")
    reader, _ = open_caches([tmp_path / "c"])
    block = reader.read([0])
    assert reader.task == manifest.task
    assert block.logits is not None and block.logits.shape[1] == 3 and set(block.label) <= {0, 1}
    two = reordered(three, tmp_path / "t", (1, 2), ("entailment", "neutral"))
    build(CONFIG, examples, two, tmp_path / "d", progress=heard)
    with pytest.raises(PotstillError, match=r"answers with entailment, neutral, .* with entailment, neutral, contra"):
        open_caches([tmp_path / "c", tmp_path / "d"])


# --- measured by the labels -----------------------------------------------------------------------------------------


def test_the_agreement_stands_in_the_manifest_and_is_said(teacher, gold, make_examples, heard, tmp_path: Path) -> None:
    labels = [*gold[:-20], *[None] * 20]
    examples = make_examples(TEXTS, labels=labels, task=Task("classify", THREE), part_rows=100)
    manifest = build(CONFIG, examples, teacher, tmp_path / "c", progress=heard)
    assert manifest is not None
    assert manifest.report["agreement"]["labelled"] == len(TEXTS) - 20
    assert manifest.report["agreement"]["share"] > 0.95
    assert any(f"of {len(TEXTS) - 20} labels" in note for note in heard.notes)


@pytest.mark.parametrize("workers", [0, 2])
def test_another_order_that_agrees_far_better_stops_the_run(
    workers: int, teacher, gold, make_examples, heard, tmp_path: Path
) -> None:  # L1
    examples = make_examples(TEXTS, labels=gold, task=Task("classify", THREE), part_rows=100)
    other = reordered(teacher, tmp_path / "t", (2, 0, 1), None)
    launch = Launch(workers=workers)
    with pytest.raises(
        PotstillError, match=r"names no classes .* agree with .* labels; taken as neutral, con"
    ) as caught:
        build(CONFIG, examples, other, tmp_path / "c", launch=launch, progress=heard)
    assert caught.value.code == BAD_DATA
    assert "--teacher-labels neutral,contradiction,entailment;" in caught.value.hint
    assert not (tmp_path / "c" / "MANIFEST.json").exists()
    said = CacheConfig(device="cpu", dtype="float32", teacher_labels=LATTER)
    manifest = build(said, examples, other, tmp_path / "c", launch=launch, progress=heard)  # in the same directory
    assert manifest is not None and manifest.report["agreement"]["share"] > 0.95
    kept = CacheConfig(device="cpu", dtype="float32", teacher_labels=THREE)
    with pytest.raises(PotstillError, match="outputs") as caught:
        build(kept, examples, other, tmp_path / "c", progress=heard)
    assert caught.value.code == STALE
    assert build(kept, examples, other, tmp_path / "d", progress=heard) is not None  # the user's word stands


def test_a_better_order_must_be_far_better() -> None:
    names, gold = ("a", "b", "c"), np.arange(90) % 3
    order = better_order((gold + 1) % 3, gold, names)
    assert order is not None
    assert (order.right, order.better, order.names) == (0, 90, ("c", "a", "b"))  # output 0 means c
    assert better_order(gold, gold, names) is None
    assert better_order(np.zeros(90, int), gold, names) is None  # always the same answer
    assert better_order(np.random.default_rng(0).integers(0, 3, 90), gold, names) is None
    assert better_order((gold[:4] + 1) % 3, gold[:4], names) is None  # too few to tell
    rare = np.array([0] * 97 + [1] * 3)
    assert better_order(1 - rare, rare, ("a", "b")) is not None
    assert better_order(np.ones(100, int), rare, ("a", "b")) is None
