"""JSON Lines."""

from pathlib import Path

import pytest

from data.errors import BAD_DATA, PotstillError
from data.readers.formats.jsonl import read_rows
from data.readers.source import Row, Source


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "train.jsonl"


def test_objects_are_rows_and_blank_lines_are_passed_over(file: Path) -> None:
    file.write_text('{"text": "a\\tb\\n\\u00e9", "label": 1}\n\n{"text": "c", "label": "x"}\n')
    assert list(read_rows(Source(file))) == [
        Row(1, {"text": "a\tb\né", "label": 1}),
        Row(3, {"text": "c", "label": "x"}),
    ]


def test_a_key_missing_later_is_none(file: Path) -> None:
    file.write_text('{"text": "a", "label": 1}\n{"text": "b"}\n')
    assert [row.values["label"] for row in read_rows(Source(file))] == [1, None]


@pytest.mark.parametrize(("line", "said"), [("{text: 1}", "not JSON"), ('["a", 1]', "list, expected an object")])
def test_a_line_that_is_no_object_is_refused_by_number(file: Path, line: str, said: str) -> None:
    file.write_text('{"text": "a"}\n' + line + "\n")
    with pytest.raises(PotstillError, match=f"line 2: {said}") as error:
        list(read_rows(Source(file)))
    assert error.value.code == BAD_DATA
