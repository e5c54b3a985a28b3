"""A teacher ready to fill shards of one cache, and `process_shard`: the one thing that all launchers run.

A shard is a pure function of (plan, shard): reading its examples, answering, writing and committing need nothing from
another shard, so any process on any machine may do any of them, twice or at the same time.

`compute` runs it for many shards; a thread cuts the texts of shard i + 1 into sub-words while the teacher answers shard
i, and `write_shard` writes one window of answers while the next is computed.
"""

import hashlib
import inspect
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from data import store
from data.claims import Claim, claim
from data.errors import BAD_DATA, PotstillError
from data.examples import hash_ids, part_name, read_groups
from data.stop import Stop
from teacher_cache.commits import Commit, commit_shard, read_commit
from teacher_cache.job import Job
from teacher_cache.keep import keep, kept
from teacher_cache.machine import Machine
from teacher_cache.plan import Plan
from teacher_cache.reuse import Donor, Found
from teacher_cache.shard import Tally, answer_windows, vectors_of, write_shard
from teacher_cache.teacher import load_model, load_tokenizer
from teacher_cache.tokens import Tokeniser, Tokens, concatenate, prepare, tokenise

LEAST_BUDGET = 64  # sub-words; a batch that does not fit at this size will not fit

OnBatch = Callable[[int], None]


@dataclass(frozen=True)
class Session:
    """A loaded teacher and what it is to do. found: rows of other caches that need no teacher."""

    job: Job
    plan: Plan
    model: Any
    tokeniser: Tokeniser
    found: Found | None = None


@dataclass(frozen=True)
class Rows:
    """One examples part, ready for the teacher.

    groups: rows of each row group. places: where other caches have the rows, -1 where they have not (see `Found`);
    None where there is nothing to reuse. tokens: of the rows without a place.
    """

    ids: pa.Array
    groups: list[int]
    tokens: Tokens
    places: np.ndarray | None = None


def open_session(job: Job, plan: Plan, machine: Machine, donors: Sequence[Donor] = ()) -> Session:
    """Load the teacher, and keep in the cache what students start from."""
    tokenizer = load_tokenizer(job.files)
    model = load_model(job.files, device=machine.device, dtype=machine.dtype, attention=machine.attention)
    if not kept(job.out):
        keep(job.out, model, tokenizer, job.files)
    types = "token_type_ids" in inspect.signature(model.forward).parameters
    tokeniser = prepare(tokenizer, job.config.max_length, types=types)
    return Session(job, plan, model, tokeniser, Found(donors) if donors else None)


def process_shard(
    session: Session, index: int, rows: "Rows | None" = None, *, on_batch: OnBatch = lambda rows: None
) -> Commit:
    """Compute, write and commit one shard. Where another process committed it first, that commit is returned.

    rows: the shard's examples, if they are read already. Where the memory does not hold a batch the shard is begun
    again with half the token budget, which its record then tells.
    """
    start, budget = time.perf_counter(), session.plan.token_budget
    rows = rows or read_rows(session, index)
    while True:
        try:
            with store.temporary(session.job.out / part_name(index)) as tmp:
                tally = write(session, index, rows, tmp, budget=budget, on_batch=on_batch)
                report = _report(session.plan, tally, budget, time.perf_counter() - start)
                return commit(session, index, tmp, report)
        except (RuntimeError, MemoryError) as error:
            if not _out_of_memory(error) or budget // 2 < LEAST_BUDGET:
                raise
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        budget //= 2


def compute(
    session: Session, missing: Iterable[int], *, stop: Stop, on_batch: OnBatch, on_commit: Callable[[Commit], None]
) -> None:
    """Compute and commit the shards named by `missing`, in order, but for those that other processes hold or did."""
    with closing(claimed(session, missing)) as todo, _one_thread() as reader:
        held = next(todo, None)
        ahead = held and reader.submit(read_rows, session, held[0], stop)
        while held is not None and ahead is not None:
            rows, (index, hold) = ahead.result(), held
            held = next(todo, None)
            ahead = held and reader.submit(read_rows, session, held[0], stop)
            on_commit(process_shard(session, index, rows, on_batch=_watched(rows, stop, on_batch)))
            hold.release()
            stop.check()


def claimed(session: Session, missing: Iterable[int]) -> Generator[tuple[int, Claim], None, None]:
    """Claim shards one after the other; those that another process holds, or has finished meanwhile, are left out.

    Closed, it gives up all that it claimed.
    """
    job, plan = session.job, session.plan
    holds = []
    try:
        for index in missing:
            hold = claim(job.out, index)
            if hold is None:
                continue
            holds.append(hold)
            found = read_commit(job.out, index, plan=plan.digest, source=job.source.parts[index], whole=False)
            if isinstance(found, Commit):
                hold.release()
            else:
                yield index, hold
    finally:
        for hold in holds:
            hold.release()


def read_rows(session: Session, index: int, stop: Stop | None = None) -> Rows:
    """Read one examples part and cut it into sub-words, row group by row group."""
    job = session.job
    source, pair = job.source.parts[index], job.source.task.pair
    ids, groups, tokens, places, digest = [], [], [], [], hashlib.sha256()
    for table in read_groups(job.examples / source.name, ["id", "text", *(["pair"] if pair else [])]):
        if stop is not None:
            stop.check()
        hash_ids(digest, table["id"])
        ids += table["id"].chunks
        groups.append(table.num_rows)
        if session.found is not None:
            places.append(session.found.places(table["id"]))
            table = table.filter(pa.array(places[-1] < 0))
        pairs = table["pair"].to_pylist() if pair else None
        tokens.append(tokenise(session.tokeniser, table["text"].to_pylist(), pairs))
    if digest.hexdigest() != source.ids:
        raise PotstillError(f"{job.examples / source.name} holds other rows than its manifest says", code=BAD_DATA)
    return Rows(pa.concat_arrays(ids), groups, concatenate(tokens), np.concatenate(places) if places else None)


def write(session: Session, index: int, rows: Rows, tmp: Path, *, budget: int, on_batch: OnBatch) -> Tally:
    """Put the rows of a shard through the teacher and write the answers as they come, with those of other caches."""
    about = {"potstill.plan": session.plan.digest, "potstill.shard": str(index)}  # by which `repair` knows a stray one
    schema = session.job.schema.with_metadata(about)
    if rows.places is None or (rows.places < 0).all():
        return _write_fresh(session, schema, rows, tmp, budget, on_batch)
    assert session.found is not None
    fresh = pa.array(rows.places < 0)
    groups = [int((part < 0).sum()) for part in np.split(rows.places, np.cumsum(rows.groups)[:-1])]
    own = Rows(rows.ids.filter(fresh), groups, rows.tokens)
    with store.temporary(tmp) as apart:
        tally = _write_fresh(session, schema, own, apart, budget, on_batch)
        states = merge(session.found, rows, apart, tmp, schema)
    tally.reused = len(rows.ids) - len(own.ids)
    tally.status = states
    on_batch(tally.reused)
    return tally


def merge(found: Found, rows: Rows, apart: Path, tmp: Path, schema: pa.Schema) -> Counter[str]:
    """Write a shard of fresh rows (in `apart`, in order) and found ones, row group by row group; count its states."""
    assert rows.places is not None
    states: Counter[str] = Counter()
    fresh = pq.read_table(apart, schema=schema.remove_metadata(), memory_map=True)
    start = used = 0
    with store.parquet_writer(tmp, schema, vectors=vectors_of(schema)) as writer:
        for size in rows.groups:
            places = rows.places[start : start + size]
            new = places < 0
            tables = [fresh.slice(used, int(new.sum()))]
            if not new.all():
                tables.append(found.rows(places[~new], schema.names))
            order = np.empty(size, np.int64)
            order[np.concatenate([np.flatnonzero(new), np.flatnonzero(~new)])] = np.arange(size)
            table = pa.concat_tables([table.cast(schema) for table in tables]).take(pa.array(order)).combine_chunks()
            states.update(table["status"].to_pylist())
            writer.write_table(table, row_group_size=max(size, 1))
            start, used = start + size, used + int(new.sum())
    return states


def _write_fresh(session: Session, schema: pa.Schema, rows: Rows, tmp: Path, budget: int, on_batch: OnBatch) -> Tally:
    answers = answer_windows(
        session.model,
        rows.tokens,
        session.job.widths,
        rows.groups,
        filler=session.tokeniser.pad,
        budget=budget,
        on_batch=on_batch,
    )
    return write_shard(tmp, schema, rows.ids, answers, rows.groups)


def commit(session: Session, index: int, tmp: Path, report: dict[str, Any]) -> Commit:
    """Declare a written shard done."""
    job = session.job
    plan, source = session.plan.digest, job.source.parts[index]
    return commit_shard(job.out, index, tmp, plan=plan, source=source, report=report)[0]


def _report(plan: Plan, tally: Tally, budget: int, seconds: float) -> dict[str, Any]:
    report = {
        "seconds": round(seconds, 3),
        "tokens": tally.tokens,
        "padded_tokens": tally.padded,
        "status": dict(sorted(tally.status.items())),
    }
    if tally.reused:
        report["reused"] = tally.reused  # rows that needed no teacher
    return report if budget == plan.token_budget else report | {"token_budget": budget}  # other batches, other bits


def _watched(rows: Rows, stop: Stop, on_batch: OnBatch) -> OnBatch:
    """Count batches, and on a signal go on only where the rest of the shard fits into the grace time."""
    start, total, done = time.monotonic(), len(rows.ids), 0

    def watched(count: int) -> None:
        nonlocal done
        done += count
        on_batch(count)
        stop.check((time.monotonic() - start) / done * max(0, total - done))

    return watched


def _out_of_memory(error: BaseException) -> bool:
    """Tell a batch too large from other errors; torch's CPU allocator raises a plain RuntimeError."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return any(words in str(error).lower() for words in ("out of memory", "can't allocate memory", "not enough memory"))


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="teacher-cache")
