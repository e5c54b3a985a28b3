"""What all processes at one cache agree on before the first shard: the plan, and what `auto` means. `Job` -> `Settled`.

The plan that is put first counts. Who comes later takes from it what was left open, and is refused where it asks for
something else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from data.progress import Progress
from teacher_cache.config import Launch
from teacher_cache.job import Job, row_set
from teacher_cache.launch.gold import check_order
from teacher_cache.launch.machine import Machine, choose
from teacher_cache.launch.session import ask, open_session
from teacher_cache.launch.trial import suit
from teacher_cache.shards import plan as plans
from teacher_cache.shards.plan import Plan, agreed
from teacher_cache.shards.remote import Remote
from teacher_cache.shards.reuse import Donor, find_donors
from teacher_cache.teacher.load import load_tokenizer
from teacher_cache.teacher.probe import probe


@dataclass(frozen=True)
class Settled:
    """What a process has agreed on with all others at a cache, and what it has loaded for that.

    donors: the caches that give rows, where they have been looked at; None where not (see `open_donors`).
    """

    plan: Plan
    machine: Machine
    tokenizer: Any
    donors: Sequence[Donor] | None = None


def settle(job: Job, there: Plan | None, launch: Launch, progress: Progress, remote: Remote | None = None) -> Settled:
    """Agree on what is computed: the plan that is there, here or in the store, or ours if it is put first."""
    tokenizer, donors = load_tokenizer(job.files), None
    probed = probe(tokenizer)
    there = there or (remote.read_plan() if remote is not None else None)
    machine = choose(agreed(job.config, there), job.files, settled=_settled(there))
    machine = machine if there else suit(machine, job, tokenizer, say=progress.note)
    plan = make_plan(job, machine, probed, there)
    if there is None:
        donors = find_donors(launch.reuse, plan, progress)
        plan = replace(plan, reuse=tuple(donor.identity for donor in donors))
        check_order(job, lambda texts, pairs: ask(open_session(job, plan, machine, tokenizer), texts, pairs), progress)
        if not (remote.put_plan(plan) if remote is not None else plans.put_plan(job.out, plan)):
            there, donors = remote.read_plan() if remote is not None else plans.read_plan(job.out), None
            machine = choose(agreed(job.config, there), job.files, settled=_settled(there))
            plan = make_plan(job, machine, probed, there)
    if there is not None:
        plans.refuse_difference(job.out, there.identity, plan.identity)
        for line in plans.differences(_comparable(there), _comparable(plan)):
            progress.note(f"the cache was begun elsewhere: {line}")
    if remote is not None:
        remote.agree(plan)
        plans.put_plan(job.out, plan)
    return Settled(plan, machine, tokenizer, donors)


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


def _settled(there: Plan | None) -> dict[str, Any]:
    if there is None:
        return {}
    attention = there.provenance["attention"]
    return {"dtype": there.dtype, "token_budget": there.token_budget, "attention": attention}


def _comparable(plan: Plan) -> dict[str, Any]:
    """What of the provenance may move a last bit. Not the number of threads: each batch is computed by one."""
    return {name: plan.provenance.get(name) for name in (*plans.LIBRARIES, "device", "attention")}
