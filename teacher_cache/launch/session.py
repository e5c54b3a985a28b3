"""A teacher ready to fill shards of one cache, and `process_shard`: the one thing that all launchers run.

A shard is a pure function of (plan, shard): reading its examples, answering, writing and committing need nothing from
another shard, so any process on any machine may do any of them, twice or at the same time.

`compute` runs it for many shards; a thread cuts the texts of shard i + 1 into sub-words while the teacher answers shard
i, and `write_shard` writes one window of answers while the next is computed.
"""

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from data import store
from data.errors import is_out_of_memory
from data.layout import part_name
from data.running.claims import Claim
from data.running.stop import Stop
from data.text.encoding import Feed, tokenise
from teacher_cache.inference.answers import Answers, answer, answer_windows
from teacher_cache.job import Job
from teacher_cache.shards.commits import Commit, ShardReport
from teacher_cache.shards.plan import Plan
from teacher_cache.shards.reuse import Found
from teacher_cache.shards.rows import Rows, merge, read_rows
from teacher_cache.shards.shard import Tally, write_shard
from teacher_cache.shards.shelf import Add, Shelf

LEAST_BUDGET = 64  # sub-words; a batch that does not fit at this size will not fit

OnBatch = Callable[[int], None]


@dataclass(frozen=True)
class Session:
    """A loaded teacher and what it is to do. found: rows of other caches that need no teacher."""

    job: Job
    shelf: Shelf
    plan: Plan
    model: Any
    feed: Feed
    found: Found | None = None


def compute(
    session: Session,
    missing: Iterable[int],
    on_shard: Callable[[int], None],
    *,
    stop: Stop,
    on_batch: OnBatch = lambda rows: None,
) -> None:
    """Compute and commit the shards named by `missing`, in order, but for those that other processes hold or did.

    on_shard: called with the rows of each shard that is committed.
    """
    todo = claimed(session, missing)
    with session.shelf.adding(session.plan) as add, closing(todo), ThreadPoolExecutor(1, "teacher-cache") as reader:
        held = next(todo, None)
        ahead = held and reader.submit(_read, session, held[0], stop)
        while held is not None and ahead is not None:
            rows, (index, hold) = ahead.result(), held
            held = next(todo, None)
            ahead = held and reader.submit(_read, session, held[0], stop)
            commit = process_shard(session, index, rows, add, on_batch=_watched(rows, stop, on_batch))
            on_shard(commit.part.rows)
            hold.release()
            stop.check()


def claimed(session: Session, missing: Iterable[int]) -> Generator[tuple[int, Claim], None, None]:
    """Claim shards one after the other; those that another process holds, or has finished meanwhile, are left out.

    Closed, it gives up all that it claimed.
    """
    holds = []
    try:
        for index in missing:
            if hold := session.shelf.claim(session.plan, index):
                holds.append(hold)
                yield index, hold
    finally:
        for hold in holds:
            hold.release()


def process_shard(session: Session, index: int, rows: Rows, add: Add, *, on_batch: OnBatch) -> Commit:
    """Compute, write and commit one shard. Where another process committed it first, that commit is returned.

    rows: the shard's examples. add: of a shelf (see `Shelf.adding`). Where the memory does not hold a batch the shard
    is begun again with half the token budget, which its record then tells.
    """
    start, budget = time.perf_counter(), session.plan.token_budget
    while True:
        try:
            with store.temporary(session.job.out / part_name(index)) as tmp:
                tally = write(session, index, rows, tmp, budget=budget, on_batch=on_batch)
                report = ShardReport(
                    seconds=round(time.perf_counter() - start, 3),
                    tokens=tally.tokens,
                    padded_tokens=tally.padded,
                    status=dict(sorted(tally.status.items())),
                    reused=tally.reused,
                    token_budget=0 if budget == session.plan.token_budget else budget,
                )
                return add(index, tmp, report)
        except (RuntimeError, MemoryError) as error:
            too_large = isinstance(error, torch.OutOfMemoryError) or is_out_of_memory(error)
            if not too_large or budget // 2 < LEAST_BUDGET:
                raise
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        budget //= 2


def _read(session: Session, index: int, stop: Stop | None = None) -> Rows:
    return read_rows(session.job, index, session.feed, session.found, stop)


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


def _write_fresh(session: Session, schema: pa.Schema, rows: Rows, tmp: Path, budget: int, on_batch: OnBatch) -> Tally:
    answers: Iterable[Answers] = answer_windows(
        session.model,
        rows.tokens,
        session.job.widths,
        rows.groups,
        filler=session.feed.pad,
        alone=session.feed.alone,
        budget=budget,
        on_batch=on_batch,
    )
    moved = (in_order(window, session.job.classes.outputs) for window in answers)
    return write_shard(tmp, schema, rows.ids, moved, rows.groups)


def in_order(answers: Answers, outputs: Sequence[int]) -> Answers:
    """Put the columns of logits [N, C], a teacher's outputs, into the order of the task's classes."""
    if list(outputs) == list(range(len(outputs))):
        return answers
    return replace(answers, columns=answers.columns | {"logits": answers.columns["logits"][:, list(outputs)]})


def ask(session: Session, texts: list[str], pairs: list[str] | None) -> np.ndarray:
    """The teacher's logits [N, C] of some texts, in the order of the task's classes. NaN where it has no answer."""
    tokens, widths = tokenise(session.feed, texts, pairs), {"logits": session.job.task.width}
    feed, budget = session.feed, session.plan.token_budget
    answers = answer(session.model, tokens, widths, filler=feed.pad, budget=budget, alone=feed.alone)
    return in_order(answers, session.job.classes.outputs).columns["logits"]


def _watched(rows: Rows, stop: Stop, on_batch: OnBatch) -> OnBatch:
    """Count batches, and on a signal go on only where the rest of the shard fits into the grace time."""
    start, total, done = time.monotonic(), len(rows.ids), 0

    def watched(count: int) -> None:
        nonlocal done
        done += count
        on_batch(count)
        stop.check((time.monotonic() - start) / done * max(0, total - done))

    return watched
