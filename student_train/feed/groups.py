"""Which rows are read together: row groups of the examples, in pieces where a cache keeps much of each row.

A shard has a row group of its own, or several, for each row group of the examples.
"""

from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.errors import BAD_DATA, PotstillError
from data.row_groups import group_rows, read_rows
from data.text.encoding import ANSWERED

ROWS = ("all", "original", "augmented")
LABELS = ("all", "labelled", "unlabelled")
MAKE_AGAIN = "the cache is damaged or was copied beside other examples: run potstill cache again"


@dataclass(frozen=True)
class Group:
    """Rows that are read together: a row group of the examples, or a piece of one.

    part, place  which file, and which row group of it
    first, size  its first row in the file, and its rows
    count        how many of them are chosen
    labelled     how many of the chosen have a gold label
    drawn        how many of the chosen were made by the augmenter
    """

    part: int
    place: int
    first: int
    size: int
    count: int
    labelled: int = 0
    drawn: int = 0

    def taken(self, draws: int, epoch: int) -> int:
        """How many rows an epoch takes where the drawn ones are dealt into so many sets (see `epoch.dealt`)."""
        return self.count - self.drawn + (self.drawn + draws - 1 - epoch % draws) // draws


@dataclass(frozen=True)
class Cache:
    """One teacher's answers: its directory, and a shard for each part of the examples."""

    directory: Path
    shards: tuple[str, ...]


def cut(
    examples: Path,
    parts: tuple[str, ...],
    caches: tuple[Cache, ...],
    wanted: tuple[str, str],
    *,
    pieces: bool = False,
) -> tuple[Group, ...]:
    """The row groups of the examples, or the pieces that the (first) cache holds them in, where a row is chosen.

    wanted: which rows (of `ROWS`), and with or without a label (of `LABELS`)
    """
    groups: list[Group] = []
    for number, name in enumerate(parts):
        shards = [cache.directory / cache.shards[number] for cache in caches]
        starts = _starts(examples / name, shards)
        cuts = starts if not pieces else list(accumulate(group_rows(shards[0]), initial=0))
        for first, end in pairwise(cuts):
            count, labelled, drawn = _count(examples / name, shards, first, end - first, wanted)
            place = bisect(starts, first) - 1
            groups += [Group(number, place, first, end - first, count, labelled, drawn)] if count else []
    return tuple(groups)


def chosen(table: pa.Table, wanted: tuple[str, str]) -> np.ndarray:
    """Which rows are asked for, bool [N]. table: columns `op` and `label`; wanted: as of `cut`."""
    rows, labels = wanted
    original, unlabelled = (table[name].is_null().to_numpy() for name in ("op", "label"))
    everything = np.ones_like(original)
    return {"all": everything, "original": original, "augmented": ~original}[rows] & {
        "all": everything,
        "labelled": ~unlabelled,
        "unlabelled": unlabelled,
    }[labels]


def answered(status: pa.ChunkedArray) -> np.ndarray:
    """Which rows the teacher could answer, bool [N]."""
    return pc.is_in(status, pa.array(ANSWERED)).to_numpy()


def _starts(part: Path, shards: list[Path]) -> list[int]:
    """First rows of the examples' row groups, and the end; every shard must have row groups that begin there too."""
    starts = list(accumulate(group_rows(part), initial=0))
    for shard in shards:
        theirs = list(accumulate(group_rows(shard), initial=0))
        if not set(starts) <= set(theirs) or theirs[-1] != starts[-1]:
            raise PotstillError(f"{shard} has not the row groups of its examples", hint=MAKE_AGAIN, code=BAD_DATA)
    return starts


def _count(part: Path, shards: list[Path], first: int, size: int, wanted: tuple[str, str]) -> tuple[int, int, int]:
    """Chosen rows among `size`, and the labelled and the augmented of them, from the small columns that decide it."""
    table = read_rows(part, first, size, ["op", "label"])
    keep = chosen(table, wanted)
    for shard in shards:
        keep &= answered(read_rows(shard, first, size, ["status"])["status"])
    labelled, drawn = (keep & table[name].is_valid().to_numpy() for name in ("label", "op"))
    return int(keep.sum()), int(labelled.sum()), int(drawn.sum())
