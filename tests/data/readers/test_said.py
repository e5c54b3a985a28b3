"""What was read of a file, said in one line and kept for a manifest."""

import json
from pathlib import Path
from typing import Any

import pytest

from data.progress import Silent
from data.readers.examples import find_task, read
from data.readers.said import FileReport, Heard
from data.readers.source import Source
from data.tasks.task import Task


class Notes(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, message: str) -> None:
        self.lines.append(message)


def said(path: Path, content: str, *, task: Task | None = None, split: str = "train", **asked: Any) -> FileReport:
    path.write_text(content, "utf-8")
    how = {key: asked.pop(key) for key in ("role", "first") if key in asked}
    source, heard = Source(path, **asked), []
    rows = read(source, task or find_task(source)[0], split=split, tell=heard.append, **how)
    assert not heard  # it is told once all rows are drawn
    assert len(list(rows)) == heard[0].rows
    return heard[0]


def test_a_file_is_said_with_format_columns_task_rows_and_classes(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    report = said(path, "text;label\na;pos\nb;neg\nc;pos\nd;\n")
    assert report.line == (
        f"train {path}: CSV, semicolon; text = text, label = label; classify, one text; "
        "4 rows; 2 classes: neg 33.3%, pos 66.7%; 3 labelled, 1 unlabelled"
    )
    assert FileReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report


def test_a_manifest_that_sorts_its_keys_gives_the_same_line(tmp_path: Path) -> None:
    content = "sentence1\tsentence2\tlabel\n" + "".join(f"a {i}\tb {i}\t{i % 12}\n" for i in range(24))
    report = said(tmp_path / "f.tsv", content)
    kept = json.loads(json.dumps(report.to_dict(), sort_keys=True))
    assert FileReport.from_dict(kept).line == report.line
    assert ": 0 8.3%, 1 8.3%, 2 8.3%" in report.line


def test_columns_that_nobody_named_are_said_with_a_sample_of_each(tmp_path: Path) -> None:
    news = "".join(
        f'{i % 3 + 1},"Wall St. falls, day {i}","Reuters - Short-sellers are {i} seeing"\n' for i in range(9)
    )
    report = said(tmp_path / "f.csv", news)
    assert "text = 1+2, label = 0 (by their content: “Wall St. falls, day 0 Reuters - Short-s…”, “1”)" in report.line
    assert "9 rows; 3 classes: 1 33.3%, 2 33.3%, 3 33.3%; 9 labelled, 0 unlabelled" in report.line
    named = said(tmp_path / "f.csv", news, text="1+2", label="0")
    assert named.samples == () and "text = 1+2, label = 0;" in named.line


def test_a_pair_and_scores_are_said(tmp_path: Path) -> None:
    report = said(tmp_path / "f.tsv", "sentence1\tsentence2\tscore\na\tb\t2.5\nc\td\t4.0\n")
    assert "text = sentence1, pair = sentence2, label = score; regress, pairs of texts; 2 rows" in report.line
    assert report.line.endswith("2 rows; scores from 2.5 to 4, mean 3.25; 2 labelled, 0 unlabelled")


def test_of_many_classes_the_first_eight_are_said(tmp_path: Path) -> None:
    content = "text\tlabel\n" + "".join(f"text {i}\tc{i % 77:02d}\n" for i in range(770))
    shares = ", ".join(f"c0{number} 1.3%" for number in range(8))
    wanted = f"770 rows; 77 classes: {shares}, … 69 more; 770 labelled, 0 unlabelled"
    assert said(tmp_path / "f.tsv", content).line.endswith(wanted)


def test_labels_that_are_not_looked_at_are_not_said(tmp_path: Path) -> None:
    task = Task("classify", ("0", "1"))
    report = said(tmp_path / "f.tsv", "text\tlabel\na\t1\nb\tx\n", task=task, split="unlabelled", role="exclude")
    assert report.line == f"exclude {tmp_path / 'f.tsv'}: TSV; text = text; classify, one text; 2 rows"


def test_only_the_first_rows_may_be_read(tmp_path: Path) -> None:
    content = "text\tlabel\n" + "".join(f"text {i}\t{i % 2}\n" for i in range(20))
    assert "; the first 5 rows; 2 classes" in said(tmp_path / "f.tsv", content, first=5).line
    assert "; 20 rows; 2 classes" in said(tmp_path / "f.tsv", content, first=50).line


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("f.txt", "one text\nanother\n", "text"),
        ("f.jsonl", '{"text": "a"}\n', "JSON Lines"),
        ("f.json", '[{"text": "a"}]', "JSON records"),
        ("f.tsv", 'text\tid\n"a ""b"""\t1\n', "TSV, quoted cells"),
        ("f.tsv", "text|id\na b|1\n", "text table, pipe"),
    ],
)
def test_the_form_of_a_file_is_said(tmp_path: Path, name: str, content: str, form: str) -> None:
    task = Task("classify", ("0", "1"))
    assert said(tmp_path / name, content, task=task, split="unlabelled").form == form


def test_each_file_is_said_once_and_kept(tmp_path: Path) -> None:
    (tmp_path / "f.tsv").write_text("text\tlabel\na\t1\nb\t0\n")
    notes = Notes()
    heard, task = Heard(notes), Task("classify", ("0", "1"))
    for _ in range(3):  # as several models are measured on one file
        list(read(Source(tmp_path / "f.tsv"), task, split="test", tell=heard))
    list(read(Source(tmp_path / "f.tsv"), task, split="unlabelled", tell=heard))
    assert len(notes.lines) == 2
    again = Heard(notes)
    again.recall({"files": heard.values()})  # a finished directory, whose files are not read again
    assert notes.lines[2:] == notes.lines[:2]
    again.recall({"files": heard.values()})
    assert len(notes.lines) == 4
