"""Faults put into a process that writes a cache, from outside: the package has no hooks for them. Linux only.

Every system call by which `data.store` changes the disk, and every batch of the Parquet writer, is a step with a
number. At a step the process is killed, loses power, gets a signal or an error.
"""

# ruff: noqa: PTH110, PTH113, PTH115, PTH120, PTH202
# Calls of `os` are what is replaced here; those of pathlib would count as steps.
import errno
import fcntl
import os
import random
import resource
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

REAL = {name: getattr(os, name) for name in ("link", "replace", "rename", "unlink", "mkdir", "open")}


@dataclass(frozen=True)
class Faults:
    """What goes wrong. Steps count from 0; -1 is never.

    kill_before, kill_after  kill -9 at this step
    torn        a write that is killed or fails leaves half of its bytes
    power       with the kill, what was not flushed is lost, by the luck of `seed`
    fail_at     this step fails with `error`
    no_links    hard links fail with EPERM
    no_locks    file locks fail with ENOLCK
    file_bytes  longest file the process may write; 0: any
    signals     (step, signal number, how many times)
    grace       seconds of grace after a signal; -1: as it is
    memory      ("torch", "python" or "cpu", number of the forward that runs out of memory; -1: every one)
    pause       seconds to wait at each step, so that two writers meet
    """

    kill_before: int = -1
    kill_after: int = -1
    torn: bool = False
    power: bool = False
    seed: int = 0
    fail_at: int = -1
    error: int = errno.EIO
    no_links: bool = False
    no_locks: bool = False
    file_bytes: int = 0
    signals: tuple[int, int, int] | None = None
    grace: float = -1.0
    memory: tuple[str, int] | None = None
    pause: float = 0.0


class Injection:
    """The steps of this process under `out`, and the faults at them."""

    def __init__(self, faults: Faults, out: Path) -> None:
        self.faults, self.out = faults, os.path.realpath(out)
        self.steps: list[str] = []
        self.disk = Disk(random.Random(f"{faults.seed} {faults.kill_before} {faults.kill_after}"))
        self._lock = threading.Lock()

    def install(self) -> None:
        """Replace the calls for the rest of this process's life."""
        for name in ("link", "replace", "rename", "unlink", "mkdir"):
            setattr(os, name, self._named(name))
        os.fsync = self._fsync
        os.open = self._open
        Path.write_bytes = self._writer(Path.write_bytes)  # type: ignore[method-assign,assignment]
        for name in ("write_table", "close"):
            setattr(pq.ParquetWriter, name, self._parquet(name, getattr(pq.ParquetWriter, name)))
        if self.faults.no_locks:
            fcntl.flock = _no_locks
        if self.faults.file_bytes:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.faults.file_bytes, resource.RLIM_INFINITY))
        if self.faults.memory:
            exhaust(*self.faults.memory)
        if self.faults.grace >= 0:
            from data.running import stop

            stop.GRACE = self.faults.grace

    def step(self, name: str, path: str, act: Callable[[], Any], torn: Callable[[], object] = lambda: None) -> Any:
        """Count one step and do it, or what goes wrong at it."""
        faults = self.faults
        with self._lock:
            number = len(self.steps)
            self.steps.append(f"{name} {os.path.relpath(path, self.out)}")
        if faults.pause:
            time.sleep(faults.pause)
        if faults.signals and number == faults.signals[0]:
            for _ in range(faults.signals[2]):
                os.kill(os.getpid(), faults.signals[1])
        if faults.torn and number in (faults.kill_before, faults.fail_at):
            torn()
        if number == faults.kill_before:
            self._die()
        if number == faults.fail_at:
            raise OSError(faults.error, os.strerror(faults.error), path)
        try:
            return act()
        finally:  # also behind a call that failed
            if number == faults.kill_after:
                self._die()

    def _die(self) -> None:
        try:
            if self.faults.power:
                self.disk.lose()
        finally:  # an error must not reach the process: it would live on
            os.kill(os.getpid(), signal.SIGKILL)

    def _inside(self, path: Any) -> bool:
        return isinstance(path, (str, os.PathLike)) and os.path.realpath(path).startswith(self.out)

    def _named(self, name: str) -> Callable[..., Any]:
        """A call that gives, changes or takes a name."""

        def call(*values: Any, **options: Any) -> Any:
            target = values[-1] if name in ("link", "replace", "rename") else values[0]
            idle = os.path.exists(target) if name == "mkdir" else name == "unlink" and not os.path.lexists(target)
            if idle or not self._inside(target):
                return REAL[name](*values, **options)

            def act() -> Any:
                if name == "link" and self.faults.no_links and not os.path.lexists(target):
                    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), target)
                undo = undo_of(name, *map(str, values[:2]))
                value = REAL[name](*values, **options)
                self.disk.names.append((str(target), undo))
                return value

            return self.step(name, str(target), act)

        return call

    def _fsync(self, handle: int) -> None:
        """Count and flush nothing: a killed process loses nothing that it wrote; what power takes, `Disk` plays."""
        path = os.readlink(f"/proc/self/fd/{handle}")
        if path.startswith(self.out):
            self.step("fsync", path, lambda: self.disk.flushed(path))

    def _open(self, path: Any, flags: int, *values: Any, **options: Any) -> int:
        if flags & os.O_EXCL and self._inside(path):
            return int(self.step("reserve", str(path), lambda: REAL["open"](path, flags, *values, **options)))
        return int(REAL["open"](path, flags, *values, **options))

    def _writer(self, real: Callable[[Path, bytes], int]) -> Callable[[Path, bytes], int]:
        def call(path: Path, content: bytes) -> int:
            def write(part: bytes) -> int:
                self.disk.dirty.add(str(path))
                return real(path, part)

            half = content[: len(content) // 2]
            return int(self.step("write", str(path), lambda: write(content), torn=lambda: write(half)))

        return call

    def _parquet(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(writer: Any, *values: Any, **options: Any) -> Any:
            if not writer.is_open:
                return real(writer, *values, **options)
            self.disk.dirty.add(str(writer.where))
            return self.step(f"parquet {name}", str(writer.where), lambda: real(writer, *values, **options))

        return call


class Disk:
    """What a loss of power takes: content that was not flushed, names that were given since their folder was flushed.

    A file system may keep any part of that, so luck decides on each.
    """

    def __init__(self, luck: random.Random) -> None:
        self.luck = luck
        self.dirty: set[str] = set()  # under the name that the content was written to
        self.names: list[tuple[str, Callable[[], None]]] = []

    def flushed(self, path: str) -> None:
        self.dirty.discard(path)
        self.names = [(name, undo) for name, undo in self.names if os.path.dirname(os.path.realpath(name)) != path]

    def lose(self) -> None:
        for path in sorted(self.dirty):
            if os.path.isfile(path) and self.luck.random() < 0.7:
                size = os.path.getsize(path)
                os.truncate(path, 0)
                os.truncate(path, size if self.luck.random() < 0.5 else 0)  # zeros where no block arrived, or nothing
        for _, undo in reversed(self.names):
            if self.luck.random() < 0.5:
                with suppress(FileNotFoundError):  # its folder is gone, and the name with it
                    undo()


def undo_of(name: str, source: str, target: str = "") -> Callable[[], None]:
    """What the disk holds where a call that changes names never arrived."""
    if name == "link":
        return lambda: os.path.lexists(target) and REAL["unlink"](target)
    if name == "unlink" and os.path.isfile(source):
        content = Path(source).read_bytes()
        return lambda: restore(source, content)
    if name in ("rename", "replace"):
        before = Path(target).read_bytes() if os.path.isfile(target) else None

        def undo() -> None:
            if os.path.lexists(target):
                REAL["rename"](target, source)
                if before is not None:
                    restore(target, before)

        return undo
    return lambda: None


def restore(path: str, content: bytes) -> None:
    with open(path, "wb") as stream:  # noqa: PTH123  (Path.write_bytes counts as a step here)
        stream.write(content)


def exhaust(kind: str, number: int) -> None:
    """Let a forward of the teacher run out of memory, as a GPU, Python or torch's CPU allocator says it."""
    import torch
    from transformers import BertForSequenceClassification

    errors = {
        "torch": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        "python": MemoryError(),
        "cpu": RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
    }
    real, calls = BertForSequenceClassification.forward, iter(range(1 << 30))

    def forward(self: Any, *values: Any, **options: Any) -> Any:
        if number in (next(calls), -1):
            raise errors[kind]
        return real(self, *values, **options)

    forward.__wrapped__ = real  # type: ignore[attr-defined]  # `inspect.signature` sees the model's own arguments
    BertForSequenceClassification.forward = forward  # type: ignore[method-assign,assignment]


def _no_locks(*values: Any) -> None:
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
