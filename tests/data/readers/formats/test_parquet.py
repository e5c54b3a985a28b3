"""Parquet."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import BAD_DATA, NO_INPUT, PotstillError
from data.readers.formats.parquet import read_rows
from data.readers.source import Row, Source


def test_rows_of_all_row_groups_are_counted_from_one(tmp_path: Path) -> None:
    table = pa.table({"text": ["a", "b", "c"], "label": pa.array([0, None, 1], pa.int64())})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=2)
    assert list(read_rows(Source(tmp_path / "t.parquet"))) == [
        Row(1, {"text": "a", "label": 0}),
        Row(2, {"text": "b", "label": None}),
        Row(3, {"text": "c", "label": 1}),
    ]


def test_columns_of_lists_and_bytes_are_not_read_and_categories_are(tmp_path: Path) -> None:
    table = pa.table({"text": pa.array(["a", "a"]).dictionary_encode(), "vector": [[1.0], [2.0]], "raw": [b"x", b"y"]})
    pq.write_table(table, tmp_path / "t.parquet")
    assert [row.values for row in read_rows(Source(tmp_path / "t.parquet"))] == [{"text": "a"}, {"text": "a"}]


def test_what_is_not_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_text("text\tlabel\n")
    with pytest.raises(PotstillError, match="is not a Parquet file") as error:
        list(read_rows(Source(tmp_path / "t.parquet")))
    assert error.value.code == BAD_DATA


def test_a_file_of_vectors_only_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"vector": [[1.0]]}), tmp_path / "t.parquet")
    with pytest.raises(PotstillError, match="no column of texts or numbers"):
        list(read_rows(Source(tmp_path / "t.parquet")))


def test_a_missing_file_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(PotstillError, match="is not there") as error:
        list(read_rows(Source(tmp_path / "t.parquet")))
    assert error.value.code == NO_INPUT


def test_two_columns_of_one_name_are_refused_where_one_may_be_asked_for(tmp_path: Path) -> None:
    columns = [pa.array(["a"]), pa.array([1]), pa.array([2])]
    pq.write_table(pa.table(columns, names=["text", "label", "label"]), tmp_path / "t.parquet")
    with pytest.raises(PotstillError, match="two columns are named 'label'") as error:
        list(read_rows(Source(tmp_path / "t.parquet")))
    assert error.value.code == BAD_DATA
    pq.write_table(pa.table(columns, names=["text", "x", "x"]), tmp_path / "t.parquet")
    assert [row.values for row in read_rows(Source(tmp_path / "t.parquet"))] == [{"text": "a"}]
    with pytest.raises(PotstillError, match="two columns are named 'x'"):
        list(read_rows(Source(tmp_path / "t.parquet", label="x")))
