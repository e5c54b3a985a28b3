"""What all processes at one cache agree on before the first shard: the plan, and what `auto` means. `Job` -> `Settled`.

The plan that is put first counts. Who comes later takes from it what was left open, and is refused where it asks for
something else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from data.progress import Progress
from data.text.encoding import feed_of
from teacher_cache.config import Launch
from teacher_cache.job import Job, row_set
from teacher_cache.launch.gold import check_order
from teacher_cache.launch.machine import Machine, choose
from teacher_cache.launch.session import Session, ask
from teacher_cache.launch.trial import suit
from teacher_cache.shards import plan as plans
from teacher_cache.shards.plan import Plan
from teacher_cache.shards.reuse import Donor, Found, find_donors, open_donors
from teacher_cache.shards.shelf import Shelf
from teacher_cache.shards.student_files import keep, kept
from teacher_cache.teacher.load import load_model, load_tokenizer
from teacher_cache.teacher.probe import probe

# What of the provenance may move a last bit. Not the number of threads: each batch is computed by one.
LAST_BITS = (*plans.LIBRARIES, "device", "attention")


@dataclass(frozen=True)
class Settled:
    """What a process has agreed on with all others at a cache, and what it has loaded for that.

    job       as this process sees it
    shelf     where the cache is kept
    plan      what is computed
    machine   what `auto` means here
    donors    the caches that give rows, where they have been looked at; None where not yet (see `open_session`)
    """

    job: Job
    launch: Launch
    shelf: Shelf
    plan: Plan
    machine: Machine
    tokenizer: Any
    donors: Sequence[Donor] | None = None


def settle(job: Job, shelf: Shelf, launch: Launch, progress: Progress) -> Settled:
    """Agree on what is computed: the plan that is there, or ours if it is put first."""
    tokenizer, there = load_tokenizer(job.files), shelf.plan()
    machine = choose(job.config, job.files, there)
    if there is not None:
        plan = make_plan(job, machine, probe(tokenizer), there)
        shelf.resume(plan)
        before, now = ({name: each.provenance.get(name) for name in LAST_BITS} for each in (there, plan))
        for line in plans.differences(before, now):
            progress.note(f"the cache was begun elsewhere: {line}")
        return Settled(job, launch, shelf, plan, machine, tokenizer)
    machine = suit(machine, job, tokenizer, say=progress.note)
    plan = make_plan(job, machine, probe(tokenizer), None)
    donors = find_donors(launch.reuse, plan, progress)
    plan = replace(plan, reuse=tuple(donor.identity for donor in donors))
    settled = Settled(job, launch, shelf, plan, machine, tokenizer, donors=())
    check_order(job, lambda texts, pairs: ask(open_session(settled, progress), texts, pairs), progress)
    if not shelf.begin(plan):
        return settle(job, shelf, launch, progress)  # another process was faster: its plan counts
    return replace(settled, donors=donors)


def open_session(settled: Settled, progress: Progress) -> Session:
    """Load the teacher, keep in the cache what students start from, and find the rows that the plan takes over."""
    job, plan, machine, donors = settled.job, settled.plan, settled.machine, settled.donors
    if donors is None:
        donors = open_donors(settled.launch.reuse, plan, progress)
    model = load_model(job.files, device=machine.device, dtype=machine.dtype, attention=machine.attention)
    if not kept(job.out):
        keep(job.out, model, settled.tokenizer, job.files)
    feed = feed_of(settled.tokenizer, model, job.config.max_length)
    return Session(job, settled.shelf, plan, model, feed, Found(donors) if donors else None)


def make_plan(job: Job, machine: Machine, probed: str, there: Plan | None) -> Plan:
    """Settle what is computed; which caches give rows to it, by the plan that is there."""
    return Plan(
        examples=job.source.root,
        teacher=job.files.files,
        probe=probed,
        signals=job.columns,
        labels=job.task.labels,
        outputs=job.classes.outputs,
        dtype=machine.dtype,
        max_length=job.config.max_length,
        token_budget=machine.token_budget,
        reuse=there.reuse if there else (),
        provenance={
            **plans.versions(),
            "device": machine.device,
            "attention": machine.attention,
            "asked_dtype": there.provenance.get("asked_dtype", "") if there else job.config.dtype,
            "rows": there.provenance.get("rows", "") if there else row_set(job),
            **plans.places(job.examples, job.files.path, job.out),
        },
    )
