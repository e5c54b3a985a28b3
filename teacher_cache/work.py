"""The running cache phase: settle the plan, see what is missing, have it computed, seal. `Job` -> `Manifest`."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from data import store
from data.claims import attending
from data.errors import TRY_AGAIN, PotstillError
from data.manifest import Manifest
from data.progress import Progress
from data.share import Share
from data.stop import Stop, stoppable
from teacher_cache import plan as plans
from teacher_cache.commits import Commit, read_commit, set_aside
from teacher_cache.config import CacheConfig
from teacher_cache.job import Job, open_job
from teacher_cache.keep import kept
from teacher_cache.launch import Launch, fill_by_workers
from teacher_cache.machine import Machine, bound_caches, choose, cpu_threads
from teacher_cache.plan import Plan
from teacher_cache.reuse import Donor, check_donors, find_donors
from teacher_cache.seal import seal
from teacher_cache.session import compute, open_session
from teacher_cache.status import Status
from teacher_cache.teacher import load_tokenizer
from teacher_cache.tokens import probe


def run(job: Job, there: Plan | None, launch: Launch, *, progress: Progress) -> Manifest | None:
    """Compute the missing shards and seal the cache. there: the plan of a cache begun before.

    None: the shards of `launch.share` are done, others are not yet.
    """
    with stoppable("finished shards are kept") as stop, attending(job.out, lambda: store.sweep(job.out)):
        bound_caches()
        plan, machine = settle(job, there, launch, progress)
        missing = find_missing(job, plan, launch.share, progress)
        status = Status(job.out, len(job.source.parts), len(job.source.parts) - len(missing))
        try:
            if missing or not kept(job.out):
                status.write("running")
                fill(job, plan, machine, launch, missing, status, stop=stop, progress=progress)
            manifest = close(job, plan, machine, launch.share)
        except BaseException as error:
            asked = isinstance(error, PotstillError) and error.code == TRY_AGAIN
            status.write("stopped" if asked or isinstance(error, KeyboardInterrupt) else "failed", str(error))
            raise
        status.done = len(job.source.parts) if manifest else status.done
        status.write("sealed" if manifest else "waiting")
        return manifest


def settle(job: Job, there: Plan | None, launch: Launch, progress: Progress) -> tuple[Plan, Machine]:
    """Agree on what is computed: the plan that is there, or ours if it is put first."""
    probed = probe(load_tokenizer(job.files))
    machine = choose(job.config, settled=_settled(there))
    plan = make_plan(job, machine, probed, there, workers=launch.workers)
    if there is None:
        donors = find_donors(launch.reuse, plan, progress)
        plan = replace(plan, reuse=tuple(donor.identity for donor in donors))
        if not plans.put_plan(job.out, plan):
            there = plans.read_plan(job.out)
            machine = choose(job.config, settled=_settled(there))
            plan = make_plan(job, machine, probed, there)
    if there is not None:
        plans.refuse_difference(job.out, there.identity, plan.identity)
        for line in plans.differences(_comparable(there), _comparable(plan)):
            progress.note(f"the cache was begun elsewhere: {line}")
    return plan, machine


def make_plan(job: Job, machine: Machine, probed: str, there: Plan | None, *, workers: int = 0) -> Plan:
    """Settle what is computed; which caches give rows to it, and on how many threads, by the plan that is there."""
    begun = int(there.provenance.get("threads", 0)) if there else 0
    threads = job.config.threads or begun or max(1, torch.get_num_threads() // max(1, workers))
    return Plan(
        examples=job.source.root,
        teacher=job.files.files,
        probe=probed,
        signals=job.columns,
        dtype=machine.dtype,
        max_length=job.config.max_length,
        token_budget=machine.token_budget,
        reuse=there.reuse if there else (),
        provenance={
            **plans.versions(),
            "device": machine.device,
            "attention": machine.attention,
            "threads": str(threads),
            "examples": os.path.relpath(job.examples, job.out),
            "teacher": os.path.relpath(job.files.path, job.out),
        },
    )


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


def fill(
    job: Job,
    plan: Plan,
    machine: Machine,
    launch: Launch,
    missing: list[int],
    status: Status,
    *,
    stop: Stop,
    progress: Progress,
) -> None:
    """Have the missing shards computed: by workers, by a Ray cluster, or here."""
    total = sum(job.source.parts[index].rows for index in missing)
    arguments = {"config": job.config, "examples": job.examples, "teacher": str(job.files.path), "out": job.out}
    if launch.workers > 1 and len(missing) > 1:
        fill_by_workers(arguments, launch, total=total, stop=stop, progress=progress)
        return
    progress.start("teacher", total=total, unit="rows")
    with cpu_threads(int(plan.provenance["threads"])):
        session = open_session(job, plan, machine, _donors(plan, launch, progress))
        compute(
            session,
            missing,
            stop=stop,
            on_batch=progress.advance,
            on_commit=lambda commit: status.committed(commit.part.rows),
        )
    progress.finish()


def fill_share(
    *, config: CacheConfig, examples: Path, teacher: str, out: Path, launch: Launch, progress: Progress
) -> None:
    """Compute one worker's shards in a process of its own, on the GPU of its number."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    device = f"cuda:{launch.share.local % gpus}" if gpus and config.device in ("auto", "cuda") else config.device
    job = open_job(replace(config, device=device), examples, teacher, out)
    with stoppable("finished shards are kept") as stop:
        bound_caches()
        plan, machine = settle(job, plans.read_plan(out), launch, progress)
        missing = find_missing(job, plan, launch.share, progress)
        if missing:
            with cpu_threads(int(plan.provenance["threads"])):
                session = open_session(job, plan, machine, _donors(plan, launch, progress))
                compute(session, missing, stop=stop, on_batch=progress.advance, on_commit=lambda commit: None)


def close(job: Job, plan: Plan, machine: Machine, share: Share) -> Manifest | None:
    """Seal a cache whose shards are all committed; None where only shards of other shares are missing."""
    left = [index for index in range(len(job.source.parts)) if not _committed(job, plan, index)]
    if not left:
        return seal(job, plan, machine.device)
    if not any(share.has(index) for index in left):
        return None
    listed = ", ".join(map(str, left[:8])) + (", …" if len(left) > 8 else "")
    raise PotstillError(
        f"another process holds the shards {listed} of {job.out}",
        hint="run the same command again later: it seals the cache, or finds it sealed",
        code=TRY_AGAIN,
    )


def _donors(plan: Plan, launch: Launch, progress: Progress) -> list[Donor]:
    return check_donors(find_donors(launch.reuse, plan, progress), plan) if plan.reuse else []


def _committed(job: Job, plan: Plan, index: int) -> bool:
    source = job.source.parts[index]
    return isinstance(read_commit(job.out, index, plan=plan.digest, source=source, whole=False), Commit)


def _settled(there: Plan | None) -> dict[str, Any]:
    if there is None:
        return {}
    attention = there.provenance["attention"]
    return {"dtype": there.dtype, "token_budget": there.token_budget, "attention": attention}


def _comparable(plan: Plan) -> dict[str, Any]:
    """What of the provenance may move a last bit.

    Threads: of 50 batch shapes of MiniLM-L6 in float32 two differed between one and two threads, in bfloat16 none.
    """
    return {name: plan.provenance.get(name) for name in (*plans.LIBRARIES, "device", "attention", "threads")}
