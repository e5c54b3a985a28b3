"""TSV as GLUE writes it: what stays inside a text, what is a header, what is refused."""

import csv
from pathlib import Path

import pytest

from data.errors import BAD_DATA, NO_INPUT, PotstillError
from data.readers.formats.tsv import read_rows
from data.readers.source import Row, Source


def rows(path: Path, content: str | bytes, **said: object) -> list[Row]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return list(read_rows(Source(path, **said)))  # type: ignore[arg-type]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "train.tsv"


def test_a_row_is_its_line_number_and_its_named_cells(file: Path) -> None:
    assert rows(file, "sentence\tlabel\nfine \t1\nbad\t0\n") == [
        Row(2, {"sentence": "fine ", "label": "1"}),
        Row(3, {"sentence": "bad", "label": "0"}),
    ]


def test_a_quote_is_a_character_like_any_other(file: Path) -> None:
    content = 'sentence\tlabel\n"he said\t1\nshe said" so\t0\n"""thrice"""\t1\n'
    assert [row.values["sentence"] for row in rows(file, content)] == ['"he said', 'she said" so', '"""thrice"""']
    with file.open(newline="") as stream:  # the bug this guards against: csv's own quoting swallows a row
        assert len(list(csv.reader(stream, delimiter="\t"))) == 3


def test_a_byte_order_mark_is_no_part_of_the_first_name(file: Path) -> None:
    assert list(rows(file, b"\xef\xbb\xbfQuality\t#1 String\n1\tx\n")[0].values) == ["Quality", "#1 String"]


@pytest.mark.parametrize("mark", ["\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\r"])
def test_only_the_newline_ends_a_line(file: Path, mark: str) -> None:
    read = rows(file, f"sentence\tlabel\none{mark}text\t1\n")
    assert [row.values for row in read] == [{"sentence": f"one{mark}text", "label": "1"}]


def test_windows_line_ends_are_taken_off(file: Path) -> None:
    assert rows(file, "sentence\tlabel\r\nfine\t1\r\n")[0].values == {"sentence": "fine", "label": "1"}


def test_the_last_line_needs_no_newline_and_empty_lines_are_passed_over(file: Path) -> None:
    assert [row.line for row in rows(file, "sentence\tlabel\n\na\t1\n\nb\t0")] == [3, 5]


def test_a_file_without_known_names_has_no_header(file: Path) -> None:
    assert rows(file, "good film\t1\nbad film\t0\n")[0] == Row(1, {"0": "good film", "1": "1"})


def test_header_can_be_said(file: Path) -> None:
    assert rows(file, "sentence\t1\nbad film\t0\n", header=False)[0].line == 1
    assert list(rows(file, "mine\tyours\nbad film\t0\n", header=True)[0].values) == ["mine", "yours"]


def test_a_named_column_makes_the_first_line_a_header_and_a_numbered_one_does_not(file: Path) -> None:
    assert list(rows(file, "mine\tyours\na b\t0\n", text="mine")[0].values) == ["mine", "yours"]
    assert rows(file, "0\ttext\n1\ta b\n", text="1", label="0")[0].values == {"0": "0", "1": "text"}


def test_label_first_without_header_is_cut_at_the_first_tab_only(file: Path) -> None:
    read = rows(file, "1\ta\n0\tb\tb\n1\tc\n")
    assert [row.values for row in read] == [{"0": "1", "1": "a"}, {"0": "0", "1": "b\tb"}, {"0": "1", "1": "c"}]


@pytest.mark.parametrize("row", ["a\t1\t2", "a"])
def test_a_ragged_row_is_refused_with_its_line_and_the_expected_columns(file: Path, row: str) -> None:
    with pytest.raises(PotstillError, match=r"train.tsv, line 3: \d columns?, expected 2 \(sentence, label\)") as error:
        rows(file, f"sentence\tlabel\nfine\t1\n{row}\n")
    assert error.value.code == BAD_DATA


def test_two_columns_of_one_name_are_refused(file: Path) -> None:
    with pytest.raises(PotstillError, match="two columns are named 'text'"):
        rows(file, "text\ttext\na\tb\n")


def test_bad_encoding_is_refused_with_line_and_byte(file: Path) -> None:
    with pytest.raises(PotstillError, match="line 3: byte 0xe9 at position 3") as error:
        rows(file, b"sentence\tlabel\nfine\t1\ncaf\xe9\t0\n")
    assert error.value.code == BAD_DATA
    assert "iconv" in error.value.hint


def test_utf16_is_named_as_such(file: Path) -> None:
    with pytest.raises(PotstillError, match="the file is UTF-16, expected UTF-8"):
        rows(file, "sentence\tlabel\nfine\t1\n".encode("utf-16"))


def test_a_missing_file_is_no_input_and_its_neighbours_are_listed(file: Path) -> None:
    file.write_text("x\n")
    with pytest.raises(PotstillError, match="is not there") as error:
        list(read_rows(Source(file.with_name("tran.tsv"))))
    assert error.value.code == NO_INPUT
    assert "train.tsv" in error.value.hint
    with pytest.raises(PotstillError, match="is not there") as error:
        list(read_rows(Source(file.parent / "no" / "such.tsv")))
    assert "is not there either" in error.value.hint


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PotstillError, match="is a directory") as error:
        list(read_rows(Source(tmp_path)))
    assert f"disk:{tmp_path}" in error.value.hint


def test_an_empty_file_has_no_rows(file: Path) -> None:
    assert rows(file, "") == []
