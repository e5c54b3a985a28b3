"""Run one function over many chunks on all cores; results come in the order of the chunks."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, TypeVar

from data.errors import TRY_AGAIN, PotstillError
from data.running.stop import SIGNALS

Task = TypeVar("Task")
Result = TypeVar("Result")
AHEAD = 2  # tasks submitted ahead, for each worker
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
ROOT = Path(__file__).parents[2]


def cores() -> int:
    """Count the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Pool:
    """Worker processes, started on first use; with one worker this process does all tasks itself.

    Workers are never forked from this process: a forked child copies locks that other threads hold, and random states.
    They are spawned; or, if `preload` names a module, forked from a single-threaded server that has loaded this module,
    so that imports and models are loaded once. The server is kept for the next pool.
    """

    def __init__(self, workers: int, *, preload: str | None = None) -> None:
        self._workers = workers
        self._preload = preload
        self._executor: ProcessPoolExecutor | None = None

    def warm(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Start the server, or start the workers and let each call `function`, without waiting."""
        if self._workers > 1 and self._executor is None:
            executor = self._started()
            if not self._preload:  # forking from a server that is still loading would make this process wait for it
                for _ in range(self._workers):
                    executor.submit(function, *arguments)

    def run(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        """Yield the results in order of the tasks; a single task starts no workers."""
        if self._workers <= 1 or (len(tasks) < 2 and self._executor is None):
            yield from map(function, tasks)
            return
        pool, stream = self._started(), iter(tasks)
        flying: deque[Future[Result]] = deque()
        try:
            flying.extend(pool.submit(function, task) for task in islice(stream, AHEAD * self._workers))
            while flying:
                yield flying.popleft().result()
                flying.extend(pool.submit(function, task) for task in islice(stream, 1))
        except BrokenProcessPool:
            hint = "out of memory? try fewer --workers; the same command goes on where it stopped"
            raise PotstillError("a worker process died", hint=hint, code=TRY_AGAIN) from None
        finally:
            for future in flying:
                future.cancel()

    def close(self) -> None:
        """End the workers after their current tasks."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None

    def _started(self) -> ProcessPoolExecutor:
        if self._executor is None:
            context = _server(self._preload) if self._preload else multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(self._workers, mp_context=context, initializer=_start_worker)
        return self._executor


def _server(preload: str) -> Any:
    """Start the server, if there is none yet, and return the context that forks workers from it.

    The server gets this process's import path: a working directory may have folders with the names of our packages.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([preload])
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    with _environment(PYTHONPATH=path, PYTHONSAFEPATH="1", **ONE_THREAD):
        forkserver.ensure_running()
    return context


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set environment variables for a block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start_worker() -> None:
    """Set up a worker: the parent handles signals, and numeric libraries use one thread."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    os.environ.update(ONE_THREAD)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the parent is killed; else it would wait for the next task for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
