"""A directory of examples gives back what was written."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data.errors import BAD_DATA, PotstillError
from data.example import MASK, Example, example_id
from data.examples import chunks, read_examples, write_part, write_parts
from data.layout import part_name
from data.manifest import Manifest, write_manifest
from data.row_groups import read_groups
from data.tasks.task import Task

TASK = Task("classify", ("neg", "pos"))
RICH = [
    Example("0" * 32, "plain", label=1),
    Example("1" * 32, "a", pair="b", label=None, split="dev"),
    Example("2" * 32, 'tab\t "quote" \u2028 \x85 好 é 🎉', label=0),
    Example("3" * 32, f"a {MASK}", words=("a", MASK), source_id="0" * 32, op="mask+ngram", k=3),
    Example("4" * 32, "", pair="", words=(), split="unlabelled"),
]


def written(directory: Path, examples: list[Example], task: Task, part_rows: int) -> Path:
    parts = write_parts(directory, iter(examples), task, part_rows=part_rows)
    write_manifest(directory, Manifest("examples", task, tuple(parts)))
    return directory


@pytest.mark.parametrize("part_rows", [1, 2, 5, 100])
def test_words_none_and_any_character_come_back(tmp_path: Path, part_rows: int) -> None:
    manifest, rows = read_examples(written(tmp_path, RICH, TASK, part_rows))
    assert list(rows) == RICH
    assert manifest.rows == 5
    assert [part.name for part in manifest.parts] == [part_name(i) for i in range(-(-5 // part_rows))]


def test_scores_come_back_as_float32(tmp_path: Path) -> None:
    task = Task("regress")
    rows = [Example("0" * 32, "a", label=3.75), Example("1" * 32, "b", label=None)]
    assert list(read_examples(written(tmp_path, rows, task, 10))[1]) == rows


def test_the_same_rows_are_the_same_bytes_and_ids(tmp_path: Path) -> None:
    first, second = (write_part(tmp_path / name / "p.parquet", iter(RICH), TASK) for name in "ab")
    assert first == second
    assert first.ids == hashlib.sha256(b"".join(row.id.encode() + b"\n" for row in RICH)).hexdigest()


def test_a_part_is_written_group_by_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.examples.GROUP_ROWS", 2)
    write_part(tmp_path / "p.parquet", iter(RICH), TASK)
    assert [table.num_rows for table in read_groups(tmp_path / "p.parquet")] == [2, 2, 1]
    assert [table.column_names for table in read_groups(tmp_path / "p.parquet", ["id"])] == [["id"]] * 3


def test_a_stream_that_fails_leaves_no_part(tmp_path: Path) -> None:
    def stream() -> Iterator[Example]:
        yield RICH[0]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_parts(tmp_path, stream(), TASK)
    assert list(tmp_path.iterdir()) == []


def test_no_examples_make_no_parts(tmp_path: Path) -> None:
    manifest, rows = read_examples(written(tmp_path, [], TASK, 10))
    assert (list(rows), manifest.rows, manifest.parts) == ([], 0, ())


def test_a_flipped_byte_in_the_texts_is_an_error_and_never_another_text(tmp_path: Path) -> None:
    texts = [Example(example_id("classify", f"text {i}"), f"text {i}") for i in range(200)]
    path = tmp_path / "p.parquet"
    write_part(path, texts, TASK)
    column = pq.read_metadata(path).row_group(0).column(1)
    content = bytearray(path.read_bytes())
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(PotstillError, match="cannot be read") as error:
        list(read_groups(path))
    assert error.value.code == BAD_DATA


def test_chunks_cut_a_stream() -> None:
    assert list(chunks(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(chunks([], 2)) == []
