"""The running cache phase: settle the plan, see what is missing, have it computed, seal. `Job` -> `Manifest`."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import torch

from data import store
from data.errors import TRY_AGAIN, PotstillError
from data.labels.agreement import sentence
from data.layout import FAILED, RUNNING, SEALED, STOPPED, WAITING
from data.manifest import Manifest, write_manifest
from data.progress import Progress
from data.running.claims import attending
from data.running.share import Share
from data.running.stop import Stop, stoppable
from teacher_cache.config import Launch
from teacher_cache.inference.lanes import cpu_threads
from teacher_cache.job import Job
from teacher_cache.launch.gold import stored_agreement
from teacher_cache.launch.machine import Machine, bound_caches, count_gpus, own_device
from teacher_cache.launch.processes import fill_by_workers
from teacher_cache.launch.ray_cluster import fill_by_ray
from teacher_cache.launch.session import compute, open_session
from teacher_cache.launch.settle import Settled, settle
from teacher_cache.shards.commits import Commit, read_commit, set_aside
from teacher_cache.shards.plan import Plan
from teacher_cache.shards.remote import Remote, sending
from teacher_cache.shards.reuse import open_donors
from teacher_cache.shards.seal import fold_commits
from teacher_cache.shards.status import Status
from teacher_cache.shards.student_files import kept


def run(
    job: Job, there: Plan | None, launch: Launch, remote: Remote | None = None, *, progress: Progress
) -> Manifest | None:
    """Compute the missing shards and seal the cache. there: the plan of a cache begun before.

    None: the shards of `launch.share` are done, others are not yet.
    """
    with stoppable("finished shards are kept") as stop, attending(job.out, lambda: store.sweep(job.out)):
        bound_caches()
        if launch.share.local:  # of torchrun's processes on one machine each has a GPU of its own
            job = replace(job, config=replace(job.config, device=own_device(job.config.device, launch.share.local)))
        settled = settle(job, there, launch, progress, remote)
        plan = settled.plan
        missing = find_missing(job, plan, launch.share, progress)
        if remote is not None:
            done = remote.catch_up(plan, progress)
            missing = [index for index in missing if index not in done]
        done_before = len(remote.records) if remote is not None else count_done(job, plan, launch.share, missing)
        status = Status(job.out, len(job.source.parts), done_before)
        try:
            if missing or not (kept(job.out) or (remote is not None and remote.has_files())):
                status.write(RUNNING)
                fill(job, settled, launch, missing, remote, status.committed, stop=stop, progress=progress)
            manifest = close(job, plan, settled.machine, launch.share, remote, progress=progress)
        except BaseException as error:
            asked = isinstance(error, PotstillError) and error.code == TRY_AGAIN
            with suppress(OSError):  # on a full disk: the first error is the one to tell
                status.write(STOPPED if asked or isinstance(error, KeyboardInterrupt) else FAILED, str(error))
            raise
        status.done = len(job.source.parts) if manifest else status.done
        status.write(SEALED if manifest else WAITING)
        return manifest


def find_missing(job: Job, plan: Plan, share: Share, progress: Progress) -> list[int]:
    """Numbers of the shards of a share without a valid commit, every byte compared; a damaged one is set aside."""
    missing = []
    for index, source in enumerate(job.source.parts):
        if not share.has(index):
            continue
        found = read_commit(job.out, index, plan=plan.digest, source=source, whole=True)
        if not isinstance(found, Commit):
            missing.append(index)
            if found.reason:
                set_aside(job.out, found)
                progress.note(f"{found.reason}; set aside, shard {index} is computed again")
    return missing


def count_done(job: Job, plan: Plan, share: Share, missing: list[int]) -> int:
    """Count the shards that are committed: of this share all but the `missing` ones, of others those with a commit."""
    left = set(missing)
    return sum(
        index not in left if share.has(index) else _committed(job, plan, index) is not None
        for index in range(len(job.source.parts))
    )


def fill(
    job: Job,
    settled: Settled,
    launch: Launch,
    missing: list[int],
    remote: Remote | None,
    on_shard: Callable[[int], None],
    *,
    stop: Stop,
    progress: Progress,
) -> None:
    """Have the missing shards computed: by workers, by a Ray cluster, or here.

    on_shard: called with the rows of each shard that is committed, by whichever process.
    """
    total = sum(job.source.parts[index].rows for index in missing)
    places = {"examples": job.examples.absolute(), "teacher": str(job.files.path.absolute()), "out": job.out.absolute()}
    threads = job.config.threads or max(1, torch.get_num_threads() // max(1, launch.workers))
    arguments = {"config": replace(job.config, threads=threads), **places}
    if launch.ray and missing:
        fill_by_ray(arguments, launch, missing, on_shard, total=total, stop=stop, progress=progress)
        return
    workers = launch.workers or (count_gpus(job.config.device) if launch.share.whole else 1)
    if workers > 1 and len(missing) > 1:
        own = arguments | {"shards": missing}
        fill_by_workers(own, replace(launch, workers=workers), on_shard, total=total, stop=stop, progress=progress)
        return
    progress.start("teacher", total=total, unit="rows")
    with cpu_threads(threads), sending(remote, settled.plan, lambda commit: on_shard(commit.part.rows)) as on_commit:
        donors = settled.donors
        if donors is None:
            donors = open_donors(launch.reuse, settled.plan, progress)
        session = open_session(job, settled.plan, settled.machine, settled.tokenizer, donors)
        compute(session, missing, stop=stop, on_batch=progress.advance, on_commit=on_commit)
    progress.finish()


def close(
    job: Job, plan: Plan, machine: Machine, share: Share, remote: Remote | None = None, *, progress: Progress
) -> Manifest | None:
    """Seal a cache whose shards are all committed; None where only shards of other shares are missing."""
    every = range(len(job.source.parts))
    there = remote.catch_up(plan, progress) if remote is not None else {}
    here = {index: commit for index in every if (commit := _committed(job, plan, index)) is not None}
    done = there if remote is not None else here
    left = [index for index in every if index not in done]
    if not left:
        if remote is not None and not kept(job.out):
            remote.fetch_files()
        gold = stored_agreement(job, here) if len(here) == len(every) else {}
        manifest = fold_commits(job, plan, [done[index] for index in every], machine.device, gold)
        if said := sentence(gold):
            progress.note(said)
        if len(here) == len(every):
            write_manifest(job.out, manifest)
        return remote.seal(manifest) if remote is not None else manifest
    if not any(share.has(index) for index in left):
        return None
    listed = ", ".join(map(str, left[:8])) + (", …" if len(left) > 8 else "")
    raise PotstillError(
        f"another process holds the shards {listed} of {job.out}",
        hint="run the same command again later: it seals the cache, or finds it sealed",
        code=TRY_AGAIN,
    )


def _committed(job: Job, plan: Plan, index: int) -> Commit | None:
    found = read_commit(job.out, index, plan=plan.digest, source=job.source.parts[index], whole=False)
    return found if isinstance(found, Commit) else None
