"""Size and speed: parameters, bytes, latency of one text and throughput of many, from text to answer.

Arms are interleaved round by round on the same texts and threads, so a busy machine slows all of them alike.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data.progress import Progress
from data.tasks.task import Task
from student_train.directory.sealed import best_student
from student_train.measure.opened import kind_of, open_model
from student_train.models.table import count_parameters

Answer = Callable[[list[str], list[str] | None], np.ndarray]
ROUNDS = 5
SINGLES = 40  # texts asked one by one in each round


def bench(
    directories: list[Path],
    *,
    texts: list[str],
    pairs: list[str] | None = None,
    tasks: Mapping[Path, Task] | None = None,
    threads: int = 0,
    progress: Progress,
) -> list[dict[str, Any]]:
    """Measure students and teachers side by side; one row each. tasks: of encoders without potstill's manifest.

    parameters, embedding_parameters, megabytes (files needed to answer), p50_ms and p95_ms of single texts,
    rows_per_second in batches of up to 256 rows. Both times include tokenisation. float32 throughout.
    threads: of the matrix products and of the tokenizer alike; 0 is all of torch's.
    """
    with held(threads or torch.get_num_threads()):
        return _bench(directories, texts, pairs, tasks, progress)


@contextmanager
def held(threads: int) -> Iterator[None]:
    """Limit torch and the tokenizer to a number of threads.

    The tokenizer's pool of threads is made once a process, so one that is there already keeps its size; on one thread
    it is not used at all, whatever its size.
    """
    before, asked = torch.get_num_threads(), {"RAYON_NUM_THREADS": str(threads)}
    asked["TOKENIZERS_PARALLELISM"] = "true" if threads > 1 else "false"
    kept = {name: os.environ.get(name) for name in asked}
    torch.set_num_threads(threads)
    os.environ.update(asked)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _bench(
    directories: list[Path],
    texts: list[str],
    pairs: list[str] | None,
    tasks: Mapping[Path, Task] | None,
    progress: Progress,
) -> list[dict[str, Any]]:
    arms = [_open(directory, (tasks or {}).get(directory)) for directory in directories]
    times: list[tuple[list[float], list[float]]] = [([], []) for _ in arms]
    progress.start("bench", total=(ROUNDS + 1) * len(arms), unit="rounds")
    for number in range(ROUNDS + 1):
        for (ask, _), (singles, rates) in zip(arms, times, strict=True):
            one, rate = _round(ask, texts, pairs, number)
            if number:  # the first round only warms up
                singles += one
                rates.append(rate)
            progress.advance(1)
    progress.finish()
    return [
        about
        | {
            "p50_ms": 1e3 * float(np.percentile(singles, 50)),
            "p95_ms": 1e3 * float(np.percentile(singles, 95)),
            "rows_per_second": float(np.median(rates)),
            "threads": torch.get_num_threads(),
        }
        for (_, about), (singles, rates) in zip(arms, times, strict=True)
    ]


def _round(ask: Answer, texts: list[str], pairs: list[str] | None, number: int) -> tuple[list[float], float]:
    """Seconds of single texts, another part of them each round, and rows/s of all of them."""
    singles = []
    for place in range(SINGLES):
        at = (number * SINGLES + place) % len(texts)
        started = time.perf_counter()
        ask([texts[at]], None if pairs is None else [pairs[at]])
        singles.append(time.perf_counter() - started)
    started = time.perf_counter()
    ask(texts, pairs)
    return singles, len(texts) / (time.perf_counter() - started)


def _open(directory: Path, task: Task | None) -> tuple[Answer, dict[str, Any]]:
    """How to ask a model (of several seeds the best one), and its sizes."""
    place = directory if kind_of(directory) == "teacher" else best_student(directory)
    opened = open_model(place, task)
    body, table = count_parameters(opened.model)
    about = {"name": directory.name, "parameters": body, "embedding_parameters": table}
    return opened.logits, about | {"megabytes": opened.bytes / 1e6}
