"""Parquet files that lie are refused in bounded time and memory, by the error that names them."""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import BAD_DATA, PotstillError
from data.example import Example, example_id
from data.guards import parquet as parquet_guard
from data.readers.formats.parquet import read_rows
from data.readers.source import Source
from data.row_groups import read_groups

ROOT = Path(__file__).parents[3]


def repeated(path: Path, length: int, rows: int, *, row_group_size: int = 1 << 30) -> Path:
    """One text of `length` bytes in every row, stored once: a dictionary and a run."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * length]))
    table = pa.table({"text": text}).cast(pa.schema({"text": pa.dictionary(pa.int32(), pa.string())}))
    pq.write_table(table, path, compression="zstd", row_group_size=row_group_size, store_schema=False)
    return path


def in_a_small_process(code: str, path: Path, *, gigabytes: float) -> dict[str, object]:
    """Run `code` under a limit of address space; it says what it met and its peak memory in MB."""
    script = f"""
import json, re, resource, sys
from pathlib import Path
from data.guards import parquet as parquet_guard
from data.errors import PotstillError
from data.row_groups import read_groups
from data.readers.formats.parquet import read_rows
from data.readers.source import Source
limit = int({gigabytes} * 2**30)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
path, said = Path(sys.argv[1]), {{"code": 0}}
try:
    {code}
except PotstillError as error:
    said = {{"code": error.code, "message": error.message}}
said["peak"] = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
print(json.dumps(said))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    pq.write_table(pa.table({"text": ["a", "b"], "label": [0, 1]}), tmp_path / "t.parquet", write_page_checksum=True)
    return tmp_path / "t.parquet"


def edited(path: Path, before: bytes, after: bytes) -> Path:
    content = path.read_bytes()
    assert content.count(before) >= 1 and len(before) == len(after)
    path.write_bytes(content.replace(before, after))
    return path


def test_a_megabyte_in_every_row_of_a_small_file_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    path = repeated(tmp_path / "t.parquet", 1 << 18, 8_192)  # 2 GB decoded
    assert path.stat().st_size < 4_096
    code = "parquet_guard.MAX_GROUP = 1 << 26; list(read_groups(path, ['text']))"
    said = in_a_small_process(code, path, gigabytes=2)
    assert said["code"] == BAD_DATA and "decodes to more than 67,108,864 bytes" in str(said["message"])
    assert float(str(said["peak"])) < 400


def test_the_reader_of_user_files_makes_such_a_text_once(tmp_path: Path) -> None:
    path = repeated(tmp_path / "t.parquet", 1 << 20, 100_000)  # 100 GB decoded
    code = "n = sum(len(row.values['text']) for row in read_rows(Source(path))); assert n == 100_000 << 20"
    said = in_a_small_process(code, path, gigabytes=3)
    assert said["code"] == 0 and float(str(said["peak"])) < 400


def test_a_value_over_the_limit_is_named_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.readers.formats.parquet.LONGEST", 10)
    for dictionary in (True, False):
        pq.write_table(pa.table({"text": ["a", "b" * 11]}), tmp_path / "t.parquet", use_dictionary=dictionary)
        with pytest.raises(
            PotstillError, match="column 'text' has a value of more than 10 bytes after row 0"
        ) as caught:
            list(read_rows(Source(tmp_path / "t.parquet")))
        assert caught.value.code == BAD_DATA


def test_a_page_that_unpacks_to_more_than_the_limit_is_never_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"text": ["x" * (64 << 20)]}), path, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 1 << 20
    for code in ("list(read_groups(path))", "list(read_rows(Source(path)))"):
        said = in_a_small_process(f"parquet_guard.MAX_PAGE = 1 << 24; {code}", path, gigabytes=3)
        assert said["code"] == BAD_DATA and "unpacked 67,108,8" in str(said["message"])
        assert float(str(said["peak"])) < 150


def test_a_row_group_of_more_rows_than_potstill_writes_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": pa.array([0] * 200_000)}), tmp_path / "t.parquet")
    with pytest.raises(PotstillError, match="row group 0 claims 200,000 rows, above 131,072") as caught:
        list(read_groups(tmp_path / "t.parquet"))
    assert caught.value.code == BAD_DATA


def test_a_list_of_a_billion_elements_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_guard, "MAX_VALUES", 1_000)
    pq.write_table(pa.table({"ids": [[0] * 2_000]}), tmp_path / "t.parquet")
    with pytest.raises(PotstillError, match=r"column ids.list.element of row group 0 claims 2,000 values"):
        list(read_groups(tmp_path / "t.parquet"))


def test_pages_are_measured_as_they_are_and_not_as_the_footer_says(small: Path) -> None:
    with parquet_guard.opened(small) as file:
        found = parquet_guard.measure(small, file, 0, ["text"])
        column = file.metadata.row_group(0).column(0)
        assert set(found) == {"text"}
        assert found["text"].dictionary == 10  # two texts of one byte, each behind a length of four
        assert found["text"].bytes < column.total_uncompressed_size  # which counts the headers too


def test_a_large_page_that_is_as_large_on_the_disk_is_no_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_guard, "MAX_PAGE", 1_000)
    monkeypatch.setattr(parquet_guard, "MAX_GROUP", 1_000)
    vectors = pa.array([random.Random(0).randbytes(512)] * 64, pa.binary(512))
    pq.write_table(pa.table({"cls": vectors}), tmp_path / "t.parquet", compression="NONE", use_dictionary=False)
    assert sum(len(table) for table in read_groups(tmp_path / "t.parquet")) == 64


@pytest.mark.parametrize("count", [0, 4, 12])
def test_a_cut_or_empty_file_is_refused(small: Path, count: int) -> None:
    small.write_bytes(small.read_bytes()[:count])
    for read in (lambda: list(read_groups(small)), lambda: list(read_rows(Source(small)))):
        with pytest.raises(PotstillError) as caught:
            read()
        assert caught.value.code == BAD_DATA


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "t.parquet")
    with pytest.raises(PotstillError, match="is not a file") as caught:
        list(read_groups(tmp_path / "t.parquet"))
    assert caught.value.code == BAD_DATA


def damaged(content: bytes, count: int) -> Iterator[bytes]:
    """Copies with a few bytes changed, mostly in the footer."""
    draw = random.Random(0)
    for _ in range(count):
        copy = bytearray(content)
        for _ in range(draw.randint(1, 4)):
            copy[draw.randrange(len(copy) // 4, len(copy))] = draw.randrange(256)
        yield bytes(copy)


def test_damaged_files_give_their_rows_or_one_clear_error(tmp_path: Path) -> None:
    """In a process of its own: a crash of the decoder would be the end of the process."""
    pq.write_table(pa.table({"text": ["a", "b"] * 50, "label": [0, 1] * 50}), tmp_path / "t.parquet")
    for number, content in enumerate(damaged((tmp_path / "t.parquet").read_bytes(), 300)):
        (tmp_path / f"{number}.parquet").write_bytes(content)
    code = """
    refused = 0
    for file in sorted(path.glob("[0-9]*.parquet")):
        for read in (lambda: list(read_groups(file)), lambda: list(read_rows(Source(file)))):
            try:
                read()
            except PotstillError:
                refused += 1
    said["refused"] = refused"""
    said = in_a_small_process(code.strip(), tmp_path, gigabytes=4)
    assert said["code"] == 0 and int(str(said["refused"])) > 100


def test_no_flipped_bit_of_a_footer_ends_the_process(tmp_path: Path) -> None:
    """pyarrow ends the process where a column's statistics contradict the schema: `row_group.column` has no way out."""
    rows = {"text": ["a", "b"] * 9, "vector": [b"x" * 8] * 18, "numbers": [[1.0, 2.0]] * 18}
    pq.write_table(pa.table(rows), tmp_path / "t.parquet", write_page_checksum=True)
    code = """
    whole = (path / "t.parquet").read_bytes()
    length = int.from_bytes(whole[-8:-4], "little") + 8
    refused, file = 0, path / "flipped.parquet"
    for bit in range(0, 8 * length, 3):
        content = bytearray(whole)
        content[bit // 8 - length] ^= 1 << bit % 8
        file.write_bytes(content)
        for read in (lambda: list(read_groups(file)), lambda: list(read_rows(Source(file)))):
            try:
                read()
            except PotstillError:
                refused += 1
    said["refused"] = refused"""
    said = in_a_small_process(code.strip(), tmp_path, gigabytes=4)
    assert said["code"] == 0 and int(str(said["refused"])) > 500


def test_a_part_whose_hash_is_known_is_not_opened_when_it_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from data.examples import read_examples, write_parts
    from data.manifest import Manifest, write_manifest
    from data.tasks.task import Task

    task = Task("classify", ("a", "b"))
    parts = write_parts(tmp_path, [Example(example_id("classify", "one", None), "one")], task)
    write_manifest(tmp_path, Manifest("examples", task, tuple(parts)))
    assert [row.text for row in read_examples(tmp_path)[1]] == ["one"]
    path = tmp_path / parts[0].name
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    monkeypatch.delattr("pyarrow.parquet.ParquetFile")
    with pytest.raises(PotstillError, match=r"part-00000\.parquet is damaged") as caught:
        list(read_examples(tmp_path)[1])
    assert caught.value.code == BAD_DATA
