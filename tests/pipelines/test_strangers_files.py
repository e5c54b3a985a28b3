"""Files that other programs wrote, through the commands: every one reads them alike and says what it read."""

import csv
import gzip
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from data import errors
from data.examples import read_examples
from data.manifest import Manifest, write_manifest
from data.tasks.task import Task
from pipelines import cli

TASK = Task("classify", ("bad", "good"))
ROWS = [(f'a {word} film, number {i}; "so"', word) for i in range(6) for word in ("good", "bad")]
EXCEL = "\ufefftext;label\r\n" + "".join('"{}";{}\r\n'.format(text.replace('"', '""'), word) for text, word in ROWS)


class Student:
    """A student that finds every text with `good` good."""

    task = TASK

    def predict(self, texts: list[str], pairs: list[str] | None = None) -> list[dict[str, Any]]:
        return [{"label": "good" if "good" in text else "bad", "probability": 0.75} for text in texts]

    def logits(self, texts: list[str], pairs: list[str] | None = None, **_: Any) -> np.ndarray:
        return np.array([[0.0, 1.0] if "good" in text else [1.0, 0.0] for text in texts])


@pytest.fixture
def student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that every command takes for a student's."""
    (tmp_path / "student").mkdir()
    write_manifest(tmp_path / "student", Manifest("student", TASK))
    monkeypatch.setattr("student_train.student.Student.load", lambda directory: Student())
    opened = SimpleNamespace(task=TASK, logits=Student().logits)
    monkeypatch.setattr("student_train.measure.evaluate.open_model", lambda *_, **__: opened)
    monkeypatch.setattr("student_train.measure.evaluate.places", lambda directory: [directory])
    return tmp_path / "student"


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, code: int = 0) -> Any:
        assert cli.run(arguments) == code
        return capsys.readouterr()

    return run


def rows_of(out: Path) -> list[tuple[str, int | None]]:
    return [(row.text, row.label) for row in read_examples(out)[1]]  # type: ignore[misc]


def test_excels_file_is_read_alike_by_every_command(command: Any, student: Path, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_bytes(EXCEL.encode())
    (tmp_path / "more.csv").write_bytes(EXCEL.replace("film", "book").encode())
    wanted = [(text, TASK.labels.index(word)) for text, word in ROWS]
    said = "f.csv: CSV, semicolon; text = text, label = label; classify, one text; 12 rows; 2 classes: bad 50.0%"
    told = command("augment", "f.csv", "--unlabelled", "more.csv", "--n-iter", "0", "-o", "x")
    assert rows_of(tmp_path / "x")[:12] == wanted
    assert [text for text, label in rows_of(tmp_path / "x")[12:]] == [t.replace("film", "book") for t, _ in ROWS]
    assert f"train {said}" in told.err and "unlabelled more.csv: CSV, semicolon; text = text;" in told.err
    lines = command("predict", str(student), "f.csv").out.splitlines()
    assert [line.split("\t")[::2] for line in lines] == [[word, text] for text, word in ROWS]
    told = command("evaluate", str(student), "f.csv", "--json")
    assert json.loads(told.out)["metrics"]["f.csv"]["all"]["accuracy"]["mean"] == 1.0
    assert f"test {said}" in told.err
    assert "CSV" not in command("augment", "f.csv", "--n-iter", "0", "-o", "y", "-q").err


def test_files_under_gzip_and_records_are_read_alike(command: Any, tmp_path: Path) -> None:
    plain = {
        "f.csv": EXCEL,
        "f.jsonl": "\n".join(json.dumps({"text": text, "label": word}) for text, word in ROWS),
        "f.json": json.dumps([{"text": text, "label": word} for text, word in ROWS]),
    }
    for name, content in plain.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
        command("augment", f"{name}.gz", "--n-iter", "0", "-o", name)
        assert rows_of(tmp_path / name) == [(text, TASK.labels.index(word)) for text, word in ROWS]


def test_news_without_header_are_joined_and_shown(command: Any, tmp_path: Path) -> None:
    with (tmp_path / "news.csv").open("w") as stream:
        csv.writer(stream).writerows((word, f"Title {i}, it says", text) for i, (text, word) in enumerate(ROWS))
    told = command("augment", "news.csv", "--n-iter", "0", "-o", "x")
    assert "text = 1+2, label = 0 (by their content: “Title 0, it says a good film, number 0;…”, “good”)" in told.err
    assert rows_of(tmp_path / "x")[0][0] == f"Title 0, it says {ROWS[0][0]}"
    command("augment", "news.csv", "--text", "2", "--label", "0", "--n-iter", "0", "-o", "y")
    assert rows_of(tmp_path / "y")[0][0] == ROWS[0][0]
    command("augment", "news.csv", "--text", "1", "--pair", "2", "--label", "0", "--n-iter", "0", "-o", "z")
    assert next(read_examples(tmp_path / "z")[1]).pair == ROWS[0][0]


def test_columns_may_differ_between_the_files_of_one_command(command: Any, tmp_path: Path) -> None:
    """train has text,label; test of the same data has label,title,text; both with a header and without."""
    test = [(word, "Title of it", text) for text, word in ROWS[:4]]
    for name, rows in (("train", ROWS), ("test", test)):
        with (tmp_path / f"{name}.csv").open("w") as stream:
            csv.writer(stream).writerows([("text", "label") if name == "train" else ("label", "title", "text"), *rows])
        with (tmp_path / f"{name}-plain.csv").open("w") as stream:
            csv.writer(stream).writerows(rows)
    for out, files in (
        ("a", ["train.csv", "--exclude", "test.csv"]),
        ("b", ["train-plain.csv::text=0,label=1", "--exclude", "test-plain.csv::text=2,label=0"]),
        ("c", ["train-plain.csv", "--exclude", "test.csv::text=text", "--text", "0", "--label", "1"]),
    ):
        told = command("augment", *files, "--n-iter", "0", "-o", out)
        assert rows_of(tmp_path / out) == [(text, TASK.labels.index(word)) for text, word in ROWS[4:]], told.err
    assert 'train = "train-plain.csv::text=0,label=1"' in (tmp_path / "b" / "potstill.toml").read_text()


def test_one_bad_row_is_refused_or_skipped_and_kept_in_the_report(command: Any, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("text,label\na good film,good\n  ,bad\na bad film,bad\n")
    assert "f.csv, line 3" in command("augment", "f.csv", "--n-iter", "0", "-o", "x", code=errors.BAD_DATA).err
    told = command("augment", "f.csv", "--n-iter", "0", "-o", "x", "--skip-bad")
    said = "2 rows; 2 classes: bad 50.0%, good 50.0%; 2 labelled, 0 unlabelled; skipped 1 (1 empty text: line 3)"
    assert said in told.err
    assert said in command("inspect", "x").out
    assert said in command("augment", "f.csv", "--n-iter", "0", "-o", "x", "--skip-bad").err  # finished: not read again


@pytest.mark.parametrize("pair", [True, False])
def test_bench_reads_pairs_where_the_model_does(
    command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pair: bool
) -> None:
    """Without a header nothing else tells a pair from a title and its text."""
    (tmp_path / "student").mkdir()
    write_manifest(tmp_path / "student", Manifest("student", Task("classify", ("bad", "good"), pair)))
    asked: dict[str, Any] = {}
    monkeypatch.setattr(
        "student_train.measure.bench.bench", lambda places, **said: asked.update(said) or [{"name": "student"}]
    )
    (tmp_path / "f.tsv").write_text("".join(f"the title {i}\tthe text {i}\n" for i in range(3)))
    assert "texts f.tsv: TSV; text = 0" in command("bench", "student", "--on", "f.tsv").err
    assert asked["texts"][0] == ("the title 0" if pair else "the title 0 the text 0")
    assert asked["pairs"] == ([f"the text {i}" for i in range(3)] if pair else None)
