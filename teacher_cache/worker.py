"""A process that computes shards of a cache which another process begun: spawned beside it, or an actor of Ray.

It reads the plan from the cache directory, commits by itself, and sends what it commits to the store, if there is one.
"""

import socket
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from data.errors import NO_INPUT, PotstillError
from data.progress import Progress
from data.stop import Stop, stoppable
from teacher_cache import plan as plans
from teacher_cache.config import CacheConfig
from teacher_cache.job import Job, open_job
from teacher_cache.launch import Launch
from teacher_cache.machine import Machine, bound_caches, cpu_threads
from teacher_cache.plan import Plan
from teacher_cache.remote import Remote, open_remote, sending
from teacher_cache.reuse import check_donors, find_donors
from teacher_cache.session import OnBatch, Session, compute, open_session
from teacher_cache.work import find_missing, own_device, settle


@dataclass(frozen=True)
class Post:
    """A worker's place: the job as this process sees it, the plan of all, and the store."""

    job: Job
    plan: Plan
    machine: Machine
    launch: Launch
    remote: Remote | None


def fill_share(
    *, config: CacheConfig, examples: Path, teacher: str, out: Path, launch: Launch, progress: Progress
) -> None:
    """Compute one worker's shards in a process of its own."""
    with stoppable("finished shards are kept") as stop:
        post = join(config, examples, teacher, out, launch, progress)
        missing = find_missing(post.job, post.plan, launch.share, progress)
        if post.remote is not None:
            done = post.remote.look(post.plan, progress)
            missing = [index for index in missing if index not in done]
        if missing:
            session = open_post(post, progress)
            compute_some((post, session), missing, stop=stop, on_batch=progress.advance)


def open_worker(
    *, config: CacheConfig, examples: Path, teacher: str, out: Path, launch: Launch, progress: Progress
) -> tuple[Post, Session]:
    """Join a cache and load the teacher, for shards that are named later."""
    post = join(config, examples, teacher, out, launch, progress)
    return post, open_post(post, progress)


def compute_some(
    worker: tuple[Post, Session], shards: Iterable[int], *, stop: Stop, on_batch: OnBatch = lambda rows: None
) -> int:
    """Compute and commit shards; return the rows of those that no other process holds."""
    post, session = worker
    rows: list[int] = []
    with (
        cpu_threads(int(post.plan.provenance["threads"])),
        sending(post.remote, post.plan, lambda commit: rows.append(commit.part.rows)) as on_commit,
    ):
        compute(session, shards, stop=stop, on_batch=on_batch, on_commit=on_commit)
    return sum(rows)


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
    plan, machine = settle(job, there, launch, progress)
    return Post(job, plan, machine, launch, open_remote(job, launch.store))


def open_post(post: Post, progress: Progress) -> Session:
    """Load the teacher of a worker."""
    donors = check_donors(find_donors(post.launch.reuse, post.plan, progress), post.plan) if post.plan.reuse else []
    with cpu_threads(int(post.plan.provenance["threads"])):
        return open_session(post.job, post.plan, post.machine, donors)
