"""A cache kept in an object store too, so that machines without a common disk fill one cache together.

The store holds a run directory: `cache/` with the files of a cache, `examples/` beside it. What counts is there: the
plan and each commit record are put only where none is, and a shard goes up whole before its record. A machine computes
what the store has no record of, in a cache directory of its own; whoever finds all records puts the seal. The local
directory is sealed only where it happens to hold all shards; `pull.py` fetches the whole.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from data import store
from data.errors import BAD_DATA, TRY_AGAIN, PotstillError
from data.layout import FILES, MANIFEST, PLAN, record_name
from data.manifest import Manifest, read_manifest, refuse_other_format, write_manifest
from data.progress import Progress, Silent
from data.running.claims import Claim
from data.running.share import Share
from teacher_cache.job import Job
from teacher_cache.shards import plan as plans
from teacher_cache.shards.commits import (
    Commit,
    Fault,
    ShardReport,
    commit_of,
    commit_path,
    refuse_other,
    set_aside,
)
from teacher_cache.shards.object_store import ObjectStore, open_store
from teacher_cache.shards.plan import Plan
from teacher_cache.shards.shelf import Add, Here, Shelf, expected
from teacher_cache.shards.student_files import KEPT

CACHE, EXAMPLES = "cache", "examples"
BESIDE = f"../{EXAMPLES}"  # where the examples of a pulled cache lie
TURNS = 4  # readers of records at a time
ANOTHER = "name another prefix of the store"
TRIES = 3  # of putting a record where faulty ones stand

Value = TypeVar("Value")


@dataclass
class Remote:
    """The store of one job, and its directory. records: finished shards that the store has, as of the last `look`."""

    job: Job
    place: ObjectStore
    records: dict[int, Commit] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"{self.place.url}/{CACHE}"

    @property
    def here(self) -> Here:
        return Here(self.job)

    def sealed(self, progress: Progress) -> Manifest | None:
        """The store's seal counts; one in the directory over shards that are not whole is set aside."""
        self.here.sealed(progress)
        return self._read_seal() if self.plan() is not None else None

    def plan(self) -> Plan | None:
        """That of the directory where both have one: they differ at most in what is provenance."""
        here, there = self.here.plan(), self._read_plan()
        if there is not None:
            self._refuse(there, here or expected(self.job, there))
        return here or there

    def begin(self, plan: Plan) -> bool:
        elsewhere = replace(plan, provenance=plan.provenance | {"examples": BESIDE})
        name, content = f"{CACHE}/{PLAN}", _content(PLAN, lambda at: plans.put_plan(at, elsewhere))
        if put := self.place.put_new(name, content):
            self.place.check(name, content)
            self.here.begin(plan)
        return put

    def resume(self, plan: Plan) -> None:
        if not self.begin(plan):  # True where it was begun in the directory only
            self._refuse(self._read_plan() or plan, plan)
            self.here.begin(plan)

    def done(self, plan: Plan, progress: Progress, share: Share | None = None) -> dict[int, Commit]:
        """The store's records count: what only the directory has is uploaded, what differs there is set aside."""
        here = self.here.done(plan, progress, share)
        self.look(plan, progress)
        for index, commit in here.items():
            if index not in self.records:
                self.keep(index, commit, plan)
            elif self.records[index].part.name != commit.part.name:
                self._drop(index, commit)
        return dict(self.records)

    def claim(self, plan: Plan, index: int) -> Claim | None:
        return self.here.claim(plan, index)

    @contextmanager
    def adding(self, plan: Plan) -> Iterator[Add]:
        """Commit in the directory, and upload the shard while the next one is computed, one behind at most.

        An error of an upload is raised at the next commit, or at the end of the block.
        """
        under_way: list[Future[None]] = []
        with ThreadPoolExecutor(1, thread_name_prefix="store") as pool, self.here.adding(plan) as add_here:

            def add(index: int, tmp: Path, report: ShardReport) -> Commit:
                commit = add_here(index, tmp, report)
                if under_way:
                    under_way.pop().result()
                under_way.append(pool.submit(self.keep, index, commit, plan))
                return commit

            yield add
            if under_way:
                under_way.pop().result()

    def has_files(self) -> bool:
        """Those that only the store has are downloaded."""
        names = {f"{CACHE}/{FILES}/{name}": self.job.out / FILES / name for name in KEPT}
        if not self.here.has_files() and names.keys() <= self.place.names(f"{CACHE}/{FILES}").keys():
            for name, path in names.items():
                self.place.download(name, path)
        return self.here.has_files()

    def seal(self, plan: Plan, manifest: Manifest) -> Manifest:
        """Upload the teacher's files and the examples, and put the seal last. The directory is sealed if it has all."""
        if len(self.here.done(plan, Silent())) == len(manifest.parts):
            self.here.seal(plan, manifest)
        self._send(self.job.out / FILES, f"{CACHE}/{FILES}", KEPT)
        self._send(self.job.examples, EXAMPLES, [*(part.name for part in self.job.source.parts), MANIFEST])
        manifest = replace(manifest, config={**manifest.config, "examples": BESIDE})
        if self.place.put_new(f"{CACHE}/{MANIFEST}", _content(MANIFEST, lambda at: write_manifest(at, manifest))):
            return manifest
        there = self._read_seal()
        if there is None or there.root != manifest.root:
            raise PotstillError(f"{self.url}/{MANIFEST} seals other shards than its records name", code=BAD_DATA)
        return there

    def look(self, plan: Plan, progress: Progress) -> None:
        """Read all records; one that is faulty, or whose shard is not there whole, is removed with a note."""
        sizes = self.place.names(CACHE)
        there = [index for index in range(len(self.job.source.parts)) if _record(index) in sizes]
        with ThreadPoolExecutor(TURNS) as turns:
            found = dict(zip(there, turns.map(lambda index: self._read(index, plan), there), strict=True))
        self.records = {}
        for index, commit in found.items():
            if isinstance(commit, Commit) and sizes.get(f"{CACHE}/{commit.part.name}") != commit.part.bytes:
                commit = Fault(f"{self.url}/{commit.part.name} is not there whole")
            if isinstance(commit, Commit):
                self.records[index] = commit
            elif commit.reason:
                progress.note(f"{commit.reason}; its record is removed, shard {index} is computed again")
                self.place.remove(_record(index))

    def keep(self, index: int, commit: Commit, plan: Plan) -> None:
        """Send a shard up and then its record; where another machine's record came first, ours is set aside."""
        name = f"{CACHE}/{commit.part.name}"
        self.place.upload(self.job.out / commit.part.name, name, sha256=commit.part.sha256)
        record = commit_path(self.job.out, index).read_bytes()
        for _ in range(TRIES):
            if self.place.put_new(_record(index), record):
                self.records[index] = commit
                return
            there = self._read(index, plan)
            if isinstance(there, Commit):
                self.records[index] = there
                if there.part.name != commit.part.name:
                    self._drop(index, commit)
                    self.place.remove(name)  # ours, sent up just now, and no record names it
                return
            if there.reason:
                self.place.remove(_record(index))
        raise PotstillError(f"{self.url}: no record of shard {index} can be put", code=TRY_AGAIN)

    def _read_plan(self) -> Plan | None:
        return self._open(PLAN, plans.read_plan)

    def _read_seal(self) -> Manifest | None:
        return self._open(MANIFEST, lambda at: read_manifest(at, "cache", parts=False))

    def _refuse(self, there: Plan, plan: Plan) -> None:
        plans.refuse_difference(self.url, there.identity, plan.identity, hint=ANOTHER)

    def _open(self, name: str, read: Callable[[Path], Value]) -> Value | None:
        """Read a file of the store with all the checks of one in a directory; None where there is none."""
        content = self.place.read(f"{CACHE}/{name}")
        return None if content is None else as_file(content, name, read, self.url, hint=ANOTHER)

    def _send(self, directory: Path, folder: str, names: Any) -> None:
        there = self.place.names(folder)
        for name in names:
            if (directory / name).is_file() and there.get(f"{folder}/{name}") != (directory / name).stat().st_size:
                self.place.upload(directory / name, f"{folder}/{name}")

    def _read(self, index: int, plan: Plan) -> Commit | Fault:
        """Read one record; a Fault without a reason where there is none."""
        where = f"{self.place.url}/{_record(index)}"
        try:
            content = self.place.read(_record(index))
            if content is None:
                return Fault()
            commit = commit_of(json.loads(content), index, where=where)
            refuse_other(commit, plan.digest, self.job.source.parts[index], where=where)
        except (ValueError, RecursionError) as error:
            return Fault(f"{where} is not readable JSON: {error}")
        except PotstillError as error:
            if error.code != BAD_DATA:
                raise
            return Fault(error.message)
        return commit

    def _drop(self, index: int, commit: Commit) -> None:
        files = (commit_path(self.job.out, index), self.job.out / commit.part.name)
        set_aside(self.job.out, Fault("the store has another shard", files))


def open_shelf(job: Job, url: str) -> Shelf:
    """Where a job's cache is kept: in its directory, and in the store that a launch names, if it names one.

    Errors: a store of format 1 (STALE).
    """
    if not url:
        return Here(job)
    refuse_format_1(place := open_store(url))
    return Remote(job, place)


def refuse_format_1(place: ObjectStore) -> None:
    """Refuse (STALE) a store that was filled with format version 1, where the cache lies below `teacher/`."""
    if place.read(f"teacher/{PLAN}") is not None:
        refuse_other_format(f"{place.url}/teacher", 1, "teacher")


def as_file(content: bytes, name: str, read: Callable[[Path], Value], url: str, *, hint: str = "") -> Value:
    """Read the bytes of a file with all the checks of one in a directory; errors name `url` as that directory."""
    with tempfile.TemporaryDirectory() as folder:
        store.write_bytes(Path(folder) / name, content)
        try:
            return read(Path(folder))
        except PotstillError as error:
            message = error.message.replace(folder, url)
            raise PotstillError(message, hint=hint, code=error.code) from None


def _record(index: int) -> str:
    return f"{CACHE}/{record_name(index)}"


def _content(name: str, write: Callable[[Path], object]) -> bytes:
    """The bytes of a file as a directory would have it."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        return (Path(folder) / name).read_bytes()
