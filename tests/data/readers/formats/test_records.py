"""JSON files: an array of objects, objects a line, and what is neither."""

import json
from pathlib import Path

import pytest

from data.errors import BAD_DATA, PotstillError
from data.readers.formats import records
from data.readers.rows import rows_of
from data.readers.source import Source

OBJECTS = [{"text": f'ä "{i}" ] [ {{', "label": i % 2, "more": {"list": [1, [2]]}} for i in range(50)]


def values(path: Path, content: str | bytes, **said: object) -> list[dict]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return [row.values for row in rows_of(Source(path, **said))]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["f.json", "f.jsonl"])
@pytest.mark.parametrize("piece", [7, 64, 1 << 20])
def test_an_array_and_lines_are_told_apart_by_their_first_character(
    tmp_path: Path, name: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "PIECE", piece)
    for content in (
        json.dumps(OBJECTS),
        json.dumps(OBJECTS, indent=2, ensure_ascii=False),
        "\ufeff\n " + json.dumps(OBJECTS, ensure_ascii=False),
        "\n".join(map(json.dumps, OBJECTS)),
    ):
        assert values(tmp_path / name, content) == OBJECTS


def test_rows_of_an_array_are_counted_from_one(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text('[{"text": "a"},\n {"text": "b"}]')
    assert [row.line for row in rows_of(Source(tmp_path / "f.json"))] == [1, 2]
    assert values(tmp_path / "f.json", "[]") == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"data": [{"text": "a"}], "version": "1"}', "holds one object with the keys 'data', 'version'"),
        ('{\n  "data": [{"text": "a"}]\n}', "holds one object over several lines"),
        ('{"text": {"0": "a"}, "label": {"0": 1}}', "holds one object with the keys 'text', 'label'"),
        ('[{"text": "a"}, {"text"', "element 2 of the array: not JSON, or cut off"),
        ('[{"text": "a"} {', "element 2 of the array"),
        (b'[{"text": "caf\xe9"}]', "is not UTF-8"),
        ("[" * 100_000, "element 1 of the array"),
        ('{"a":' * 100_000, "not JSON"),
        (f'[{{"text": "a", "n": {"1" * 5_000}}}]', "element 1 of the array"),
        (f'{{"text": "a", "n": {"1" * 5_000}}}', "line 1: not JSON"),
    ],
)
def test_what_is_no_table_is_refused_by_its_form(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(PotstillError, match=said) as error:
        values(tmp_path / "f.json", content)
    assert error.value.code == BAD_DATA


def test_a_row_may_hold_lists_beside_its_text(tmp_path: Path) -> None:
    row = {"text": "a", "entities": [{"start": 0}]}
    assert values(tmp_path / "f.json", json.dumps(row)) == [row]
    other = {"body": "a", "entities": [{"start": 0}]}
    assert values(tmp_path / "f.json", json.dumps(other) + "\n" + json.dumps(other)) == [other, other]
    assert values(tmp_path / "f.json", json.dumps(other), text="body") == [other]
