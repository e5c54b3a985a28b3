"""The running cache phase: settle the plan, see what is missing, have it computed, seal. `Job` -> `Manifest`."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import torch

from data import store
from data.errors import TRY_AGAIN, PotstillError
from data.labels.agreement import sentence
from data.layout import FAILED, RUNNING, SEALED, STOPPED, WAITING
from data.manifest import Manifest
from data.progress import Progress
from data.running.claims import attending
from data.running.stop import Stop, stoppable
from teacher_cache.config import Launch, Request
from teacher_cache.inference.lanes import cpu_threads
from teacher_cache.job import Job
from teacher_cache.launch.gold import stored_agreement
from teacher_cache.launch.machine import bound_caches, count_gpus, own_device
from teacher_cache.launch.processes import fill_by_workers
from teacher_cache.launch.ray_cluster import fill_by_ray
from teacher_cache.launch.session import compute
from teacher_cache.launch.settle import Settled, open_session, settle
from teacher_cache.shards.seal import fold_commits
from teacher_cache.shards.shelf import Shelf
from teacher_cache.shards.status import Status


def run(job: Job, shelf: Shelf, launch: Launch, *, progress: Progress) -> Manifest | None:
    """Compute the missing shards and seal the cache.

    None: the shards of `launch.share` are done, others are not yet.
    """
    with stoppable("finished shards are kept") as stop, attending(job.out, lambda: store.sweep(job.out)):
        bound_caches()
        if launch.share.local:  # of torchrun's processes on one machine each has a GPU of its own
            job = replace(job, config=replace(job.config, device=own_device(job.config.device, launch.share.local)))
        settled = settle(job, shelf, launch, progress)
        done, every = shelf.done(settled.plan, progress, launch.share), range(len(job.source.parts))
        missing = [index for index in every if launch.share.has(index) and index not in done]
        status = Status(job.out, len(every), len(done))
        try:
            if missing or not shelf.has_files():
                status.write(RUNNING)
                fill(settled, missing, status.committed, stop=stop, progress=progress)
            manifest = close(settled, progress)
        except BaseException as error:
            asked = isinstance(error, PotstillError) and error.code == TRY_AGAIN
            with suppress(OSError):  # on a full disk: the first error is the one to tell
                status.write(STOPPED if asked or isinstance(error, KeyboardInterrupt) else FAILED, str(error))
            raise
        status.done = len(every) if manifest else status.done
        status.write(SEALED if manifest else WAITING)
        return manifest


def fill(
    settled: Settled, missing: list[int], on_shard: Callable[[int], None], *, stop: Stop, progress: Progress
) -> None:
    """Have the missing shards computed: by workers, by a Ray cluster, or here.

    on_shard: called with the rows of each shard that is committed, by whichever process.
    """
    job, launch = settled.job, settled.launch
    total = sum(job.source.parts[index].rows for index in missing)
    threads = job.config.threads or max(1, torch.get_num_threads() // max(1, launch.workers))
    places = job.examples.absolute(), str(job.files.path.absolute()), job.out.absolute()
    request = Request(replace(job.config, threads=threads), *places, launch)
    if launch.ray and missing:
        fill_by_ray(request, missing, on_shard, total=total, stop=stop, progress=progress)
        return
    workers = launch.workers or (count_gpus(job.config.device) if launch.share.whole else 1)
    if workers > 1 and len(missing) > 1:
        request = replace(request, launch=replace(launch, workers=workers))
        fill_by_workers(request, missing, on_shard, total=total, stop=stop, progress=progress)
        return
    progress.start("cache", total=total, unit="rows")
    with cpu_threads(threads):
        compute(open_session(settled, progress), missing, on_shard, stop=stop, on_batch=progress.advance)
    progress.finish()


def close(settled: Settled, progress: Progress) -> Manifest | None:
    """Seal a cache whose shards are all committed; None where only shards of other shares are missing."""
    job, plan, shelf = settled.job, settled.plan, settled.shelf
    done, every = shelf.done(plan, progress), range(len(job.source.parts))
    if left := [index for index in every if index not in done]:
        if not any(settled.launch.share.has(index) for index in left):
            return None
        listed = ", ".join(map(str, left[:8])) + (", …" if len(left) > 8 else "")
        raise PotstillError(
            f"another process holds the shards {listed} of {job.out}",
            hint="run the same command again later: it seals the cache, or finds it sealed",
            code=TRY_AGAIN,
        )
    shelf.has_files()  # downloaded where only the store has them: the seal holds their hashes
    gold = stored_agreement(job, done)
    manifest = fold_commits(job, plan, [done[index] for index in every], settled.machine.device, gold)
    if said := sentence(gold):
        progress.note(said)
    return shelf.seal(plan, manifest)
