"""A process that computes shards of a cache which another process has begun: spawned beside it, or an actor of Ray.

It reads the plan from the cache directory, commits by itself, and uploads what it commits where there is a store.
"""

import socket
from collections.abc import Callable, Sequence
from dataclasses import replace

from data.errors import NO_INPUT, PotstillError
from data.progress import Progress
from data.running.stop import Stop, stoppable
from teacher_cache.config import Request
from teacher_cache.inference.lanes import cpu_threads
from teacher_cache.job import open_job
from teacher_cache.launch.machine import bound_caches, own_device
from teacher_cache.launch.session import Session, compute
from teacher_cache.launch.settle import Settled, open_session, settle
from teacher_cache.shards import plan as plans
from teacher_cache.shards.remote import open_shelf


def fill_share(request: Request, shards: Sequence[int], on_shard: Callable[[int], None], progress: Progress) -> None:
    """Compute one worker's part of the missing `shards` in a process of its own.

    on_shard: called with the rows of each shard that is committed.
    """
    with stoppable("finished shards are kept") as stop:
        settled = join(request, progress)
        own = [index for index in shards if request.launch.share.has(index)]
        if own:
            with cpu_threads(request.config.threads):
                compute(open_session(settled, progress), own, on_shard, stop=stop, on_batch=progress.advance)


def open_worker(request: Request, progress: Progress) -> Session:
    """Join a cache and load the teacher, for shards that are named later (see `process`)."""
    settled = join(request, progress)
    with cpu_threads(request.config.threads):
        return open_session(settled, progress)


def process(session: Session, shard: int, stop: Stop) -> int:
    """Compute and commit one shard; return its rows, 0 where another process holds it."""
    rows: list[int] = []
    with cpu_threads(session.job.config.threads):
        compute(session, [shard], rows.append, stop=stop)
    return sum(rows)


def join(request: Request, progress: Progress) -> Settled:
    """Open the job of a cache that was begun, on the GPU of this worker's number."""
    if plans.read_plan(request.out) is None and not request.launch.store:
        raise PotstillError(
            f"{request.out} holds no plan on {socket.gethostname()}",
            hint="workers on several machines need the cache directory, the examples and the teacher on a shared disk",
            code=NO_INPUT,
        )
    bound_caches()
    config = replace(request.config, device=own_device(request.config.device, request.launch.share.local))
    job = open_job(config, request.examples, request.teacher, request.out)
    return settle(job, open_shelf(job, request.launch.store), request.launch, progress)
