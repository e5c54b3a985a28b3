"""Run one phase in a process of its own: its peak memory is its own, and nothing of it stays behind.

Function and arguments in; its result, wall seconds and peak memory out. Errors come back as they would here.
"""

import multiprocessing
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import psutil

from data.errors import INTERNAL, TRY_AGAIN, PotstillError
from pipelines.screen.exits import Terminated, ending_of

EVERY = 1.0  # seconds between two looks at the memory
GRACE = 120.0  # seconds a phase may take to stop in good order

Result = Any  # plain values: they cross a pipe


@dataclass(frozen=True)
class Measured:
    """What a phase returned, its wall seconds, and its peak memory in bytes.

    Memory: the largest of the sum over the process and its workers, sampled (shared pages divided among them), and
    the system's own high-water mark of the process.
    """

    result: Result
    seconds: float
    peak_bytes: int


Runner = Callable[..., Measured]


def run_apart(work: Callable[..., Result], arguments: Mapping[str, Any], *, quiet: bool = False) -> Measured:
    """Call `work(**arguments, progress=…)` in a spawned process and measure it.

    A refusal there is raised here with its message, hint and code; a killed process is refused as out of memory.
    """
    context = multiprocessing.get_context("spawn")  # a fork would inherit threads and memory
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(sender, work, dict(arguments), quiet))
    began = time.monotonic()
    process.start()
    sender.close()
    try:
        answer, peak = _watch(process.pid or 0, receiver)
    except KeyboardInterrupt as interrupt:
        if isinstance(interrupt, Terminated):  # Ctrl-C reaches the child by itself, a scheduler's signal does not
            process.terminate()
        raise
    finally:
        _end(process)
    return _opened(answer, process.exitcode, time.monotonic() - began, peak)


def _end(process: BaseProcess) -> None:
    """Let the child stop in good order; whoever presses Ctrl-C once more does not want to wait."""
    try:
        process.join(GRACE)
    finally:
        if process.is_alive():
            process.kill()
        process.join()


def _watch(pid: int, receiver: Connection) -> tuple[dict[str, Any] | None, int]:
    """Sample memory until the child answers or is gone."""
    peak = 0
    while not receiver.poll(EVERY):
        peak = max(peak, tree_memory(pid))
    try:
        return receiver.recv(), peak
    except EOFError:
        return None, peak


def tree_memory(pid: int) -> int:
    """Sum the memory of a process and its children in bytes; pages that k processes share count 1/k in each."""
    total = 0
    try:
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            full = process.memory_full_info()
            total += getattr(full, "pss", 0) or full.rss
    except psutil.Error:  # one ended meanwhile, or we may not look
        pass
    return total


def _opened(answer: dict[str, Any] | None, code: int | None, seconds: float, peak: int) -> Measured:
    if answer is None:
        killed = code is not None and code < 0
        how = f"was killed by signal {-code}" if killed and code else f"ended with code {code} and no answer"
        hint = "often this is the system out of memory: use fewer workers or a smaller batch, then run again"
        raise PotstillError(f"the phase {how}", hint=hint if killed else "", code=INTERNAL)
    if "error" in answer:
        if answer["code"] == TRY_AGAIN and answer["interrupted"]:
            raise KeyboardInterrupt
        raise PotstillError(answer["error"], hint=answer["hint"], code=answer["code"])
    return Measured(answer["result"], seconds, max(peak, answer["peak"]))


def _child(sender: Connection, work: Callable[..., Result], arguments: dict[str, Any], quiet: bool) -> None:
    """The other side: a console of its own, one call, one answer."""
    from pipelines.screen.console import Console

    signal.signal(signal.SIGTERM, _stop)
    try:
        with Console(quiet=quiet) as console:
            result = work(**arguments, progress=console.progress)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB
        sender.send({"result": result, "peak": peak})
    except BaseException as error:
        ending = ending_of(error)
        if ending.code == INTERNAL and os.environ.get("POTSTILL_DEBUG"):
            sys.stderr.write(traceback.format_exc())
        interrupted = isinstance(error, KeyboardInterrupt)
        sender.send(
            {"error": ending.message, "hint": ending.hint, "code": ending.code, "interrupted": interrupted, "peak": 0}
        )


def _stop(number: int, frame: Any) -> None:
    raise Terminated
