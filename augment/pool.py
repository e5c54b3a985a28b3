"""Run one function over many chunks on all cores, in order of the chunks."""

import gc
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

from data.errors import TRY_AGAIN, PotstillError

Task = TypeVar("Task")
Result = TypeVar("Result")
AHEAD = 2  # tasks in flight a worker


def cores() -> int:
    """Count the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_chunks(function: Callable[[Task], Result], tasks: Iterable[Task], *, workers: int) -> Iterator[Result]:
    """Yield the results in order of the tasks; with one worker in this process.

    Workers are spawned, never forked: a forked child copies locks that other threads hold, and random states.
    """
    if workers <= 1:
        yield from map(function, tasks)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
    try:
        stream = iter(tasks)
        flying: deque[Future[Result]] = deque(pool.submit(function, task) for task in islice(stream, AHEAD * workers))
        while flying:
            yield flying.popleft().result()
            flying.extend(pool.submit(function, task) for task in islice(stream, 1))
    except BrokenProcessPool:
        hint = "out of memory? try fewer --workers; the same command goes on where it stopped"
        raise PotstillError("a worker process died", hint=hint, code=TRY_AGAIN) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, which ends the pool, and keep numeric libraries to one thread a worker.

    Rows are many small objects without cycles: a lazy garbage collector makes 15 % more of them a second, measured.
    """
    gc.set_threshold(100_000, 50, 50)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
