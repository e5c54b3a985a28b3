"""How the shards of a cache are dealt out: to this process, to workers of its own, to other machines.

All launchers call `process_shard` and nothing else, so all make the same cache.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any

from data.errors import INTERNAL, TRY_AGAIN, PotstillError
from data.progress import Progress
from data.running.stop import Stop
from teacher_cache.config import Request

EVERY = 0.5  # seconds between two looks at the workers


def fill_by_workers(
    request: Request,
    missing: list[int],
    on_shard: Callable[[int], None],
    *,
    total: int,
    stop: Stop,
    progress: Progress,
) -> None:
    """Let spawned processes compute the missing shards, one share each; wait for all of them.

    on_shard: called with the rows of each committed shard. total: rows of the missing shards.
    A signal is handed on; a worker that dies leaves its shards to the next run.
    Errors: that of the first worker that failed; TRY_AGAIN where one was killed or the run was stopped.
    """
    context = multiprocessing.get_context("spawn")  # a fork would inherit threads, locks and CUDA
    workers, open_pipes = [], []
    progress.start("cache", total=total, unit="rows")
    for number in range(request.launch.workers):
        receiver, sender = context.Pipe(duplex=False)
        own = replace(request, launch=replace(request.launch, workers=0, share=request.launch.worker(number)))
        workers.append(context.Process(target=_work, args=(own, missing, sender), name=f"worker {number}"))
        workers[-1].start()
        sender.close()
        open_pipes.append(receiver)
    failed: list[PotstillError] = []
    told = False
    try:
        while open_pipes:  # each closes when its worker ends, however that ends
            ready: list[Any] = wait(open_pipes, timeout=EVERY)
            for receiver in ready:
                _hear(receiver, open_pipes, on_shard, progress, failed)
            if stop.asked and not told:
                told = True
                _tell(workers)
        for worker in workers:
            worker.join(60)  # it has said its last: give it the time to go
    finally:
        _end(workers)
    progress.finish()
    stop.check()
    if failed:
        raise failed[0]
    if dead := [worker for worker in workers if worker.exitcode]:
        names = ", ".join(f"{worker.name} (exit code {worker.exitcode})" for worker in dead)
        hint = "often this is the system out of memory: use fewer --workers; the same command goes on where it stopped"
        raise PotstillError(f"{names} died", hint=hint, code=TRY_AGAIN)


def _work(request: Request, missing: list[int], news: Any) -> None:
    """One worker process: its share of the shards; progress, finished shards and failure are sent to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which hands it on as SIGTERM
    from teacher_cache.launch.worker import fill_share

    def committed(rows: int) -> None:
        news.send(("shard", rows))

    kind, value = in_words(lambda: fill_share(request, missing, committed, _News(news)))
    if kind == "failed":
        news.send((kind, value))


def in_words(work: Callable[[], Any]) -> tuple[str, Any]:
    """Run something: ("done", its value) or ("failed", (message, hint, code)), words that cross to another process."""
    try:
        return "done", work()
    except PotstillError as error:
        return "failed", (error.message, error.hint, error.code)
    except Exception as error:
        return "failed", (f"{type(error).__name__}: {error}", "", INTERNAL)


class _News:
    """A progress that sends what it hears to the parent.

    A pipe of its own: a worker that is killed while it writes to a shared queue would leave its lock taken.
    """

    def __init__(self, news: Any) -> None:
        self._news = news

    def start(self, name: str, *, total: int | None, unit: str) -> None: ...

    def advance(self, amount: int, info: str = "") -> None:
        self._news.send(("rows", amount))

    def finish(self) -> None: ...

    def note(self, message: str) -> None:
        self._news.send(("note", message))


def _hear(
    receiver: Any,
    open_pipes: list[Any],
    on_shard: Callable[[int], None],
    progress: Progress,
    failed: list[PotstillError],
) -> None:
    try:
        kind, value = receiver.recv()
    except (EOFError, OSError):
        open_pipes.remove(receiver)
        return
    if kind == "rows":
        progress.advance(value)
    elif kind == "shard":
        on_shard(value)
    elif kind == "note":
        progress.note(value)
    else:
        message, hint, code = value
        failed.append(PotstillError(message, hint=hint, code=code))


def _tell(workers: Sequence[BaseProcess]) -> None:
    for worker in workers:
        if worker.is_alive() and worker.pid:
            os.kill(worker.pid, signal.SIGTERM)


def _end(workers: Sequence[BaseProcess]) -> None:
    """Wait for workers that were told to stop; whoever is still there is killed: nothing committed is lost."""
    _tell([worker for worker in workers if worker.is_alive()])
    for worker in workers:
        worker.join(60)
        if worker.is_alive():
            worker.kill()
            worker.join()
