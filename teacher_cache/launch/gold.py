"""A teacher's answers beside the gold labels: before the first shard, where it names no classes, and at the end.

Before anything is stored, some labelled rows of the first parts are answered. Where another order of the classes agrees
far better the run stops, and nothing is begun. At the end the agreement is measured on the stored answers.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.labels.agreement import agreement, better_order, refuse_order, sentence
from data.progress import Progress
from data.row_groups import read_groups
from data.text.encoding import OK, TRUNCATED
from teacher_cache.job import Job
from teacher_cache.shards.commits import Commit

SAMPLE = 256  # labelled rows that are asked first, and more where there are many classes
PER_CLASS = 8
MOST = 200_000  # labelled rows whose stored answers are compared

Ask = Callable[[list[str], list[str] | None], np.ndarray]  # texts, pairs -> logits [N, C] in the task's order


def check_order(job: Job, ask: Ask, progress: Progress) -> None:
    """Ask a teacher without names of its classes some labelled rows; stop where another order agrees far better."""
    if job.classes.named:
        return
    rows = _labelled(job, max(SAMPLE, PER_CLASS * job.task.width))
    if not len(rows):
        progress.note("the teacher names no classes and no row has a label: its outputs are taken in the task's order")
        return
    texts, pairs = rows["text"].to_pylist(), rows["pair"].to_pylist() if job.task.pair else None
    logits, gold = ask(texts, pairs), rows["label"].to_numpy()
    finite = np.isfinite(logits).all(axis=1)
    logits, gold = logits[finite], gold[finite]
    if order := better_order(logits.argmax(axis=1), gold, job.task.labels) if len(gold) else None:
        names = tuple(name for _, name in sorted(zip(job.classes.outputs, order.names, strict=True)))
        where = f"teacher {job.files.path}"
        refuse_order(where, replace(order, names=names), job.classes.names, "--teacher-labels")
    progress.note(f"the teacher names no classes; in the task's order {sentence(agreement(logits, gold, job.task))}")


def stored_agreement(job: Job, commits: dict[int, Commit]) -> dict[str, Any]:
    """Compare the stored answers to the first labelled rows with their labels. Rows without an answer do not count.

    Empty where the directory has not all shards.
    """
    if not all((job.out / commit.part.name).is_file() for commit in commits.values()):
        return {}
    logits, gold, count = [], [], 0
    for index, source in enumerate(job.source.parts):
        labels = pa.concat_tables(read_groups(job.examples / source.name, ["label"]))["label"]
        known = pc.is_valid(labels).to_numpy()
        if not known.any():
            continue
        path, start = job.out / commits[index].part.name, 0
        for table in read_groups(path, ["status", "logits"]):
            answered = pc.is_in(table["status"], pa.array([OK, TRUNCATED])).to_numpy()
            chosen = answered & known[start : start + len(table)]
            taken = table["logits"].combine_chunks().flatten().to_numpy().reshape(len(table), -1)[chosen]
            logits.append(taken)
            gold.append(labels.slice(start, len(table)).filter(pa.array(chosen)).to_numpy())
            start += len(table)
            count += len(taken)
        if count >= MOST:
            break
    if not count:
        return {"labelled": 0}
    return agreement(np.concatenate(logits), np.concatenate(gold), job.task)


def _labelled(job: Job, count: int) -> pa.Table:
    """The first labelled rows of the examples: text, pair and label."""
    found: list[pa.Table] = []
    for part in job.source.parts:
        for table in read_groups(job.examples / part.name, ["text", "pair", "label"]):
            found.append(table.filter(pc.is_valid(table["label"])))
            if sum(map(len, found)) >= count:
                return pa.concat_tables(found).slice(0, count)
    return pa.concat_tables(found)
