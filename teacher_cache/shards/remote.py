"""A cache kept in an object store too, so that machines without a common disk fill one cache together.

The store holds a run directory: `teacher/` with the files of a cache, `examples/` beside it. What counts is there: the
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
from data.errors import BAD_DATA, STALE, TRY_AGAIN, PotstillError
from data.layout import FILES, MANIFEST, PLAN, record_name, shard_name
from data.manifest import Manifest, read_manifest, write_manifest
from data.object_store import ObjectStore, open_store
from data.progress import Progress
from teacher_cache.job import Job
from teacher_cache.shards import plan as plans
from teacher_cache.shards.commits import Commit, Fault, commit_path, part_of, read_commit, set_aside
from teacher_cache.shards.plan import Plan
from teacher_cache.shards.student_files import KEPT

TEACHER, EXAMPLES = "teacher", "examples"
BESIDE = f"../{EXAMPLES}"  # where the examples of a pulled cache lie
TURNS = 4  # readers of records at a time
TRIES = 3  # of putting a record where faulty ones stand

Value = TypeVar("Value")
OnCommit = Callable[[Commit], None]


@dataclass
class Remote:
    """The store of one job. records: the finished shards it has, index -> commit, as of the last `look`."""

    job: Job
    place: ObjectStore
    records: dict[int, Commit] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"{self.place.url}/{TEACHER}"

    def read_plan(self) -> Plan | None:
        return self._open(PLAN, plans.read_plan)

    def put_plan(self, plan: Plan) -> bool:
        """Put the plan, which stands before the first shard. False: there is one already."""
        elsewhere = replace(plan, provenance=plan.provenance | {"examples": BESIDE})
        name, content = f"{TEACHER}/{PLAN}", _content(PLAN, lambda at: plans.put_plan(at, elsewhere))
        if put := self.place.put_new(name, content):
            self.place.check(name, content)
        return put

    def agree(self, plan: Plan) -> None:
        """Put the plan, or find it there; another one is refused (STALE)."""
        if self.put_plan(plan):
            return
        there = self.read_plan()
        if there is not None:
            self.refuse(there, plan)

    def refuse(self, there: Plan, plan: Plan) -> None:
        """Stop where the store was begun under another plan, and name every field that differs."""
        if lines := plans.differences(there.identity, plan.identity):
            raise PotstillError(
                f"{self.url} was made by another plan:\n    " + "\n    ".join(lines),
                hint="name another prefix of the store",
                code=STALE,
            )

    def look(self, plan: Plan, progress: Progress) -> dict[int, Commit]:
        """Read all records; one that is faulty, or whose shard is not there whole, is removed with a note."""
        sizes = self.place.names(TEACHER)
        there = [index for index in range(len(self.job.source.parts)) if _record(index) in sizes]
        with ThreadPoolExecutor(TURNS) as turns:
            found = dict(zip(there, turns.map(lambda index: self._read(index, plan), there), strict=True))
        self.records = {}
        for index, commit in found.items():
            if isinstance(commit, Commit) and sizes.get(f"{TEACHER}/{commit.part.name}") != commit.part.bytes:
                commit = Fault(f"{self.url}/{commit.part.name} is not there whole")
            if isinstance(commit, Commit):
                self.records[index] = commit
            elif commit.reason:
                progress.note(f"{commit.reason}; its record is removed, shard {index} is computed again")
                self.place.remove(_record(index))
        return self.records

    def catch_up(self, plan: Plan, progress: Progress) -> dict[int, Commit]:
        """Look, send up what is committed here only, and set aside here what the store has otherwise."""
        self.look(plan, progress)
        for index, source in enumerate(self.job.source.parts):
            here = read_commit(self.job.out, index, plan=plan.digest, source=source, whole=False)
            if not isinstance(here, Commit):
                continue
            if index not in self.records:
                self.keep(index, here, plan)
            elif self.records[index].part.name != here.part.name:
                self._drop(index, here)
        return self.records

    def keep(self, index: int, commit: Commit, plan: Plan) -> None:
        """Send a shard up and then its record; where another machine's record came first, ours is set aside."""
        name = f"{TEACHER}/{commit.part.name}"
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

    def has_files(self) -> bool:
        names = self.place.names(f"{TEACHER}/{FILES}")
        return all(f"{TEACHER}/{FILES}/{name}" in names for name in KEPT)

    def fetch_files(self) -> None:
        """Get the files that students start from, which another machine has sent up."""
        for name in KEPT:
            self.place.download(f"{TEACHER}/{FILES}/{name}", self.job.out / FILES / name)

    def read_seal(self) -> Manifest | None:
        """The seal of the whole cache; None while it is unfinished."""
        return self._open(MANIFEST, lambda at: read_manifest(at, "teacher", parts=False))

    def seal(self, manifest: Manifest) -> Manifest:
        """Send up the teacher's files and the examples, and put the seal last; return the one that counts."""
        self._send(self.job.out / FILES, f"{TEACHER}/{FILES}", KEPT)
        self._send(self.job.examples, EXAMPLES, [*(part.name for part in self.job.source.parts), MANIFEST])
        manifest = replace(manifest, config={**manifest.config, "examples": BESIDE})
        content = _content(MANIFEST, lambda at: write_manifest(at, manifest))
        if self.place.put_new(f"{TEACHER}/{MANIFEST}", content):
            return manifest
        there = self.read_seal()
        if there is None or there.root != manifest.root:
            raise PotstillError(f"{self.url}/{MANIFEST} seals other shards than its records name", code=BAD_DATA)
        return there

    def _open(self, name: str, read: Callable[[Path], Value]) -> Value | None:
        """Read a file of the store with all the checks of one in a directory; None where there is none."""
        content = self.place.read(f"{TEACHER}/{name}")
        hint = "name another prefix of the store"
        return None if content is None else as_file(content, name, read, self.url, hint=hint)

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
        except PotstillError as error:
            if error.code != BAD_DATA:
                raise
            return Fault(error.message)
        if content is None:
            return Fault()
        try:
            values = json.loads(content)
            part = part_of(values)
            fits = part.name == shard_name(index, part.sha256) and values["plan"] == plan.digest
            report = dict(values["report"])
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            return Fault(f"{where} is not a commit record: {error!r}")
        source = self.job.source.parts[index]
        if not fits or (part.rows, part.ids) != (source.rows, source.ids):
            return Fault(f"{where} is of another plan or shard")
        return Commit(part, report)

    def _drop(self, index: int, commit: Commit) -> None:
        files = (commit_path(self.job.out, index), self.job.out / commit.part.name)
        set_aside(self.job.out, Fault("the store has another shard", files))


@contextmanager
def sending(remote: Remote | None, plan: Plan, then: OnCommit) -> Iterator[OnCommit]:
    """Yield what to call with each commit: it sends the shard up while the next is computed, one behind at most.

    An error of a sending is raised at the next commit, or at the end of the block. Without a store: just `then`.
    """
    if remote is None:
        yield then
        return
    under_way: list[Future[None]] = []
    with ThreadPoolExecutor(1, thread_name_prefix="store") as pool:

        def send(commit: Commit) -> None:
            if under_way:
                under_way.pop().result()
            index = int(commit.part.name.split("-")[1])
            under_way.append(pool.submit(remote.keep, index, commit, plan))
            then(commit)

        yield send
        if under_way:
            under_way.pop().result()


def open_remote(job: Job, url: str) -> Remote | None:
    """The store that a launch names; None where it names none."""
    return Remote(job, open_store(url)) if url else None


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
    return f"{TEACHER}/{record_name(index)}"


def _content(name: str, write: Callable[[Path], object]) -> bytes:
    """The bytes of a file as a directory would have it."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        return (Path(folder) / name).read_bytes()
