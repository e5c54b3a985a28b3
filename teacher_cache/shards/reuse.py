"""Rows of earlier caches taken over: found again by id, under the same teacher, tokenizer and settings.

Which batch a row went through moves its last bits only, so batches and token budget may differ; all else that decides
a number may not. The identities of the donors stand in the plan: with them a shard is still a pure function of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from data import store
from data.errors import NO_INPUT, STALE, PotstillError
from data.manifest import Part, whole_part
from data.progress import Progress
from data.row_groups import read_groups, take_rows
from data.text.encoding import NONFINITE
from teacher_cache.shards import plan as plans
from teacher_cache.shards.commits import read_all
from teacher_cache.shards.plan import Plan

# What of a plan does not decide the answer to one row, but for its last bits.
NOT_OF_A_ROW = ("examples", "batching", "token_budget", "reuse", "signals")
KEY = np.dtype([("high", "<u8"), ("low", "<u8")])


@dataclass(frozen=True)
class Donor:
    """A cache, finished or not, whose committed shards fit. identity: hash over these shards."""

    directory: Path
    parts: tuple[Part, ...]

    @property
    def identity(self) -> str:
        return store.digest_of([part.sha256 for part in self.parts])


def find_donors(directories: Iterable[str | Path], plan: Plan, progress: Progress) -> list[Donor]:
    """Open the caches that can give rows to this plan; others are named with what differs.

    Every byte of a donor is compared with its records; a damaged shard gives nothing.
    """
    donors = []
    for directory in map(Path, directories):
        there = plans.read_plan(directory) if directory.is_dir() else None
        if there is None:
            raise PotstillError(f"{directory} is no cache: nothing can be reused of it", code=NO_INPUT)
        lacks = [f"signals: no {name}" for name in plan.signals if name not in there.signals]
        if differences := [*plans.differences(_of_a_row(there), _of_a_row(plan)), *lacks]:
            progress.note(f"nothing of {directory} can be reused: {'; '.join(differences)}")
            continue
        donor = Donor(directory, tuple(commit.part for commit in read_all(directory, plan=there.digest, whole=True)))
        if donor.parts:
            donors.append(donor)
    return donors


def open_donors(directories: Iterable[str | Path], plan: Plan, progress: Progress) -> list[Donor]:
    """Open the caches that a plan takes rows from, in its order; none of the others is looked at.

    Errors: one that is not there now (STALE).
    """
    if not plan.reuse:
        return []
    found = {donor.identity: donor for donor in find_donors(directories, plan, progress)}
    if gone := [identity[:12] for identity in plan.reuse if identity not in found]:
        raise PotstillError(
            f"the cache was begun with rows of other caches that are not there now: {', '.join(gone)}",
            hint="name them again with --reuse DIR, or begin another cache",
            code=STALE,
        )
    return [found[identity] for identity in plan.reuse]


class Found:
    """Where the rows of all donors lie: id -> place. Memory: 24 bytes a row of the donors."""

    def __init__(self, donors: Sequence[Donor]) -> None:
        self._files = [whole_part(donor.directory, part) for donor in donors for part in donor.parts]
        keys, places = [np.zeros(0, KEY)], [np.zeros(0, np.int64)]
        for number, path in enumerate(self._files):
            start = 0
            for table in read_groups(path, ["id", "status"]):
                answered = np.array([status != NONFINITE for status in table["status"].to_pylist()], bool)
                keys.append(_keys(table["id"])[answered])
                places.append((number << 32) + start + np.flatnonzero(answered).astype(np.int64))
                start += table.num_rows
        joined, where = np.concatenate(keys), np.concatenate(places)
        order = np.argsort(joined, order=("high", "low"), kind="stable")
        self._keys, self._places = joined[order], where[order]

    def places(self, ids: pa.Array) -> np.ndarray:
        """Find rows by id: int64 [N], -1 where no donor has one."""
        if not len(self._keys):
            return np.full(len(ids), -1, np.int64)
        asked = _keys(ids)
        at = np.minimum(np.searchsorted(self._keys, asked), len(self._keys) - 1)
        return np.where(self._keys[at] == asked, self._places[at], -1)

    def rows(self, places: np.ndarray, columns: Sequence[str]) -> pa.Table:
        """Read the rows at `places` (none of them -1), in that order."""
        tables, where = [], np.zeros(len(places), np.int64)
        start = 0
        for number in np.unique(places >> 32):
            chosen = np.flatnonzero(places >> 32 == number)
            inside = places[chosen] & 0xFFFFFFFF
            tables.append(take_rows(self._files[int(number)], inside, list(columns)))
            where[chosen] = np.arange(start, start + len(chosen))
            start += len(chosen)
        return pa.concat_tables(tables).take(pa.array(where))


def _keys(ids: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Ids of 32 hex digits as two numbers each."""
    return np.frombuffer(bytes.fromhex("".join(ids.to_pylist())), ">u8").astype("<u8").view(KEY)


def _of_a_row(plan: Plan) -> dict[str, object]:
    return {name: value for name, value in plan.identity.items() if name not in NOT_OF_A_ROW}
