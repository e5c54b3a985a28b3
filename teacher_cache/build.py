"""Run the teacher once over all examples and keep what it says: examples directory + teacher -> cache directory.

    PLAN.json                     what is computed, first
    part-00000-<sha16>.parquet    the answers to examples part 0, row for row
    commits/00000.json            that shard is done
    files/                        the teacher's tokenizer and word table, for students to start from
    claims/  status.json          who works on which shard, and how far it is: nothing depends on them
    quarantine/                   what was found damaged
    MANIFEST.json                 the seal, last

A run that is broken off goes on with the shards without a valid commit; any number of runs may work at once. A
finished cache loads no teacher, nor torch: this module holds what that needs, `launch/run.py` the rest.
"""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from data import store
from data.errors import PotstillError
from data.layout import FILES, MANIFEST, QUARANTINE
from data.manifest import Manifest, check_made_from, check_seal, read_manifest
from data.progress import Progress
from data.running.claims import if_alone
from data.running.output import refuse_foreign
from teacher_cache.config import CacheConfig, Launch
from teacher_cache.estimate import estimate_of, refuse_size
from teacher_cache.job import Job, open_job, row_set
from teacher_cache.shards import plan as plans
from teacher_cache.shards.plan import Plan
from teacher_cache.shards.remote import Remote, open_remote
from teacher_cache.shards.student_files import kept

ALONE = Launch()


def build(
    config: CacheConfig,
    examples: Path,
    teacher: str | Path,
    out: Path,
    *,
    launch: Launch = ALONE,
    progress: Progress,
) -> Manifest | None:
    """Make (or finish, or just find finished) the cache of a teacher's answers; return its manifest.

    None: the shards of `launch.share` are done and others are not yet; who does the last one seals the cache.
    Errors: unfit teacher (see `inspect_teacher`, `match_classes`, `check_order`); a cache of another plan in `out`
    (STALE); larger than config.max_bytes; too many rows without an answer (BAD_DATA); a signal to stop, or shards that
    another process holds (TRY_AGAIN: run it again).
    """
    refuse_foreign(out, "teacher")
    job = open_job(config, examples, teacher, out)
    there = plans.read_plan(out)
    if there is not None:
        plans.refuse_difference(out, there.identity, expected(job, there).identity, remark=_reordered(job, there))
        if (manifest := find_finished(job, progress)) is not None and not launch.store:
            return manifest
    else:
        refuse_other_seal(job)
    remote = open_remote(job, launch.store)
    if remote is not None and (manifest := find_remote(job, remote)) is not None:
        return manifest
    guess = estimate_of(job)
    progress.note(str(guess))
    refuse_size(guess, config.max_bytes)

    from teacher_cache.launch import run as work  # torch and transformers from here on

    manifest = work.run(job, there, launch, remote, progress=progress)
    if manifest is not None:
        sweep(out)
    return manifest


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


def refuse_other_seal(job: Job) -> None:
    """Where the plan is lost, the seal alone tells whether a cache is this one; a torn one is made again."""
    try:
        manifest = read_manifest(job.out, "teacher", parts=False)
    except PotstillError:
        return
    for role, root in (("examples", job.source.root), ("teacher", job.files.digest)):
        check_made_from(job.out, manifest, role, root)


def find_remote(job: Job, remote: Remote) -> Manifest | None:
    """Return the seal of a cache that the store holds whole; another plan there is refused."""
    there, manifest = remote.read_plan(), remote.read_seal()
    if there is None or manifest is None:
        return None
    remote.refuse(there, expected(job, there))
    return manifest


def _reordered(job: Job, there: Plan) -> str:
    """Say so where the examples are another set only by the order of their rows."""
    if job.source.root == there.examples or there.provenance.get("rows") != row_set(job):
        return ""
    return "the examples hold the same rows in another order or in other parts"


def find_finished(job: Job, progress: Progress) -> Manifest | None:
    """Return the seal of a finished cache; a seal over a missing or cut shard is set aside."""
    if not (job.out / MANIFEST).exists():
        return None
    try:
        manifest = read_manifest(job.out, "teacher")
        check_seal(job.out)
        if kept(job.out):
            sweep(job.out)
            return manifest
        problem = f"{job.out / FILES} is not whole"
    except PotstillError as error:
        problem = error.message
    progress.note(f"{problem}: set aside, made again")
    store.move(job.out / MANIFEST, job.out / QUARANTINE)
    return None


def sweep(out: Path) -> None:
    """Remove what killed writers left beside a finished cache, unless others are present; the last one to leave does.

    Where nobody can know who is present, or nothing may be written, it stays.
    """
    if store.leftovers(out):
        with suppress(OSError):
            if_alone(out, lambda known: store.sweep(out) if known else None)
