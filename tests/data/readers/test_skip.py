"""Rows that cannot be used: refused with their line, or with `skip_bad` left out, counted by reason and named."""

import json
from pathlib import Path

import pytest

from data.errors import BAD_DATA, PotstillError
from data.example import MASK, Example
from data.readers.examples import find_task, read
from data.readers.said import FileReport
from data.readers.source import Source
from data.tasks.task import Task

SENTIMENT = Task("classify", ("0", "1"))
FINE = [f"text {i}\t{i % 2}" for i in range(10)]


def skipped(path: Path, content: str | bytes, **said: object) -> tuple[list[Example], FileReport]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    heard: list[FileReport] = []
    source = Source(path, skip_bad=True, **said)  # type: ignore[arg-type]
    return list(read(source, SENTIMENT, split="train", tell=heard.append)), heard[0]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("\t1", "empty text"),
        (" \t1", "empty text"),
        ("a\tb\t1", "ragged"),
        ("alone", "ragged"),
        (f"a {MASK}\t1", "mask sign"),
        ("a\t7", "unknown label"),
    ],
)
def test_a_bad_row_in_ten_thousand_is_skipped_and_named_or_refused(tmp_path: Path, row: str, reason: str) -> None:
    many = [f"text {i}\t{i % 2}" for i in range(9_999)]
    content = "\n".join(["text\tlabel", *many[:5_000], row, *many[5_000:]])
    rows, report = skipped(tmp_path / "f.tsv", content)
    assert [example.text for example in rows] == [f"text {i}" for i in range(9_999)]
    assert report.skipped == {reason: 1} and report.bad == ("line 5002",) and report.rows == 9_999
    assert f"skipped 1 (1 {reason}: line 5002)" in report.line
    with pytest.raises(PotstillError, match="line 5002") as error:
        list(read(Source(tmp_path / "f.tsv"), SENTIMENT, split="train"))
    assert error.value.code == BAD_DATA
    assert "--skip-bad" in error.value.hint


def test_bytes_that_are_no_utf_8_are_skipped_with_their_row(tmp_path: Path) -> None:
    lines = b"text\tlabel\nfine\t1\ncaf\xe9\t0\n\xff\xfe\xfa\t1\nlast\t0\n"
    rows, report = skipped(tmp_path / "f.tsv", lines)
    assert [example.text for example in rows] == ["fine", "last"]
    assert report.skipped == {"not UTF-8": 2} and report.bad == ("line 3", "line 4")
    rows, report = skipped(tmp_path / "f.csv", lines.replace(b"\t", b","))
    assert [example.text for example in rows] == ["fine", "last"]


def test_bad_lines_of_json_are_skipped(tmp_path: Path) -> None:
    good = json.dumps({"text": "a", "label": 1})
    lines = [good, "{", '["a"]', json.dumps({"text": None}), '{"text": "\\ud83d"}', good]
    rows, report = skipped(tmp_path / "f.jsonl", "\n".join(lines))
    assert len(rows) == 2
    assert report.skipped == {"not JSON": 1, "not an object": 1, "no text": 1, "half a character": 1}
    assert report.bad == ("line 2", "line 3", "line 4")
    assert "line 4, …)" in report.line


def test_after_broken_quoting_only_its_first_line_is_lost(tmp_path: Path) -> None:
    content = 'text,label\nfine,1\n"never closed,1\nmore,0\n"a"b,1\n"so, they\nsaid",1\n"open,0\nlast,0\n'
    rows, report = skipped(tmp_path / "f.csv", content)
    assert [example.text for example in rows] == ["fine", "more", "so, they\nsaid", "last"]
    assert report.skipped == {"broken quoting": 3} and report.bad == ("line 3", "line 5", "line 8")


def test_the_first_rows_may_be_bad(tmp_path: Path) -> None:
    rows, report = skipped(tmp_path / "f.tsv", "\n".join(["text\tlabel", "a", "b", *FINE]))
    assert len(rows) == 10 and report.skipped == {"ragged": 2}
    assert find_task(Source(tmp_path / "f.tsv", skip_bad=True))[0] == SENTIMENT


def test_a_file_of_bad_rows_only_is_refused_with_the_first(tmp_path: Path) -> None:
    with pytest.raises(PotstillError, match="line 2: 1 columns, expected 2"):
        skipped(tmp_path / "f.tsv", "text\tlabel\na\nb\n")


def test_the_file_whose_only_rows_have_no_text_gives_none(tmp_path: Path) -> None:
    rows, report = skipped(tmp_path / "f.tsv", "text\tlabel\n\t1\n\t0\n")
    assert rows == [] and report.skipped == {"empty text": 2}
