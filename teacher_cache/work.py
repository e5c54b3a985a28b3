"""The running cache phase: load the teacher, compute what is missing, seal. `Job` -> `Manifest`.

Three things go on at once: this thread runs the teacher on shard i, one thread cuts the texts of shard i + 1 into
sub-words, one writes shard i - 1. Memory is two shards of answers and two of sub-words, however many there are.
"""

import hashlib
import inspect
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from data import store
from data.errors import BAD_DATA, PotstillError
from data.examples import describe, hash_ids, part_name, read_groups
from data.manifest import Manifest
from data.progress import Progress
from data.schema import teacher_schema
from data.stop import Stop, stoppable
from teacher_cache import plan as plans
from teacher_cache.commits import read_commit, write_commit
from teacher_cache.job import Job
from teacher_cache.keep import keep, kept
from teacher_cache.machine import Machine, bound_caches, choose, cpu_threads
from teacher_cache.plan import Plan
from teacher_cache.seal import seal
from teacher_cache.shard import Answers, answer, write_shard
from teacher_cache.teacher import load_model, load_tokenizer
from teacher_cache.tokens import Tokeniser, Tokens, concatenate, prepare, probe, tokenise


@dataclass(frozen=True)
class Rows:
    """One examples part, ready for the teacher. groups: rows of each row group."""

    ids: pa.Array
    groups: list[int]
    tokens: Tokens


def run(job: Job, there: Plan | None, *, progress: Progress) -> Manifest:
    """Compute the missing shards and seal the cache. there: the plan of a cache begun before."""
    with stoppable("finished shards are kept") as stop, cpu_threads(job.config.threads):
        bound_caches()
        machine = choose(job.config, settled=_settled(there))
        tokenizer = load_tokenizer(job.files)
        plan = make_plan(job, machine, probe(tokenizer))
        if there is None:
            plans.write_plan(job.out, plan)
        else:
            plans.refuse_difference(job.out, there.identity, plan.identity)
            _note_provenance(there, plan, progress)
        missing = find_missing(job, plan, progress)
        if missing or not kept(job.out):
            model = load_model(job.files, device=machine.device, dtype=machine.dtype, attention=machine.attention)
            keep(job.out, model, tokenizer, job.files)
            types = "token_type_ids" in inspect.signature(model.forward).parameters
            tokeniser = prepare(tokenizer, job.config.max_length, types=types)
            compute(job, plan, model, tokeniser, missing, stop=stop, progress=progress)
        return seal(job, plan, machine.device)


def make_plan(job: Job, machine: Machine, probed: str) -> Plan:
    """Settle what is computed."""
    return Plan(
        examples=job.source.root,
        teacher=job.files.files,
        probe=probed,
        signals=job.columns,
        dtype=machine.dtype,
        max_length=job.config.max_length,
        token_budget=machine.token_budget,
        provenance={**plans.versions(), "device": machine.device, "attention": machine.attention},
    )


def find_missing(job: Job, plan: Plan, progress: Progress) -> list[int]:
    """Numbers of the shards without a valid commit, every byte compared; a damaged one is named."""
    store.sweep(job.out)
    missing = []
    for index, source in enumerate(job.source.parts):
        found = read_commit(job.out, index, plan=plan.digest, source=source, whole=True)
        if isinstance(found, str):
            missing.append(index)
            if found:
                progress.note(f"{found}; shard {index} is computed again")
    return missing


def compute(
    job: Job, plan: Plan, model: Any, tokeniser: Tokeniser, missing: list[int], *, stop: Stop, progress: Progress
) -> None:
    """Compute and commit the shards named by `missing`, in order."""
    if not missing:
        return
    progress.start("teacher", total=sum(job.source.parts[index].rows for index in missing), unit="rows")

    def on_batch(rows: int) -> None:
        progress.advance(rows)
        stop.check()

    with _one_thread() as reader, _one_thread() as writer:
        ahead = reader.submit(read_rows, job, missing[0], tokeniser, stop)
        written: Future[None] | None = None
        for index, following in zip(missing, [*missing[1:], None], strict=True):
            start = time.perf_counter()
            rows = ahead.result()
            if following is not None:
                ahead = reader.submit(read_rows, job, following, tokeniser, stop)
            answers = answer(
                model, rows.tokens, job.widths, filler=tokeniser.pad, budget=plan.token_budget, on_batch=on_batch
            )
            if written is not None:
                written.result()  # at most one shard waits for the disk; its error stops the run
            written = writer.submit(commit, job, plan, index, rows, answers, time.perf_counter() - start)
        if written is not None:
            written.result()
    progress.finish()


def read_rows(job: Job, index: int, tokeniser: Tokeniser, stop: Stop) -> Rows:
    """Read one examples part and cut it into sub-words, row group by row group."""
    source, pair = job.source.parts[index], job.source.task.pair
    ids, tokens, digest = [], [], hashlib.sha256()
    for table in read_groups(job.examples / source.name, ["id", "text", *(["pair"] if pair else [])]):
        stop.check()
        hash_ids(digest, table["id"])
        ids.append(table["id"].combine_chunks())
        pairs = table["pair"].to_pylist() if pair else None
        tokens.append(tokenise(tokeniser, table["text"].to_pylist(), pairs))
    if digest.hexdigest() != source.ids:
        raise PotstillError(f"{job.examples / source.name} holds other rows than its manifest says", code=BAD_DATA)
    joined = pa.concat_arrays([chunk for array in ids for chunk in getattr(array, "chunks", [array])])
    return Rows(joined, [len(group.status) for group in tokens], concatenate(tokens))


def commit(job: Job, plan: Plan, index: int, rows: Rows, answers: Answers, seconds: float) -> None:
    """Write one shard and declare it done."""
    path = job.out / part_name(index)
    schema = teacher_schema(job.source.task, job.columns, job.files.width)
    write_shard(path, schema, rows.ids, answers, rows.groups)
    states = sorted(set(answers.status))
    report = {
        "seconds": round(seconds, 3),
        "tokens": int(answers.n_tokens.sum()),
        "padded_tokens": answers.padded,
        "status": {state: answers.status.count(state) for state in states},
    }
    part = describe(path, len(rows.ids), job.source.parts[index].ids)
    write_commit(job.out, index, part, plan=plan.digest, report=report)


def _settled(there: Plan | None) -> dict[str, Any]:
    if there is None:
        return {}
    attention = there.provenance["attention"]
    return {"dtype": there.dtype, "token_budget": there.token_budget, "attention": attention}


def _note_provenance(there: Plan, now: Plan, progress: Progress) -> None:
    for line in plans.differences(there.provenance, now.provenance):
        progress.note(f"the cache was begun elsewhere: {line}")


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="teacher-cache")
