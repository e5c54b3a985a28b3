"""A directory of examples: Parquet parts with row groups of fixed size, sealed by a manifest.

A cache keeps these parts and row groups: its shard i holds the answers to part i, row group by row group, so a
reader joins them one row group at a time and checks the ids of each.
"""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from data import store
from data.example import Example
from data.layout import part_name
from data.manifest import Manifest, Part, read_manifest, whole_part
from data.row_groups import parquet_writer, read_groups
from data.schema import examples_schema
from data.tasks.task import Task

PART_ROWS = 65_536  # a part is the unit of resume in both phases: about a minute of teacher time on two cores
GROUP_ROWS = 8_192  # a row group is the unit of reading in training

Item = TypeVar("Item")


def write_parts(directory: Path, examples: Iterable[Example], task: Task, *, part_rows: int = PART_ROWS) -> list[Part]:
    """Write a stream of examples as parts of `part_rows`; memory is one row group."""
    stream = iter(examples)
    parts: list[Part] = []
    while (first := next(stream, None)) is not None:
        rows = chain([first], islice(stream, part_rows - 1))
        parts.append(write_part(directory / part_name(len(parts)), rows, task))
    return parts


def write_part(path: Path, examples: Iterable[Example], task: Task) -> Part:
    """Write one part, row group by row group; return its manifest entry."""
    schema = examples_schema(task)
    return write_groups(path, (to_table(group, schema) for group in chunks(examples, GROUP_ROWS)), schema)


def write_groups(path: Path, groups: Iterable[pa.Table], schema: pa.Schema) -> Part:
    """Write one part from given row groups (GROUP_ROWS rows each but for the last); return its manifest entry."""
    ids, rows = hashlib.sha256(), 0
    with parquet_writer(path, schema) as writer:
        for table in groups:
            writer.write_table(table, row_group_size=GROUP_ROWS)
            hash_ids(ids, table["id"])
            rows += len(table)
    return describe(path, rows, ids.hexdigest())


def describe(path: Path, rows: int, ids: str) -> Part:
    """Make the manifest entry of a written file."""
    return Part(path.name, rows, path.stat().st_size, store.sha256_file(path), ids)


def read_examples(directory: Path) -> tuple[Manifest, Iterator[Example]]:
    """Open a sealed examples directory and stream its rows in order."""
    manifest = read_manifest(directory, "examples")
    groups = (group for part in manifest.parts for group in read_groups(whole_part(directory, part)))
    return manifest, (example for group in groups for example in from_table(group))


def to_table(examples: list[Example], schema: pa.Schema) -> pa.Table:
    """Turn examples into one Arrow table with the columns of `schema`."""
    columns = {name: [getattr(example, name) for example in examples] for name in schema.names}
    return pa.table(columns, schema=schema)


def from_table(table: pa.Table) -> Iterator[Example]:
    """Turn a table of all columns back into examples."""
    columns = [table[name].to_pylist() for name in Example.__slots__]
    for row in zip(*columns, strict=True):
        values: Any = (tuple(value) if isinstance(value, list) else value for value in row)
        yield Example(*values)


def hash_ids(digest: "hashlib._Hash", ids: pa.ChunkedArray) -> None:
    """Feed a column of ids, in order, into a running hash."""
    digest.update("\n".join(ids.to_pylist()).encode("ascii") + b"\n")


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Cut a stream into lists of `size` (the last may be shorter)."""
    stream = iter(items)
    while chunk := list(islice(stream, size)):
        yield chunk
