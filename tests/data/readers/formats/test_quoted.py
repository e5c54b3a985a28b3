"""CSV with real quoting."""

from pathlib import Path

import pytest

from data.errors import BAD_DATA, PotstillError
from data.readers.formats.quoted import read_rows
from data.readers.source import Row, Source


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "train.csv"


def test_cells_may_hold_commas_quotes_and_line_breaks(file: Path) -> None:
    file.write_bytes(b'text,label\n"one, ""two""\nthree",pos\nplain,neg\n')
    assert list(read_rows(Source(file))) == [
        Row(2, {"text": 'one, "two"\nthree', "label": "pos"}),
        Row(4, {"text": "plain", "label": "neg"}),
    ]


def test_a_byte_order_mark_before_a_quoted_header_is_dropped(file: Path) -> None:
    file.write_bytes(b'\xef\xbb\xbf"text","label"\r\n"a",1\r\n')
    assert list(read_rows(Source(file))) == [Row(2, {"text": "a", "label": "1"})]


def test_line_separators_inside_a_cell_stay_there(file: Path) -> None:
    file.write_text("text,label\na\u2028b\x85c,1\n", "utf-8")
    assert next(read_rows(Source(file))).values["text"] == "a\u2028b\x85c"


def test_a_file_without_header_is_numbered(file: Path) -> None:
    file.write_text("5,so good\n1,so bad\n")
    assert [row.values for row in read_rows(Source(file))] == [{"0": "5", "1": "so good"}, {"0": "1", "1": "so bad"}]


def test_a_ragged_row_is_refused_with_the_line_it_begins_on(file: Path) -> None:
    file.write_text('text,label\n"a\nb",1\nc,d,0\n')
    with pytest.raises(PotstillError, match=r"line 4: 3 columns, expected 2 \(text, label\)") as error:
        list(read_rows(Source(file)))
    assert error.value.code == BAD_DATA


@pytest.mark.parametrize("broken", ['"never closed,1\nmore,0\n', '"a"b,1\n'])
def test_broken_quoting_is_refused_with_the_line_it_begins_on(file: Path, broken: str) -> None:
    file.write_text("text,label\nfine,1\n" + broken)
    with pytest.raises(PotstillError, match=r"train.csv, line 3: ") as error:
        list(read_rows(Source(file)))
    assert error.value.code == BAD_DATA


def test_a_cell_may_be_longer_than_the_csv_modules_own_limit(file: Path) -> None:
    file.write_text("text,label\n" + "word " * 50_000 + ",1\n")
    assert len(next(read_rows(Source(file))).values["text"]) == 250_000


def test_an_empty_file_has_no_rows(file: Path) -> None:
    file.write_text("")
    assert list(read_rows(Source(file))) == []


def test_lines_of_old_macs_are_named_as_such(file: Path) -> None:
    file.write_bytes(b"text,label\ra,1\rb,0\r")
    with pytest.raises(PotstillError, match="line 1: a carriage return inside a cell without quotes") as error:
        list(read_rows(Source(file)))
    assert error.value.hint.endswith(f"tr '\\r' '\\n' < {file} > FILE.csv")
