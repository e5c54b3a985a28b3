"""Which rows a run draws, how much each of them counts, and by which metric the best step is chosen."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import BAD_DATA, PotstillError
from data.progress import Silent
from data.readers.source import Source
from data.tasks.metrics import goodness
from data.tasks.task import Task
from student_train.config import TeachConfig, TrainConfig
from student_train.feed.reader import open_caches
from student_train.feed.stream import Stream
from student_train.loop.dev import Labelled, doubts
from student_train.losses.table import read_losses, rows_used
from student_train.teach import teach
from student_train.train import train
from student_train.vocab.vocabulary import build_words


@pytest.mark.parametrize(
    ("losses", "used"),
    [
        ({"ce": 1.0}, "labelled"),
        ({"ce": 1.0, "logit_mse": 0.0}, "labelled"),
        ({"ce_argmax": 1.0}, "unlabelled"),
        ({"ce": 1.0, "ce_argmax": 1.0}, "all"),
        ({"ce": 0.1, "kl": 0.9}, "all"),
    ],
)
def test_what_the_losses_can_learn_from(losses: dict[str, float], used: str) -> None:
    assert rows_used(read_losses({name: {"weight": weight} for name, weight in losses.items()})) == used


def test_labels_alone_take_the_steps_of_the_labelled_rows(
    small: TrainConfig, sentiment: tuple[list[Path], Source], tmp_path: Path
) -> None:
    """240 rows, every third without a label: 160 rows in batches of 32 are 5 or 6 steps an epoch, not 8."""
    manifest = train(dataclasses.replace(small, losses={"ce": {}}), *sentiment, tmp_path / "s", progress=Silent())
    reader = open_caches(sentiment[0], rows="all")[0].with_labels("labelled")
    assert reader.count == 160
    assert manifest.report["steps"] == 2 * 6  # blocks of 2 row groups: 85 and 75 labelled rows, 3 + 3 batches


def test_only_labelled_rows_stand_in_the_batches(sentiment: tuple[list[Path], Source]) -> None:
    reader = open_caches(sentiment[0], rows="all")[0]
    for which, count in (("labelled", 160), ("unlabelled", 80), ("all", 240)):
        stream = Stream(reader.with_labels(which), build_words(["a film"], min_count=1, longest=9), 32, 2, 0)
        labels = np.concatenate([batch.label.numpy() for batch in stream.batches(0)])
        assert len(labels) == count
        assert {"labelled": (labels >= 0).all(), "unlabelled": (labels < 0).all(), "all": True}[which]


def test_a_cache_without_labels_is_refused_for_losses_on_labels(
    make_cache: Any, sentiment_rows: Any, small: TrainConfig, write_source: Any, tmp_path: Path
) -> None:
    rows = sentiment_rows(40)
    bare = dataclasses.replace(rows, examples=[dataclasses.replace(e, label=None) for e in rows.examples])
    cache, dev = make_cache(tmp_path, bare), write_source(tmp_path / "dev.tsv", rows)
    config = dataclasses.replace(small, losses={"ce": {}})
    with pytest.raises(PotstillError, match="has no labelled row among its all rows") as caught:
        train(config, [cache], dev, tmp_path / "s", progress=Silent())
    assert caught.value.code == BAD_DATA


def test_balanced_weights_let_every_class_count_the_same(sentiment: tuple[list[Path], Source]) -> None:
    reader = open_caches(sentiment[0], rows="all")[0].with_labels("labelled")
    balanced = reader.class_weights("balanced")
    labels = np.concatenate([reader.read([n]).label for n in range(len(reader.groups))])
    counts = np.bincount(labels)
    assert balanced == pytest.approx(160 / (2 * counts))
    assert reader.class_weights({"pos": 3.0}) == pytest.approx(np.array([1.0, 3.0]) * 160 / (counts[0] + 3 * counts[1]))
    assert reader.labelled == 1.0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"class_weights": "heavy"}, 'is not "balanced"'),
        ({"class_weights": {"maybe": 2.0}}, "names 'maybe', which is no class"),
        ({"class_weights": {"neg": 0.0, "pos": 0.0}}, "leave no labelled row that counts"),
        ({"class_weights": "balanced", "losses": {"logit_mse": {}}}, "class_weights is for hard labels"),
        ({"best_by": "bleu"}, "no metric 'bleu' for a classify task"),
        ({"best_by": "f1:maybe"}, "the class of 'f1:maybe' is none of the task's"),
        ({"best_by": "pearson"}, "no metric 'pearson' for a classify task"),
    ],
)
def test_what_cannot_be_chosen_is_refused(
    changes: dict[str, Any], said: str, small: TrainConfig, sentiment: tuple[list[Path], Source], tmp_path: Path
) -> None:
    config = dataclasses.replace(small, **({"losses": {"ce": {}}} | changes))
    with pytest.raises(PotstillError, match=said):
        train(config, *sentiment, tmp_path / "s", progress=Silent())
    assert not (tmp_path / "s").exists()


def test_a_weight_below_zero_is_refused() -> None:
    with pytest.raises(PotstillError, match="class_weights: neg = -1"):
        TrainConfig(class_weights={"neg": -1.0})


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "f1", "f1:neg", "mcc", "loss"])
def test_the_best_step_is_the_one_with_the_best_of_the_metric_asked_for(
    metric: str, small: TrainConfig, sentiment: tuple[list[Path], Source], tmp_path: Path
) -> None:
    config = dataclasses.replace(small, best_by=metric, evaluations=4, lr=0.02)
    manifest = train(config, *sentiment, tmp_path / "s", progress=Silent())
    lines = [json.loads(line) for line in (tmp_path / "s" / "metrics.jsonl").read_text().splitlines()]
    best = max(lines, key=lambda line: goodness(metric, line["dev"][metric]))
    assert (manifest.report["best_step"], manifest.report["best_by"]) == (best["step"], metric)
    assert manifest.report["dev"] == best["dev"]
    assert manifest.config["best_by"] == metric
    assert [line for line in lines if line["best"]][-1]["step"] == best["step"]


def test_the_best_seed_is_so_by_the_metric_asked_for(
    small: TrainConfig, sentiment: tuple[list[Path], Source], tmp_path: Path
) -> None:
    config = dataclasses.replace(small, best_by="loss", seeds=(0, 1), max_steps=4)
    manifest = train(config, *sentiment, tmp_path / "s", progress=Silent())
    losses = {name: report["dev"]["loss"] for name, report in manifest.report["seeds"].items()}
    assert manifest.report["best"] == min(losses, key=lambda name: losses[name])
    assert manifest.report["best_by"] == "loss"


def test_a_score_s_loss_is_its_squared_error() -> None:
    assert Task("regress").metric("loss") == "mse"
    assert Task("regress").metric(None) == "spearman"
    with pytest.raises(PotstillError, match="no metric 'f1:a' for a regress task"):
        Task("regress").metric("f1:a")


def test_the_positive_class_is_the_second_of_two_or_the_one_named() -> None:
    two = Task("classify", ("no", "yes"))
    assert (two.positive_class, dataclasses.replace(two, positive="no").positive_class) == ("yes", "no")
    assert Task("classify", ("a", "b", "c")).positive_class is None
    assert "positive" not in two.to_dict()
    assert Task.from_dict(Task("classify", ("no", "yes"), positive="no").to_dict()).positive == "no"
    with pytest.raises(PotstillError, match="the positive class 'maybe' is none of the task's"):
        Task("classify", ("no", "yes"), positive="maybe")


def test_a_student_that_gives_one_answer_says_so(
    small: TrainConfig, sentiment: tuple[list[Path], Source], tmp_path: Path
) -> None:
    notes: list[str] = []

    class Ear(Silent):
        def note(self, message: str) -> None:
            notes.append(message)

    config = dataclasses.replace(small, losses={"ce": {}}, class_weights={"pos": 0.0})  # learns to say neg
    manifest = train(config, *sentiment, tmp_path / "s", progress=Ear())
    assert manifest.report["answered"] == 1
    assert manifest.report["warnings"] == ["every one of the 40 dev rows gets the same answer"]
    assert [note for note in notes if note.startswith("warning")] == ["warning: " + manifest.report["warnings"][0]]


def test_what_makes_a_model_doubtful() -> None:
    spam = Labelled([], np.array([0] * 97 + [1] * 3), Task("classify", ("ham", "spam")))
    assert doubts({"accuracy": 0.97}, 1, spam) == ["every one of the 100 dev rows gets the same answer"]
    assert doubts({"accuracy": 0.97}, 2, spam) == [
        "dev accuracy 0.9700 is not above 0.9700, that of always answering 'ham'"
    ]
    assert doubts({"accuracy": 0.98}, 2, spam) == []
    assert doubts({"pearson": 0.0}, 1, Labelled([], np.array([0.5, 1.0]), Task("regress")))
    assert not doubts({"pearson": 0.1}, 2, Labelled([], np.array([0.5, 1.0]), Task("regress")))


def test_a_teacher_is_chosen_and_weighted_alike(
    save_bert: Any, sentiment_rows: Any, write_source: Any, tmp_path: Path
) -> None:
    source = write_source(tmp_path / "train.tsv", sentiment_rows(60))
    text = Path(source.path).read_text() + "a scene\t\n" * 32  # one batch more if they were drawn
    Path(source.path).write_text(text)
    dev = write_source(tmp_path / "dev.tsv", sentiment_rows(30, seed=1))
    start = save_bert(tmp_path / "bert", Task("classify", ("neg", "pos")))
    config = TeachConfig(
        epochs=1, batch_size=20, threads=1, precision="float32", best_by="mcc", class_weights="balanced", max_length=32
    )
    task = Task("classify", ("neg", "pos"))
    manifest = teach(config, task, source, dev, str(start), tmp_path / "t", progress=Silent())
    assert (manifest.report["best_by"], manifest.report["steps"]) == ("mcc", 2)  # 40 labelled rows
    assert json.loads((tmp_path / "t" / "MANIFEST.json").read_text())["config"]["class_weights"] == "balanced"
