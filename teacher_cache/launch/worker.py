"""A process that computes shards of a cache which another process begun: spawned beside it, or an actor of Ray.

It reads the plan from the cache directory, commits by itself, and sends what it commits to the store, if there is one.
"""

import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data.errors import NO_INPUT, PotstillError
from data.progress import Progress
from data.running.stop import Stop, stoppable
from teacher_cache.config import CacheConfig, Launch
from teacher_cache.inference.lanes import cpu_threads
from teacher_cache.job import Job, open_job
from teacher_cache.launch.machine import bound_caches, own_device
from teacher_cache.launch.session import OnBatch, Session, compute, open_session
from teacher_cache.launch.settle import Settled, settle
from teacher_cache.shards import plan as plans
from teacher_cache.shards.remote import Remote, open_remote, sending
from teacher_cache.shards.reuse import open_donors


@dataclass(frozen=True)
class Post:
    """A worker's place: the job as this process sees it, what all have agreed on, and the store."""

    job: Job
    settled: Settled
    launch: Launch
    remote: Remote | None


def fill_share(
    *,
    config: CacheConfig,
    examples: Path,
    teacher: str,
    out: Path,
    launch: Launch,
    shards: Sequence[int],
    on_shard: Callable[[int], None],
    progress: Progress,
) -> None:
    """Compute one worker's part of the missing `shards` in a process of its own.

    on_shard: called with the rows of each shard that is committed.
    """
    with stoppable("finished shards are kept") as stop:
        post = join(config, examples, teacher, out, launch, progress)
        own = [index for index in shards if launch.share.has(index)]
        if own:
            worker = post, open_post(post, progress)
            compute_some(worker, own, on_shard, stop=stop, on_batch=progress.advance)


def open_worker(
    *, config: CacheConfig, examples: Path, teacher: str, out: Path, launch: Launch, progress: Progress
) -> tuple[Post, Session]:
    """Join a cache and load the teacher, for shards that are named later."""
    post = join(config, examples, teacher, out, launch, progress)
    return post, open_post(post, progress)


def compute_some(
    worker: tuple[Post, Session],
    shards: Iterable[int],
    on_shard: Callable[[int], None],
    *,
    stop: Stop,
    on_batch: OnBatch = lambda rows: None,
) -> None:
    """Compute and commit shards; call `on_shard` with the rows of each. Those that another process holds are left."""
    post, session = worker
    with (
        cpu_threads(post.job.config.threads),
        sending(post.remote, post.settled.plan, lambda commit: on_shard(commit.part.rows)) as on_commit,
    ):
        compute(session, shards, stop=stop, on_batch=on_batch, on_commit=on_commit)


def join(config: CacheConfig, examples: Path, teacher: str, out: Path, launch: Launch, progress: Progress) -> Post:
    """Open the job of a cache that was begun, on the GPU of this worker's number."""
    there = plans.read_plan(out)
    if there is None:
        raise PotstillError(
            f"{out} holds no plan on {socket.gethostname()}",
            hint="workers on several machines need the cache directory, the examples and the teacher on a shared disk",
            code=NO_INPUT,
        )
    bound_caches()
    job = open_job(replace(config, device=own_device(config.device, launch.share.local)), examples, teacher, out)
    settled = settle(job, there, launch, progress)
    return Post(job, settled, launch, open_remote(job, launch.store))


def open_post(post: Post, progress: Progress) -> Session:
    """Load the teacher of a worker."""
    settled = post.settled
    donors = open_donors(post.launch.reuse, settled.plan, progress)
    with cpu_threads(post.job.config.threads):
        return open_session(post.job, settled.plan, settled.machine, settled.tokenizer, donors)
