"""Where a cache is kept, its plan, shards and seal: in a directory (`Here`), or in a store too (`remote.py`).

Who computes a cache asks a `Shelf` and nothing else: whether a plan is that of the cache, and which shards are done, is
decided here. Loads no torch.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from data import store
from data.errors import PotstillError
from data.layout import FILES, MANIFEST, QUARANTINE
from data.manifest import Manifest, check_made_from, check_seal, read_manifest, write_manifest
from data.progress import Progress
from data.running import claims
from data.running.share import Share
from teacher_cache.job import Job, row_set
from teacher_cache.shards import plan as plans
from teacher_cache.shards.commits import Commit, Fault, ShardReport, commit_shard, read_commit, set_aside
from teacher_cache.shards.plan import Plan
from teacher_cache.shards.student_files import kept

# Shard number, the written shard under a temporary name, its measurements -> the commit that counts.
Add = Callable[[int, Path, ShardReport], Commit]


class Shelf(Protocol):
    """The place of one cache, shared by all processes that fill it.

    Of two processes that put a plan, or the same shard, the first one counts.
    """

    def sealed(self, progress: Progress) -> Manifest | None:
        """Return the seal of a finished cache; None where something is missing. Refuses what `plan` refuses."""

    def plan(self) -> Plan | None:
        """Return the plan that the cache was begun with; one that this job cannot resume is refused (STALE)."""

    def begin(self, plan: Plan) -> bool:
        """Put the plan of a new cache. False: another process was faster, and its plan counts."""

    def resume(self, plan: Plan) -> None:
        """Refuse (STALE) a plan that differs from the one there, and name every field that differs."""

    def done(self, plan: Plan, progress: Progress, share: Share | None = None) -> dict[int, Commit]:
        """Return the finished shards by number.

        share: shards of it are compared byte by byte, and set aside where they are damaged; of others only the size.
        """

    def claim(self, plan: Plan, index: int) -> claims.Claim | None:
        """Claim a shard; None where another process computes it, or has finished it meanwhile."""

    def adding(self, plan: Plan) -> AbstractContextManager[Add]:
        """Yield a function that commits a written shard. When the block ends all that was added is kept."""

    def has_files(self) -> bool:
        """Say whether the cache has the teacher's files that students start from; they are in the directory then."""

    def seal(self, plan: Plan, manifest: Manifest) -> Manifest:
        """Seal a cache whose shards are all done; return the seal that counts."""


@dataclass(frozen=True)
class Here:
    """A cache in the directory of its job, on a disk that all processes share."""

    job: Job

    def sealed(self, progress: Progress) -> Manifest | None:
        """A seal over a missing or cut shard is set aside; without its plan a cache is not finished."""
        out = self.job.out
        if self.plan() is None or not (out / MANIFEST).exists():
            return None
        try:
            manifest = read_manifest(out, "cache")
            check_seal(out)
            if kept(out):
                sweep(out)
                return manifest
            problem = f"{out / FILES} is not whole"
        except PotstillError as error:
            problem = error.message
        progress.note(f"{problem}: set aside, made again")
        store.move(out / MANIFEST, out / QUARANTINE)
        return None

    def plan(self) -> Plan | None:
        there = plans.read_plan(self.job.out)
        if there is None:
            _refuse_other_seal(self.job)
            return None
        remark = _reordered(self.job, there)
        plans.refuse_difference(self.job.out, there.identity, expected(self.job, there).identity, remark=remark)
        return there

    def begin(self, plan: Plan) -> bool:
        return plans.put_plan(self.job.out, plan)

    def resume(self, plan: Plan) -> None:
        there = plans.read_plan(self.job.out) or plan
        plans.refuse_difference(self.job.out, there.identity, plan.identity)

    def done(self, plan: Plan, progress: Progress, share: Share | None = None) -> dict[int, Commit]:
        done = {}
        for index in range(len(self.job.source.parts)):
            own = share is not None and share.has(index)
            found = self._look(plan, index, whole=own)
            if isinstance(found, Commit):
                done[index] = found
            elif own and found.reason:
                set_aside(self.job.out, found)
                progress.note(f"{found.reason}; set aside, shard {index} is computed again")
        return done

    def claim(self, plan: Plan, index: int) -> claims.Claim | None:
        held = claims.claim(self.job.out, index)
        if held is not None and isinstance(self._look(plan, index), Commit):
            held.release()
            return None
        return held

    @contextmanager
    def adding(self, plan: Plan) -> Iterator[Add]:
        def add(index: int, tmp: Path, report: ShardReport) -> Commit:
            source = self.job.source.parts[index]
            return commit_shard(self.job.out, index, tmp, plan=plan.digest, source=source, report=report)

        yield add

    def has_files(self) -> bool:
        return kept(self.job.out)

    def seal(self, plan: Plan, manifest: Manifest) -> Manifest:
        write_manifest(self.job.out, manifest)
        return manifest

    def _look(self, plan: Plan, index: int, *, whole: bool = False) -> Commit | Fault:
        source = self.job.source.parts[index]
        return read_commit(self.job.out, index, plan=plan.digest, source=source, whole=whole)


def expected(job: Job, there: Plan) -> Plan:
    """The plan of this job, with what `auto` was resolved to when the cache was begun."""
    return replace(
        there,
        examples=job.source.root,
        teacher=job.files.files,
        signals=job.columns,
        labels=job.task.labels,
        outputs=job.classes.outputs,
        dtype=there.dtype if plans.agreed(job.config, there).dtype == "auto" else job.config.dtype,
        max_length=job.config.max_length,
        token_budget=job.config.token_budget or there.token_budget,
    )


def _reordered(job: Job, there: Plan) -> str:
    """Explain a mismatch that is only a different row order; "" where it is another one, or none."""
    if job.source.root == there.examples or there.provenance.get("rows") != row_set(job):
        return ""
    return "the examples hold the same rows in another order or in other parts"


def _refuse_other_seal(job: Job) -> None:
    """Where the plan is lost, the seal alone tells whether a cache is this one; a torn one is made again."""
    try:
        manifest = read_manifest(job.out, "cache", parts=False)
    except PotstillError:
        return
    for role, root in (("examples", job.source.root), ("teacher", job.files.digest)):
        check_made_from(job.out, manifest, role, root)


def sweep(out: Path) -> None:
    """Remove what killed writers left beside a finished cache, unless others are present; the last one to leave does.

    Where nobody can know who is present, or nothing may be written, it stays.
    """
    if store.leftovers(out):
        with suppress(OSError):
            claims.if_alone(out, lambda known: store.sweep(out) if known else None)
