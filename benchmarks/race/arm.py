"""One arm of a benchmark in a process of its own, started once and asked once a round.

The process answers one JSON line for each line it is asked, so that arms can take turns on a machine whose speed
changes from minute to minute, without paying their imports each time. What the first answer took, from the start of
the process on, is the cold time.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.errors import PotstillError

ROOT = Path(__file__).resolve().parents[2]
RIVALS_PYTHON = ROOT / ".cache" / "rivals" / "bin" / "python"


@dataclass(frozen=True)
class Arm:
    """What to start.

    name      as the table calls it
    place     "module:function"; called with `settings`, it returns a function without arguments that does one round
              and returns numbers (at least `rows`; `seconds` where it measures itself)
    rival     run in the rivals' environment
    about     one line for the reader
    """

    name: str
    place: str
    settings: dict[str, Any] = field(default_factory=dict)
    rival: bool = False
    about: str = ""


class Running:
    """A started arm. `error` is why it is out of the race, once it is."""

    def __init__(self, arm: Arm, *, threads: int) -> None:
        self.arm, self.error, self.started = arm, "", time.perf_counter()
        python = RIVALS_PYTHON if arm.rival else Path(sys.executable)
        if not python.exists():
            self.error = "no rivals' environment: make bench-setup"
            return
        reading, writing = os.pipe()  # what the libraries print must not mix with the answers
        self.process = subprocess.Popen(
            [str(python), "-m", "benchmarks.race.serve", arm.place, str(writing)],
            cwd=ROOT,
            env=environment(threads),
            stdin=subprocess.PIPE,
            pass_fds=(writing,),
            text=True,
        )
        os.close(writing)
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(arm.settings) + "\n")  # thousands of texts are too long for an argument
        self.process.stdin.flush()
        self.answers = os.fdopen(reading, encoding="utf-8")

    def ask(self) -> dict[str, Any] | None:
        """Let the arm do one round; None where it failed (see `error`)."""
        if self.error:
            return None
        assert self.process.stdin is not None
        try:
            self.process.stdin.write("go\n")
            self.process.stdin.flush()
            line = self.answers.readline()
        except BrokenPipeError:
            line = ""
        answer = json.loads(line) if line else {"error": f"its process ended ({self.process.wait()})"}
        self.error = answer.get("error", "")
        return None if self.error else answer

    def close(self) -> None:
        if hasattr(self, "process"):
            assert self.process.stdin is not None
            self.process.stdin.close()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
            self.answers.close()


def environment(threads: int) -> dict[str, str]:
    """The same threads for every arm, and no network."""
    if threads < 1:
        raise PotstillError(f"threads {threads} is less than 1")
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
    return {
        **os.environ,
        **dict.fromkeys(names, str(threads)),
        "TOKENIZERS_PARALLELISM": "true" if threads > 1 else "false",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_DATASETS_CACHE": str(ROOT / ".cache" / "bench" / "datasets"),
        "TRANSFORMERS_VERBOSITY": "error",
        "TQDM_DISABLE": "1",
    }
