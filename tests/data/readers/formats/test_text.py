"""Plain text, and which reader a name leads to."""

import gzip
from pathlib import Path

import pytest

from data.errors import PotstillError
from data.readers import READERS
from data.readers.rows import format_of, rows_of
from data.readers.source import Row, Source


def test_every_line_is_a_text_and_blank_lines_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "wiki.txt").write_text('one "text"\n\n  \ntwo\u2028lines\n', "utf-8")
    assert list(rows_of(Source(tmp_path / "wiki.txt"))) == [
        Row(1, {"text": 'one "text"'}),
        Row(4, {"text": "two\u2028lines"}),
    ]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.tsv", "tsv"),
        ("a.CSV", "csv"),
        ("a.jsonl", "jsonl"),
        ("a.ndjson", "jsonl"),
        ("a.json", "json"),
        ("a.csv.gz", "csv"),
        ("a.TSV.GZ", "tsv"),
        ("a.jsonl.gz", "jsonl"),
        ("a.parquet", "parquet"),
        ("hf:stanfordnlp/sst2", "hub"),
        ("disk:runs/saved@train", "hub"),
    ],
)
def test_the_ending_names_the_format(name: str, found: str) -> None:
    assert format_of(Source(name)) == found
    assert found in READERS


@pytest.mark.parametrize(
    ("content", "found"), [("1\tgood\n0\tbad\n", "tsv"), ("good\nbad\tish\n", "text"), ("", "text")]
)
def test_a_txt_file_is_tsv_only_if_every_line_has_a_tab(tmp_path: Path, content: str, found: str) -> None:
    (tmp_path / "a.txt").write_text(content)
    assert format_of(Source(tmp_path / "a.txt")) == found


def test_a_txt_file_under_gzip_is_looked_into(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"1\tgood\n0\tbad\n"))
    assert format_of(Source(tmp_path / "a.txt.gz")) == "tsv"
    (tmp_path / "a.parquet.gz").write_bytes(b"")
    with pytest.raises(PotstillError, match="no known ending"):
        format_of(Source(tmp_path / "a.parquet.gz"))


def test_a_said_format_wins() -> None:
    assert format_of(Source("a.tsv", format="csv")) == "csv"


def test_an_unknown_ending_or_format_lists_the_known_ones() -> None:
    with pytest.raises(PotstillError, match=r"no known ending \(.tsv, .csv, .jsonl") as error:
        format_of(Source("train.xlsx"))
    assert "--format" in error.value.hint
    with pytest.raises(PotstillError, match="unknown format 'xlsx'") as error:
        format_of(Source("a.xlsx", format="xlsx"))
    assert error.value.hint == f"formats: {', '.join(READERS)}"
