"""Files appear whole or not at all."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data import store
from data.errors import BAD_DATA, NO_INPUT, PotstillError
from data.row_groups import parquet_writer

SCHEMA = pa.schema([pa.field("id", pa.string()), pa.field("op", pa.string()), pa.field("cls.6", pa.binary(8))])


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    store.write_text(tmp_path / "new" / "a.txt", "é\n")
    store.write_json(tmp_path / "new" / "b.json", {"b": [1, None], "a": "é"})
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"\xc3\xa9\n"
    assert store.read_json(tmp_path / "new" / "b.json") == {"a": "é", "b": [1, None]}
    assert names(tmp_path / "new") == ["a.txt", "b.json"]


def test_equal_values_are_equal_bytes(tmp_path: Path) -> None:
    store.write_json(tmp_path / "a", {"x": 1, "y": 2})
    store.write_json(tmp_path / "b", {"y": 2, "x": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert store.sha256_file(tmp_path / "a") == store.sha256_file(tmp_path / "b")
    assert store.digest_of({"x": 1, "y": 2}) == store.digest_of({"y": 2, "x": 1}) != store.digest_of({"x": 1})


def test_sha256_is_the_well_known_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert store.sha256_file(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_an_exception_leaves_no_file_and_the_old_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), store.replacing(path) as tmp:
            tmp.write_text("half")
            raise ZeroDivisionError
        assert names(tmp_path) == (["a.txt"] if path.exists() else [])
        path.write_text("whole")
    assert path.read_text() == "whole"


def test_an_exception_while_writing_parquet_leaves_no_file(tmp_path: Path) -> None:
    rows = pa.table({"id": ["a"], "op": ["mask"], "cls.6": [b"12345678"]}, schema=SCHEMA)
    with (
        pytest.raises(ZeroDivisionError),
        parquet_writer(tmp_path / "p.parquet", SCHEMA, vectors=("cls.6",)) as writer,
    ):
        writer.write_table(rows)
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_parquet_vectors_are_stored_as_they_are_and_texts_compressed(tmp_path: Path) -> None:
    rows = pa.table({"id": ["a"], "op": ["mask"], "cls.6": [b"12345678"]}, schema=SCHEMA)
    with parquet_writer(tmp_path / "p.parquet", SCHEMA, vectors=("cls.6",)) as writer:
        writer.write_table(rows)
    group = pq.read_metadata(tmp_path / "p.parquet").row_group(0)
    assert [group.column(index).compression for index in range(3)] == ["ZSTD", "ZSTD", "UNCOMPRESSED"]
    assert pq.read_table(tmp_path / "p.parquet").equals(rows)


@pytest.mark.parametrize("torn", [b'{"a": 1', b"", b'{"a": "\xff"}'])
def test_torn_json_is_a_clear_error(tmp_path: Path, torn: bytes) -> None:
    (tmp_path / "a.json").write_bytes(torn)
    with pytest.raises(PotstillError, match=r"a.json is not readable JSON") as error:
        store.read_json(tmp_path / "a.json", hint="make it again")
    assert (error.value.code, error.value.hint) == (BAD_DATA, "make it again")


def test_missing_json_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(PotstillError, match="is not there") as error:
        store.read_json(tmp_path / "a.json")
    assert error.value.code == NO_INPUT


def test_sweep_removes_only_what_interrupted_writers_left(tmp_path: Path) -> None:
    ours = ("part-00001.parquet.tmp-17-0123abcd", "MANIFEST.json.tmp-4-89abcdef")
    for name in ("part-00000.parquet", "thesis.tmp-final", *ours):
        (tmp_path / name).write_text("x")
    assert store.sweep(tmp_path) == 2
    assert names(tmp_path) == ["part-00000.parquet", "thesis.tmp-final"]
    assert store.sweep(tmp_path / "none") == 0
