"""File locks on a directory and on its shards, so that two processes do not compute the same shard.

They only avoid double work; results are right without them: a shard is committed only if it has no commit yet, so of
two writers one wins. The system releases a lock when its process ends, killed or not; no clock is read. On a file
system without locks every shard counts as free.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from data.errors import TRY_AGAIN, PotstillError
from data.layout import CLAIMS, LOCK

EVERYONE = f"present{LOCK}"


@contextmanager
def attending(directory: Path, tidy: Callable[[], object]) -> Iterator[None]:
    """Hold a shared lock on a directory during a block. The first process calls `tidy` before others may enter.

    The temporary files of a killed writer look like those of a running one, so they may be removed only while no other
    process holds the lock. On a file system without locks `tidy` is not called.
    """
    path = directory / CLAIMS / EVERYONE
    while True:
        handle = _open(path)
        try:
            if _lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, unknown=False) and _stands(handle, path):
                tidy()
            _lock(handle, fcntl.LOCK_SH, unknown=True)
            if _stands(handle, path):
                yield
                return
        finally:
            os.close(handle)


def if_alone(directory: Path, tidy: Callable[[bool], object]) -> None:
    """Call `tidy` unless another process holds the directory's lock; new processes wait for it. It may remove the lock.

    tidy(known): known is False on a file system without locks, where other processes may be at work unseen.
    """
    path = directory / CLAIMS / EVERYONE
    handle = _open(path)
    try:
        if _lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, unknown=True) and _stands(handle, path):
            tidy(_lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, unknown=False))
    finally:
        os.close(handle)


@contextmanager
def only_writer(directory: Path) -> Iterator[bool]:
    """Hold the exclusive lock of a directory during a block. Errors: another process holds it (TRY_AGAIN).

    Yields whether the lock is real: False on a file system without locks, where nobody is refused and the block must be
    correct beside other writers. Afterwards the lock's file is removed, and the directory too if it is empty.
    """
    path, new = directory / LOCK, not directory.exists()
    handle, known = _hold(path)
    try:
        yield known
    finally:
        path.unlink(missing_ok=True)  # before the lock goes: who opened it meanwhile looks whether it is still there
        os.close(handle)
        if new:
            with suppress(OSError):  # it holds something by now
                directory.rmdir()


def _hold(path: Path) -> tuple[int, bool]:
    """Lock the file at `path`, made if missing; TRY_AGAIN where another process holds it."""
    while True:
        handle = _open(path)
        known = _lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, unknown=False)
        if not known and not _lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, unknown=True):
            os.close(handle)
            raise PotstillError(
                f"{path.parent} is in use by another process", hint="run the same command again later", code=TRY_AGAIN
            )
        if _stands(handle, path):
            return handle, known
        os.close(handle)


class Claim:
    """The lock on one shard, held until `release`."""

    def __init__(self, handle: int) -> None:
        self._handle: int | None = handle

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def claim(directory: Path, shard: int) -> Claim | None:
    """Claim a shard; None where a running process holds it."""
    handle = _open(directory / CLAIMS / f"{shard:05d}{LOCK}")
    if _lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, unknown=True):
        return Claim(handle)
    os.close(handle)
    return None


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


def _stands(handle: int, path: Path) -> bool:
    """Tell whether a locked file is still the one at its path: the process that held it before may have removed it."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _lock(handle: int, how: int, *, unknown: bool) -> bool:
    """Take a lock; False where another process holds it, `unknown` where the file system has no locks."""
    try:
        fcntl.flock(handle, how)
    except BlockingIOError:
        return False
    except OSError:
        return unknown
    return True
