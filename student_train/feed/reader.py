"""Rows of sealed caches (or of bare examples), one row group at a time, joined by id.

Teacher shard i answers examples part i; the ids of every row group are compared when it is read, and the manifests'
chain when a cache is opened. Several teachers answer the same examples, each in a cache of its own. Rows that a
teacher could not answer are left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data import store
from data.errors import BAD_DATA, STALE, PotstillError
from data.layout import FILES
from data.manifest import Manifest, check_made_from, read_manifest, whole_part
from data.progress import Progress
from data.row_groups import read_rows, read_schema
from data.tasks.task import Task
from student_train.feed.columns import Column, decode, joined
from student_train.feed.ensemble import Ensemble
from student_train.feed.groups import MAKE_AGAIN, ROWS, Cache, Group, answered, chosen, cut
from student_train.losses.on_logits.class_weights import class_weights


@dataclass(frozen=True)
class Block:
    """Chosen rows of one or more row groups. N rows.

    texts, pairs (None for single texts); both are empty where texts were left out
    label [N] with the kind's `missing` number; logits [N, C] float32 or None
    drawn [N] bool: made by the augmenter
    signals  further columns of the cache by name, where asked for
    """

    texts: list[str]
    pairs: list[str] | None
    label: np.ndarray
    logits: np.ndarray | None
    drawn: np.ndarray
    signals: dict[str, Column] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.label)

    @staticmethod
    def joined(blocks: "Sequence[Block]") -> "Block":
        """Put the rows of several blocks of one reader behind each other."""
        if len(blocks) == 1:
            return blocks[0]
        first = blocks[0]
        return Block(
            [text for block in blocks for text in block.texts],
            None if first.pairs is None else [text for block in blocks for text in block.pairs or []],
            np.concatenate([block.label for block in blocks]),
            None
            if first.logits is None
            else np.concatenate([block.logits for block in blocks if block.logits is not None]),
            np.concatenate([block.drawn for block in blocks]),
            {name: joined([block.signals[name] for block in blocks]) for name in first.signals},
        )


@dataclass(frozen=True)
class Reader:
    """Random access by row group over examples and, where there are any, over the caches of their teachers.

    rows      all, original (as read from files) or augmented (made by the augmenter)
    labels    all, labelled or unlabelled: only rows that have, or lack, a gold label
    root      hash of what is read, for the plan of an epoch
    columns   what is read of the cache besides `logits`: `cls.6`; of one teacher only
    ensemble  how the logits of several teachers become one
    """

    task: Task
    examples: Path
    parts: tuple[str, ...]
    caches: tuple[Cache, ...]
    rows: str
    root: str
    groups: tuple[Group, ...]
    columns: tuple[str, ...] = ()
    ensemble: Ensemble | None = None
    labels: str = "all"

    @property
    def count(self) -> int:
        return sum(group.count for group in self.groups)

    @property
    def labelled(self) -> float:
        """Share of rows with a gold label."""
        return sum(group.labelled for group in self.groups) / self.count

    @property
    def cache(self) -> Path | None:
        """The (first) cache, whose teacher's tokenizer and word vectors a student may start from."""
        return self.caches[0].directory if self.caches else None

    @property
    def files(self) -> Path:
        """What the (first) cache keeps of its teacher, for students to start from."""
        assert self.cache is not None
        return self.cache / FILES

    @property
    def heads(self) -> int:
        """Heads of the teacher's attention, where queries are read; else 0."""
        queries = next((column for column in self.columns if column.startswith("q.")), "")
        if not queries:
            return 0
        field = read_schema(self.caches[0].directory / self.caches[0].shards[0]).field(queries)
        return int((field.metadata or {}).get(b"heads", 0))

    def chunks_of_texts(self, progress: Progress) -> Iterator[list[str]]:
        """Yield all texts of the rows, a row group at a time: what words are counted in."""
        progress.start("count words", total=self.count, unit="rows")
        reader = replace(self, columns=())  # only texts are needed
        for number in range(len(reader.groups)):
            block = reader.read([number])
            yield block.texts + (block.pairs or [])
            progress.advance(len(block))
        progress.finish()

    def class_weights(self, asked: str | dict[str, float] | None) -> tuple[float, ...] | None:
        """How much a row of each class is to count (see `losses/class_weights.py`); None where nothing is asked for."""
        if asked is None:
            return None
        if not self.task.labels:
            raise PotstillError("class_weights is for classes, the task has scores", hint="leave class_weights out")
        counts, bare = np.zeros(self.task.width), replace(self, columns=())
        for number in range(len(bare.groups)):
            label = bare.read([number], texts=False).label
            counts += np.bincount(label[label >= 0], minlength=len(counts))
        return class_weights(asked, counts, self.task)

    def read(self, numbers: list[int], *, texts: bool = True) -> Block:
        """Read row groups (numbers into `groups`) in the order given, with their texts or without."""
        return Block.joined([self._read_group(self.groups[number], texts=texts) for number in numbers])

    def with_columns(self, columns: tuple[str, ...]) -> "Reader":
        """Read further columns of the cache, and no more rows at once than one row group of it holds."""
        return self._cut_anew(columns, self.labels) if columns else replace(self, columns=())

    def with_labels(self, labels: str) -> "Reader":
        """Leave out rows that have no gold label ("labelled"), or that have one ("unlabelled")."""
        found = self if labels == self.labels else self._cut_anew(self.columns, labels)
        if not found.count:
            raise PotstillError(
                f"{self.cache or self.examples} has no {labels} row among its {self.rows} rows",
                hint="take a loss that can use the others: --losses logit_mse=1.0 uses all",
                code=BAD_DATA,
            )
        return found

    def _cut_anew(self, columns: tuple[str, ...], labels: str) -> "Reader":
        groups = cut(self.examples, self.parts, self.caches, (self.rows, labels), pieces=bool(columns))
        return replace(self, columns=columns, labels=labels, groups=groups)

    def _read_group(self, group: Group, *, texts: bool) -> Block:
        sides = ["text", "pair"] if self.task.pair else ["text"]
        names = ["id", "label", "op", *(sides if texts else [])]
        table = read_rows(self.examples / self.parts[group.part], group.first, group.size, names)
        answers = [self._answers(cache, group, table["id"]) for cache in self.caches]
        keep = reduce(
            np.logical_and, (answered(found["status"]) for found in answers), chosen(table, (self.rows, self.labels))
        )
        if not keep.all():
            table, *answers = [found.filter(pa.array(keep)) for found in (table, *answers)]
        signals = {name: decode(answers[0][name], answers[0].schema.field(name)) for name in self.columns}
        label = table["label"].to_numpy(zero_copy_only=False) if table["label"].null_count == 0 else None
        if label is None:
            label = pc.fill_null(table["label"], self.task.rules.missing).to_numpy()
        one, *two = [table[side].to_pylist() if texts else [] for side in sides]
        drawn = table["op"].is_valid().to_numpy()
        return Block(one, two[0] if two else None, label, self._logits(answers), drawn, signals)

    def _answers(self, cache: Cache, group: Group, ids: pa.ChunkedArray) -> pa.Table:
        """One teacher's answers to a row group; answers to other texts are refused."""
        shard = cache.directory / cache.shards[group.part]
        answers = read_rows(shard, group.first, group.size, ["id", "status", "logits", *self.columns])
        if not answers["id"].combine_chunks().equals(ids.combine_chunks()):
            raise PotstillError(
                f"row group {group.place} of {shard} does not hold the ids of its examples",
                hint=MAKE_AGAIN,
                code=BAD_DATA,
            )
        return answers

    def _logits(self, answers: list[pa.Table]) -> np.ndarray | None:
        """What all teachers together say, [N, C]."""
        said = [
            found["logits"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(found.num_rows, -1)
            for found in answers
        ]
        return self.ensemble.combine(said) if self.ensemble else (said[0] if said else None)


def open_caches(caches: Sequence[Path], *, rows: str = "all") -> tuple[Reader, list[Manifest]]:
    """Open the caches of several teachers over the same examples; how they become one is set on the reader later.

    Errors: a cache whose examples have changed, or are others than those of the first; one cache named twice.
    """
    manifests = [read_manifest(cache, "cache") for cache in caches]
    examples = (caches[0] / str(manifests[0].config["examples"])).resolve()
    source = read_manifest(examples, "examples")
    check_made_from(caches[0], manifests[0], "examples", source.root)
    for cache, manifest in zip(caches[1:], manifests[1:], strict=True):
        _check_joins(cache, manifest, caches[0], manifests[0])
        _check_classes(cache, manifest, caches[0], manifests[0])
    if len({manifest.root for manifest in manifests}) < len(manifests):
        raise PotstillError(f"one cache is named twice: {', '.join(map(str, caches))}")
    opened = tuple(
        Cache(cache, tuple(whole_part(cache, part).name for part in manifest.parts))
        for cache, manifest in zip(caches, manifests, strict=True)
    )
    roots = [manifest.root for manifest in manifests]
    root = roots[0] if len(roots) == 1 else store.digest_of(roots)
    return replace(_open(source, examples, opened, rows=rows, root=root), task=manifests[0].task), manifests


def open_examples(examples: Path, *, rows: str = "original") -> Reader:
    """Open bare examples: what a teacher is fine-tuned on."""
    source = read_manifest(examples, "examples")
    return _open(source, examples, (), rows=rows, root=source.root)


def _check_joins(cache: Path, manifest: Manifest, first: Path, other: Manifest) -> None:
    """Refuse a teacher that answered other examples than the first one."""
    here, there = (str(found.made_from.get("examples")) for found in (manifest, other))
    if here != there:
        raise PotstillError(
            f"{cache} answers the examples {here[:12]}, {first} the examples {there[:12]}",
            hint="make both caches from one directory of examples: potstill cache EXAMPLES -t TEACHER -o DIR",
            code=STALE,
        )


def _check_classes(cache: Path, manifest: Manifest, first: Path, other: Manifest) -> None:
    """Refuse a teacher with other classes than the first one: their logits cannot be combined."""
    if manifest.task.labels != other.task.labels:
        raise PotstillError(
            f"{cache} answers with {', '.join(manifest.task.labels)}, {first} with {', '.join(other.task.labels)}",
            hint="take teachers of the same classes, or one cache",
        )


def _open(source: Manifest, examples: Path, caches: tuple[Cache, ...], *, rows: str, root: str) -> Reader:
    if rows not in ROWS:
        raise PotstillError(f"no rows {rows!r}", hint=f"rows: {', '.join(ROWS)}")
    parts = tuple(whole_part(examples, part).name for part in source.parts)
    reader = Reader(source.task, examples, parts, caches, rows, root, cut(examples, parts, caches, (rows, "all")))
    if not reader.count:
        raise PotstillError(f"{reader.cache or examples} has no {rows} rows to train on", code=BAD_DATA)
    return reader
