"""The other end of `arm.py`: load an arm, then do one round for each line on the standard input."""

import importlib
import json
import os
import sys
import time
import traceback
from typing import Any, TextIO


def serve(place: str, settings: dict[str, Any], out: TextIO) -> None:
    """Answer until the input ends; a failure is an answer too, and the last one."""
    run = None
    for _ in sys.stdin:
        try:
            run = run or load(place)(**settings)
            start = time.perf_counter()
            numbers = run()
            answer = {"seconds": time.perf_counter() - start, **numbers}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {str(error).strip()[:300]}"}
        out.write(json.dumps(answer) + "\n")
        out.flush()
        if "error" in answer:
            return


def load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[2]), "w", encoding="utf-8") as stream:
        serve(sys.argv[1], json.loads(sys.argv[3]), stream)
