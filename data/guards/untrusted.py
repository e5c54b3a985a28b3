"""Untrusted files: open only regular ones, read JSON of bounded size, turn any failure of a library into one error."""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data.errors import BAD_DATA, PotstillError

MAX_JSON = 16 << 20


def open_regular(path: Path) -> int:
    """Open a file for reading and return its descriptor; a pipe, a socket or a device is refused without waiting."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise PotstillError(f"{path} cannot be opened: {error.strerror}", code=BAD_DATA) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise PotstillError(f"{path} is not a file (a pipe, a device or a directory)", code=BAD_DATA)
    return handle


def read_json(path: Path, *, max_bytes: int = MAX_JSON) -> dict[str, Any]:
    """Read a JSON object of bounded size and depth."""
    with os.fdopen(open_regular(path), "rb") as stream:
        content = stream.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise PotstillError(f"{path} has more than {max_bytes:,} bytes", code=BAD_DATA)
    try:
        values = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError, MemoryError) as error:
        raise PotstillError(f"{path} is not readable JSON: {error}", code=BAD_DATA) from None
    if not isinstance(values, dict):
        raise PotstillError(f"{path} holds no JSON object but {str(values)[:40]!r}", code=BAD_DATA)
    return values


@contextmanager
def refusing(what: str, *, hint: str = "") -> Iterator[None]:
    """Turn any error of a library within the block into BAD_DATA: `what` and the first line of the error.

    A panic of a Rust library is no `Exception` in Python, and is caught here too.
    """
    try:
        yield
    except PotstillError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        first = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise PotstillError(f"{what}: {first}", hint=hint, code=BAD_DATA) from None
