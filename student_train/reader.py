"""Rows of a sealed cache (or of bare examples), one row group at a time, joined by id.

Teacher shard i answers examples part i, row group by row group; the ids of every row group are compared when it is
read, and the manifests' chain when the cache is opened. Rows the teacher could not answer are left out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data.errors import BAD_DATA, PotstillError
from data.manifest import Manifest, check_made_from, read_manifest
from data.tasks.task import Task

ROWS = ("all", "original", "augmented")
ANSWERED = ("ok", "truncated")
MAKE_AGAIN = "the cache is damaged or was copied beside other examples: run potstill cache again"


@dataclass(frozen=True)
class Block:
    """Chosen rows of one or more row groups. N rows.

    texts, pairs (None for single texts); label [N] with the kind's `missing` number; logits [N, C] float32 or None
    """

    texts: list[str]
    pairs: list[str] | None
    label: np.ndarray
    logits: np.ndarray | None

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class Group:
    """One row group: which file and place it is, and how many of its rows are chosen."""

    part: int
    place: int
    count: int


@dataclass(frozen=True)
class Reader:
    """Random access by row group over examples and, where `teacher` is named, over its cache.

    rows   all, original (as read from files) or augmented (made by the augmenter)
    root   hash of what is read, for the plan of an epoch
    """

    task: Task
    examples: Path
    parts: tuple[str, ...]
    teacher: Path | None
    shards: tuple[str, ...]
    rows: str
    root: str
    groups: tuple[Group, ...]

    @property
    def count(self) -> int:
        return sum(group.count for group in self.groups)

    def read(self, numbers: list[int]) -> Block:
        """Read row groups (numbers into `groups`) in the order given."""
        blocks = [self._read_group(self.groups[number]) for number in numbers]
        pairs = [text for block in blocks for text in block.pairs or []] if self.task.pair else None
        return Block(
            [text for block in blocks for text in block.texts],
            pairs,
            np.concatenate([block.label for block in blocks]),
            np.concatenate([block.logits for block in blocks if block.logits is not None]) if self.teacher else None,
        )

    def _read_group(self, group: Group) -> Block:
        names = ["id", "text", "label", "op", *(["pair"] if self.task.pair else [])]
        table = _row_group(self.examples / self.parts[group.part], group.place, names)
        logits, keep = None, _chosen(table["op"], self.rows)
        if self.teacher is not None:
            shard = self.teacher / self.shards[group.part]
            answers = _row_group(shard, group.place, ["id", "status", "logits"])
            if not answers["id"].combine_chunks().equals(table["id"].combine_chunks()):
                raise PotstillError(
                    f"row group {group.place} of {shard} does not hold the ids of its examples",
                    hint=MAKE_AGAIN,
                    code=BAD_DATA,
                )
            keep &= _answered(answers["status"])
            flat = answers["logits"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
            logits = flat.reshape(table.num_rows, -1)[keep]
        if not keep.all():
            table = table.filter(pa.array(keep))
        label = table["label"].to_numpy(zero_copy_only=False) if table["label"].null_count == 0 else None
        if label is None:
            label = pc.fill_null(table["label"], self.task.rules.missing).to_numpy()
        pairs = table["pair"].to_pylist() if self.task.pair else None
        return Block(table["text"].to_pylist(), pairs, label, logits)


def open_cache(teacher: Path, *, rows: str = "all") -> tuple[Reader, Manifest]:
    """Open a teacher cache and the examples it answers; refuse a cache whose examples have changed."""
    manifest = read_manifest(teacher, "teacher")
    examples = (teacher / str(manifest.config["examples"])).resolve()
    source = read_manifest(examples, "examples")
    check_made_from(teacher, manifest, "examples", source.root)
    reader = _open(source, examples, teacher=teacher, manifest=manifest, rows=rows)
    return reader, manifest


def open_examples(examples: Path, *, rows: str = "original") -> Reader:
    """Open bare examples: what a teacher is fine-tuned on."""
    return _open(read_manifest(examples, "examples"), examples, teacher=None, manifest=None, rows=rows)


def _open(source: Manifest, examples: Path, *, teacher: Path | None, manifest: Manifest | None, rows: str) -> Reader:
    if rows not in ROWS:
        raise PotstillError(f"no rows {rows!r}", hint=f"rows: {', '.join(ROWS)}")
    parts = tuple(part.name for part in source.parts)
    shards = tuple(part.name for part in manifest.parts) if manifest else ()
    groups: list[Group] = []
    for number, name in enumerate(parts):
        shard = teacher / shards[number] if teacher else None
        groups += [Group(number, place, count) for place, count in enumerate(_counts(examples / name, shard, rows))]
    reader = Reader(
        source.task,
        examples,
        parts,
        teacher,
        shards,
        rows,
        (manifest or source).root,
        tuple(g for g in groups if g.count),
    )
    if not reader.count:
        raise PotstillError(f"{teacher or examples} has no {rows} rows to train on", code=BAD_DATA)
    return reader


def _counts(part: Path, shard: Path | None, rows: str) -> list[int]:
    """Chosen rows of each row group, from the two small columns that decide it."""
    counts, sizes = [], _group_rows(part)
    if shard is not None and _group_rows(shard) != sizes:
        raise PotstillError(f"{shard} has not the row groups of its examples", hint=MAKE_AGAIN, code=BAD_DATA)
    for place in range(len(sizes)):
        keep = _chosen(_row_group(part, place, ["op"])["op"], rows)
        if shard is not None:
            keep &= _answered(_row_group(shard, place, ["status"])["status"])
        counts.append(int(keep.sum()))
    return counts


def _group_rows(path: Path) -> list[int]:
    with _parquet(path) as file:
        return [file.metadata.row_group(place).num_rows for place in range(file.num_row_groups)]


def _row_group(path: Path, place: int, columns: list[str]) -> pa.Table:
    """Read one row group and nothing else: 20 MB flat, where pyarrow's batch readers grow to the whole file."""
    with _parquet(path) as file:
        return file.read_row_group(place, columns=columns, use_threads=False)


@contextmanager
def _parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a file; whatever in it is damaged is named. Without page checksums a flipped bit is a wrong number."""
    try:
        with pq.ParquetFile(path, memory_map=True, pre_buffer=False, page_checksum_verification=True) as file:
            yield file
    except (pa.ArrowInvalid, OSError) as error:
        raise PotstillError(f"{path} cannot be read: {error}", code=BAD_DATA) from None


def _chosen(op: pa.ChunkedArray, rows: str) -> np.ndarray:
    original = op.is_null().to_numpy()
    return {"all": np.ones_like(original), "original": original, "augmented": ~original}[rows]


def _answered(status: pa.ChunkedArray) -> np.ndarray:
    return pc.is_in(status, pa.array(ANSWERED)).to_numpy()
