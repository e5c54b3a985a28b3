"""Students and teachers measured on files, and side by side for size and speed."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import NO_INPUT, PotstillError
from data.progress import Silent
from data.readers.source import Source
from student_train import bench as module
from student_train.bench import bench
from student_train.evaluate import evaluate, evaluate_seeds
from student_train.student import Student


def test_a_student_is_measured_by_what_it_predicts(trained: Any) -> None:
    lines = [line.split("\t") for line in Path(trained.dev.path).read_text().splitlines()[1:]]
    answers = Student.load(trained.out).predict([text for text, _ in lines])
    wanted = np.mean([answer["label"] == label for answer, (_, label) in zip(answers, lines, strict=True)])
    assert evaluate(trained.out, trained.dev, progress=Silent())["accuracy"] == pytest.approx(wanted)
    assert wanted == pytest.approx(trained.manifest.report["dev"]["accuracy"])


def test_a_teacher_is_measured_alike(taught: Any) -> None:
    found = evaluate_seeds(taught.out, taught.dev, progress=Silent())
    assert found["teacher"]["accuracy"] == found["all"]["accuracy"]["mean"] > 0.95
    assert found["all"]["accuracy"]["std"] == 0


def test_rows_without_a_label_are_left_out(trained: Any, tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("text\tlabel\na good film\tpos\na bad film\t\na bad plot\tneg\n")
    assert evaluate(trained.out, Source(tmp_path / "t.tsv"), progress=Silent())["accuracy"] == 1.0
    (tmp_path / "u.tsv").write_text("text\tlabel\na good film\t\n")
    with pytest.raises(PotstillError, match="no labelled row to measure on"):
        evaluate(trained.out, Source(tmp_path / "u.tsv"), progress=Silent())


def test_a_directory_of_nothing_is_refused(tmp_path: Path, trained: Any) -> None:
    with pytest.raises(PotstillError, match="is no student and no teacher") as caught:
        evaluate(tmp_path, trained.dev, progress=Silent())
    assert caught.value.code == NO_INPUT


def test_size_and_speed_are_measured_side_by_side(trained: Any, taught: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROUNDS", 1)
    monkeypatch.setattr(module, "SINGLES", 2)
    rows = bench([trained.out, taught.out], texts=["a good film", "bad"] * 4, threads=1, progress=Silent())
    assert [row["name"] for row in rows] == ["student", "teacher"]
    for row in rows:
        for name in ("parameters", "embedding_parameters", "megabytes", "p50_ms", "p95_ms", "rows_per_second"):
            assert math.isfinite(row[name])
            assert row[name] > 0
        assert row["p50_ms"] <= row["p95_ms"]
        assert row["threads"] == 1
    assert rows[0]["parameters"] == trained.manifest.report["parameters"]
    assert sum(rows[1][name] for name in ("parameters", "embedding_parameters")) == taught.manifest.report["parameters"]


def test_arms_take_turns_and_the_first_round_only_warms_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def arm(directory: Path) -> Any:
        def ask(texts: list[str], pairs: list[str] | None) -> np.ndarray:
            asked.append((directory.name, len(texts)))
            return np.zeros((len(texts), 2))

        return ask, {"name": directory.name}

    monkeypatch.setattr(module, "_open", arm)
    monkeypatch.setattr(module, "ROUNDS", 2)
    monkeypatch.setattr(module, "SINGLES", 2)
    rows = bench([Path("a"), Path("b")], texts=["x", "y", "z"], progress=Silent())
    assert asked == [("a", 1), ("a", 1), ("a", 3), ("b", 1), ("b", 1), ("b", 3)] * 3
    assert [row["name"] for row in rows] == ["a", "b"]
