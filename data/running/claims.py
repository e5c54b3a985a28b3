"""Who works in a directory, and on which shard of it, by the system's file locks. They save work and decide nothing.

Correct without them: the commit of a shard is put only where none is, so of two writers one wins. A lock goes when its
process ends, however that ends; no clock is read. On a file system without locks everything counts as free.
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
    """Be present in a directory for the length of a block. Who comes alone calls `tidy` first; others wait for that.

    What an interrupted writer left looks like what a running one writes, so only who is alone may remove it. Where
    there are no locks nobody can know that, and `tidy` is not called.
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
    """Call `tidy` unless others are present in a directory; who comes meanwhile waits for it. It may remove the lock.

    tidy(known): with False where there are no locks, so that nobody can know whether others are there.
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
    """Be the only one to write in a directory for the length of a block; another process that is there is refused (75).

    Yields whether that is known: on a file system without locks nobody is refused, and who writes must be correct
    beside others. The file of the lock is gone afterwards, so that a finished directory holds what it was made for;
    and so is a directory that was made for it alone.
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
    """Lock a file that stands at `path` once the lock is held; TRY_AGAIN where another process holds it."""
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
    """Whether a lock's file is still the one at its path: who held it before may have removed it meanwhile."""
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
