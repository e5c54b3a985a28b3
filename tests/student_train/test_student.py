"""A finished student: asked in Python, from its directory alone; the best of several seeds; its card."""

import dataclasses
import json
import math
import shutil
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import BAD_DATA, NO_INPUT, PotstillError
from data.manifest import read_manifest
from data.progress import Silent
from data.readers.source import Source
from data.tasks.metrics import spread
from student_train.config import TrainConfig
from student_train.directory.card import plain
from student_train.directory.sealed import best_student, student_directories
from student_train.student import Student
from student_train.train import train
from tests.student_train.conftest import evaluate

TEXTS = ["a good film", "the plot was very bad and the music is bad", "good", "bad story"]


@pytest.fixture(scope="module")
def student(trained: Any) -> Student:
    return Student.load(trained.out)


def test_it_names_the_label_and_how_sure_it_is(student: Student) -> None:
    answers = student.predict(TEXTS)
    assert [answer["label"] for answer in answers] == ["pos", "neg", "pos", "neg"]
    for answer in answers:
        assert set(answer["probabilities"]) == {"neg", "pos"}
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert answer["probability"] == max(answer["probabilities"].values())


def test_answers_come_in_the_order_of_the_texts_whatever_the_batches(student: Student) -> None:
    one_by_one = [student.predict([text])[0] for text in TEXTS]
    for size in (1, 2, 256):
        for got, wanted in zip(student.predict(TEXTS, batch_size=size), one_by_one, strict=True):
            assert got["label"] == wanted["label"]
            assert got["probability"] == pytest.approx(wanted["probability"], abs=1e-5)


def test_probabilities_are_the_softmax_of_the_logits(student: Student) -> None:
    logits = student.logits(TEXTS)
    assert logits.shape == (4, 2)
    wanted = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    got = [list(answer["probabilities"].values()) for answer in student.predict(TEXTS)]
    assert np.allclose(got, wanted, atol=1e-5)


def test_no_texts_are_no_answers(student: Student) -> None:
    assert student.predict([]) == []
    assert student.logits([]).shape == (0, 2)


def test_texts_of_unknown_words_and_no_words_are_answered(student: Student) -> None:
    assert len(student.predict(["", "  ", "酒店", "zebra", "⟦mask⟧"])) == 5


def test_one_text_or_two_is_not_a_matter_of_taste(student: Student) -> None:
    with pytest.raises(PotstillError, match="this student reads one text"):
        student.predict(["a"], ["b"])


def test_a_copied_directory_answers_alike(trained: Any, student: Student, tmp_path: Path) -> None:
    shutil.copytree(trained.out, tmp_path / "elsewhere")
    assert Student.load(str(tmp_path / "elsewhere")).predict(TEXTS) == student.predict(TEXTS)
    names = {path.name for path in trained.out.iterdir()}
    assert {"model.safetensors", "config.json", "vocabulary.json", "tokenizer.json", "README.md"} <= names
    assert "last.safetensors" not in names


def test_the_card_holds_the_student_s_numbers(trained: Any) -> None:
    text, report = (trained.out / "README.md").read_text(), trained.manifest.report
    assert f"{report['parameters']:,}" in text
    assert f"{report['bytes']:,}" in text
    assert f"| dev accuracy | {report['dev']['accuracy']:.4f} |" in text
    assert "neg, pos" in text
    sizes = {path.name: path.stat().st_size for path in trained.out.iterdir()}
    kept = ("model.safetensors", "config.json", "vocabulary.json", "tokenizer.json")
    assert report["bytes"] == sum(sizes[name] for name in kept)


def test_the_student_of_the_last_step_is_kept_beside_the_best_one(
    small: TrainConfig, sentiment: Any, tmp_path: Path
) -> None:
    config = dataclasses.replace(small, lr=0.5, schedule="constant")  # so high that it swings to and fro
    manifest = train(config, *sentiment, tmp_path / "s", progress=Silent())
    lines = [json.loads(line) for line in (tmp_path / "s" / "metrics.jsonl").read_text().splitlines()]
    best, last = max(line["dev"]["accuracy"] for line in lines), lines[-1]["dev"]["accuracy"]
    assert (manifest.report["dev"]["accuracy"], manifest.report["last_dev"]["accuracy"]) == (best, last)
    assert evaluate(tmp_path / "s", sentiment[1], progress=Silent())["accuracy"] == pytest.approx(best)
    assert evaluate(tmp_path / "s" / "last", sentiment[1], progress=Silent())["accuracy"] == pytest.approx(last)


def test_the_reported_numbers_are_those_of_the_best_evaluation(trained: Any) -> None:
    lines = [json.loads(line) for line in (trained.out / "metrics.jsonl").read_text().splitlines()]
    best = max(lines, key=lambda line: line["dev"]["accuracy"])
    assert trained.manifest.report["dev"] == best["dev"]
    assert trained.manifest.report["best_step"] == best["step"]


def test_mean_and_sample_deviation_by_hand() -> None:
    assert spread([0.5, 0.7, 0.9]) == {"mean": pytest.approx(0.7), "std": pytest.approx(0.2)}
    assert spread([0.25]) == {"mean": 0.25, "std": 0.0}


@pytest.fixture(scope="module")
def seeds(small: TrainConfig, sentiment: tuple[list[Path], Source], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three students stopped early, so that they differ."""
    out = tmp_path_factory.mktemp("seeds") / "s"
    train(dataclasses.replace(small, seeds=(3, 1, 2), max_steps=6), *sentiment, out, progress=Silent())
    return out


def test_several_seeds_are_reported_with_mean_and_deviation(seeds: Path) -> None:
    report = read_manifest(seeds, "students").report
    values = [read_manifest(seeds / name, "student").report["dev"]["accuracy"] for name in report["seeds"]]
    assert set(report["seeds"]) == {"seed-1", "seed-2", "seed-3"} == {path.name for path in student_directories(seeds)}
    assert report["dev"]["accuracy"]["mean"] == pytest.approx(statistics.mean(values))
    assert report["dev"]["accuracy"]["std"] == pytest.approx(statistics.stdev(values))
    assert len({(seeds / name / "model.safetensors").read_bytes() for name in report["seeds"]}) == 3


def test_the_best_of_several_seeds_is_asked(seeds: Path) -> None:
    report = read_manifest(seeds, "students").report
    values = {name: numbers["dev"]["accuracy"] for name, numbers in report["seeds"].items()}
    assert values[report["best"]] == max(values.values())
    assert best_student(seeds) == seeds / report["best"]
    assert Student.load(seeds).predict(TEXTS) == Student.load(seeds / report["best"]).predict(TEXTS)


def test_what_is_no_student_is_refused(tmp_path: Path, taught: Any, trained: Any) -> None:
    with pytest.raises(PotstillError, match=r"is not there(?s:.)*potstill train") as caught:
        Student.load(tmp_path)
    assert caught.value.code == NO_INPUT
    with pytest.raises(PotstillError, match="holds teacher, not student"):
        Student.load(taught.out)
    shutil.copytree(trained.out, tmp_path / "cut")
    with (tmp_path / "cut" / "model.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(PotstillError, match=r"model\.safetensors has \d+ bytes") as caught:
        Student.load(tmp_path / "cut")
    assert caught.value.code == BAD_DATA


def test_numbers_in_answers_are_plain_python_for_json(student: Student) -> None:
    answer = student.predict(["good"])[0]
    assert json.loads(json.dumps(answer)) == answer
    assert math.isfinite(answer["probability"])


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["a", None], "text 1 is None (NoneType), expected a str"),
        ([3.5], "text 0 is 3.5 (float), expected a str"),
        (["a", float("nan")], "text 1 is nan (float), expected a str"),
        ("a good film", "texts is one str, expected a list of them"),
        (["half \ud83d"], "text 0 holds half a character"),
    ],
)
def test_what_is_no_text_is_refused_in_a_sentence(student: Student, texts: Any, said: str) -> None:
    with pytest.raises(PotstillError) as caught:
        student.predict(texts)
    assert said in str(caught.value)


def test_any_sequence_of_texts_will_do(student: Student) -> None:
    assert student.predict(tuple(TEXTS)) == student.predict(np.array(TEXTS, object)) == student.predict(TEXTS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "label", ["a|b", "<script>alert(1)</script>", "*very* `good`", "C++ [x](y) #1", "two\nlines", "\\"]
)
def test_the_card_shows_a_label_as_it_is(label: str) -> None:
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").enable("table").parse(f"| {plain(label)} |\n|---|\n")
    (cell,) = (token for token in tokens if token.type == "inline")
    assert [(child.type, child.content) for child in cell.children or []] == [("text", " ".join(label.split()))]
