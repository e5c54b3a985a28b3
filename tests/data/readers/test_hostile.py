"""Files that break something: refused by a sentence of ours or read, never an error of some library."""

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import BAD_DATA, NO_INPUT, USAGE, PotstillError
from data.readers.examples import find_task, read
from data.readers.source import Source

BIG = "1" * 5_000
FILES: dict[str, str | bytes] = {
    "number.tsv": f"text\tlabel\na\t{BIG}\nb\t2\n",
    "number.jsonl": f'{{"text": "a", "label": {BIG}}}\n',
    "long.jsonl": f'{{"text": "a", "label": {BIG[:4000]}}}\n{{"text": "b", "label": 2}}\n',
    "infinite.jsonl": '{"text": "a", "label": 1e999}\n{"text": "b", "label": NaN}\n{"text": "b", "label": 1}\n',
    "nested.jsonl": '{"text": "a", "label": [1, 2]}\n{"text": "b", "label": {"a": 1}}\n',
    "zero.csv": "text,label\n\x00a,1\nb\x00,0\n",
    "utf32.csv": b"\xff\xfe\x00\x00",
    "latin.csv": b"text,label\n\x80\x81,1\n",
    "cut.csv.gz": gzip.compress(b"text,label\na,1\nb,0\n")[:-5],
    "mark.csv.gz": b"\x1f\x8b",
    "empty.csv": "",
    "lines.csv": "\n\n\n",
    "quote.csv": '"',
    "quote.tsv": '"\n',
    "open.tsv": 'text\tlabel\n"a\t1\n"b\t0\n',
    "huge.csv": "text,label\n" + "x" * (17 << 20) + ",1\n",
    "numbers.json": "[1, 2, 3]",
    "object.json": "{}",
    "null.json": "null",
    "lists.json": "[[]]",
    "objects.json": "[{}]",
    "objects.jsonl": "{}\n{}",
    "wide.tsv": "text\tlabel\n" + "\t" * 10_000 + "\n",
    "zero.txt": "\x00\x00\n",
    "twice.csv": "text,text\na,b\n",
    "commas.csv": ",,,\n,,,\n",
    "mac.csv": "a\rb\rc\r",
    "sep.csv": "sep=;\n",
    "stub.parquet": b"PAR1",
}
ASKED: list[dict[str, Any]] = [
    {},
    {"skip_bad": True},
    {"text": "9" * 5_000},
    {"text": "+"},
    {"text": "0+1"},
    {"label": "٣"},
    {"label": ""},
    {"delimiter": "|"},
    {"format": "csv"},
    {"format": "json"},
    {"header": True},
    {"header": False},
]


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_or_refused_whatever_it_holds_and_is_asked_for(name: str, tmp_path: Path) -> None:
    content = FILES[name]
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    for asked in ASKED:
        source = Source(tmp_path / name, **asked)
        try:
            list(read(source, find_task(source)[0], split="train"))
        except PotstillError as error:
            assert error.code in (USAGE, BAD_DATA, NO_INPUT)
            assert len(error.message) < 20_000


def test_parquet_is_read_or_refused_too(tmp_path: Path) -> None:
    bytes_of_two = [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")]
    numbers = pa.array([1, 2])
    tables = {
        "twice": pa.table([pa.array(["a", "b"]), numbers, numbers], names=["text", "label", "label"]),
        "empty": pa.table({"text": pa.array([], pa.string()), "label": pa.array([], pa.int64())}),
        "latin": pa.table({"text": pa.Array.from_buffers(pa.string(), 2, bytes_of_two), "label": [1, 0]}),
    }
    for name, table in tables.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
        for asked in ASKED[:7]:
            source = Source(tmp_path / f"{name}.parquet", **asked)
            with pytest.raises(PotstillError):
                list(read(source, find_task(source)[0], split="train"))
