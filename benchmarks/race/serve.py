"""The other end of `arm.py`: read an arm's settings, load it, then do one round for each line of the standard input."""

import importlib
import json
import os
import resource
import sys
import time
import traceback
from typing import Any, TextIO

CHILDREN = resource.RUSAGE_CHILDREN


def serve(place: str, settings: dict[str, Any], out: TextIO) -> None:
    """Answer until the input ends; a failure is an answer too, and the last one."""
    run = None
    for _ in sys.stdin:
        try:
            run = run or load(place)(**settings)
            start, worked = time.perf_counter(), cpu_seconds()
            numbers = run()
            about = {"seconds": time.perf_counter() - start, "cpu_seconds": cpu_seconds() - worked}
            answer = {**about, **numbers}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {str(error).strip()[:300]}"}
        out.write(json.dumps(answer) + "\n")
        out.flush()
        if "error" in answer:
            return


def cpu_seconds() -> float:
    """CPU time of this process, all its threads, and the children that have ended."""
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, (resource.RUSAGE_SELF, CHILDREN)))


def load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[2]), "w", encoding="utf-8") as stream:
        serve(sys.argv[1], json.loads(sys.stdin.readline()), stream)
