"""Arms for the tests: no model, a few milliseconds."""

import sys
import time
from collections.abc import Callable
from typing import Any


def sleeping(*, seconds: float, rows: int) -> Callable[[], dict[str, Any]]:
    def run() -> dict[str, Any]:
        sys.stdout.write("a library that prints on the standard output\n")
        time.sleep(seconds)
        return {"rows": rows}

    return run


def breaking() -> Callable[[], dict[str, Any]]:
    raise ImportError("no module named rival")
