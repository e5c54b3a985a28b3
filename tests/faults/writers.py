"""Processes that write a cache, one fork each of a server that has imported torch and run nothing: 0.3 s a try.

`python -m tests.faults.writers` is the server: one JSON line in, one out. A fork is safe there because the server has
no threads of its own and computes nothing before it forks. `Server` is its client.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.injection import REAL, Faults, Injection
from tests.faults.makers import School, make

ROOT = Path(__file__).parents[2]
THREADS = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}


@dataclass(frozen=True)
class World:
    """What is cached; and of an undisturbed run its directory, its root and its steps."""

    examples: Path
    teacher: Path
    root: str = ""
    undisturbed: Path = Path()
    steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class End:
    """How a writer ended. code: exit code, or minus the signal that killed it.

    rows: what the teacher computed; trained: steps of training; steps: what it did to the disk
    """

    code: int
    root: str = ""
    message: str = ""
    rows: int = 0
    trained: int = 0
    steps: tuple[str, ...] = ()
    seconds: float = 0.0
    report: dict[str, Any] | None = None


class Server:
    """Starts writers and waits for them. The process ids are real: send them any signal."""

    def __init__(self, folder: Path) -> None:
        self._results = folder
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.writers"],
            cwd=ROOT,
            env=os.environ | THREADS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._ask({"do": "hello"}) == "ready"

    def run(self, world: World, out: Path, action: str = "build", **faults: Any) -> End:
        return self.wait(self.start(world, out, action, **faults))

    def start(self, world: World, out: Path, action: str = "build", *, workers: int = 0, **faults: Any) -> int:
        """Start a writer; faults are fields of `Faults`. Returns its process id."""
        task = {"action": action, "out": str(out), "results": str(self._results), "workers": workers}
        task |= {"examples": str(world.examples), "teacher": str(world.teacher), "faults": faults}
        return int(self._ask({"do": "start", "task": task}))

    def make(self, school: School, out: Path, action: str, **faults: Any) -> End:
        return self.wait(self.start_making(school, out, action, **faults))

    def start_making(self, school: School, out: Path, action: str, *, often: bool = False, **faults: Any) -> int:
        """Start who makes a teacher, students or a run. often: the training state is kept at every step."""
        task = {"action": action, "out": str(out), "results": str(self._results), "often": often}
        return int(self._ask({"do": "start", "task": task | {"school": str(school.folder), "faults": faults}}))

    def wait(self, process: int) -> End:
        status = int(self._ask({"do": "wait", "process": process}))
        code = os.waitstatus_to_exitcode(status)
        result = self._results / f"{process}.json"
        told = json.loads(result.read_text()) if result.exists() else {}
        result.unlink(missing_ok=True)
        return End(**told | {"code": code, "steps": tuple(told.get("steps", ()))})

    def close(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(30)

    def _ask(self, question: dict[str, Any]) -> Any:
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.write(json.dumps(question) + "\n")
        self._server.stdin.flush()
        return json.loads(self._server.stdout.readline())


def serve() -> None:
    """Fork a writer for every task; wait for them on request."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # nothing that a writer prints comes between the answers
    warm_up()
    for line in sys.stdin:
        question = json.loads(line)
        answer: Any = "ready"
        if question["do"] == "start":
            answer = os.fork()
            if not answer:
                answers.close()
                write(question["task"])
        elif question["do"] == "wait":
            answer = os.waitpid(question["process"], 0)[1]
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def warm_up() -> None:
    """Import what a writer needs, and nothing that starts a thread."""
    import torch
    import transformers.models.auto
    import transformers.models.bert.modeling_bert  # noqa: F401
    from transformers.conversion_mapping import get_checkpoint_conversion_mapping

    from augment import expand  # noqa: F401
    from pipelines import run  # noqa: F401
    from student_train import teach, train  # noqa: F401
    from teacher_cache import build  # noqa: F401
    from teacher_cache.launch import run as work  # noqa: F401
    from teacher_cache.repair import repair  # noqa: F401

    get_checkpoint_conversion_mapping("bert")  # compiles a thousand regular expressions, once
    torch.set_num_threads(1)


def write(task: dict[str, Any]) -> None:
    """Be one writer: put the faults in, build or repair, say how it ended, and exit with its code."""
    import time

    from data.progress import Silent

    class Counting(Silent):
        rows = trained = 0
        training = False

        def start(self, name: str, *, total: int | None, unit: str) -> None:
            self.training = name.startswith("train ")

        def advance(self, amount: int, info: str = "") -> None:
            self.rows += amount
            self.trained += amount * self.training

    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    out, heard, start = Path(task["out"]), Counting(), time.monotonic()
    injection = Injection(Faults(**task["faults"]), out)
    end: dict[str, Any] = {}
    code = 70
    try:
        injection.install()
        manifest = act(task, out, heard)
        code = 0
        end = {"root": manifest.root, "report": manifest.report} if manifest else {}
    except BaseException as error:
        from pipelines.screen.exits import ending_of

        code = ending_of(error).code
        end = {"message": "".join(traceback.format_exception(error)) if code == 70 else str(error)}
    end |= {
        "code": code,
        "rows": heard.rows,
        "trained": heard.trained,
        "steps": injection.steps,
        "seconds": time.monotonic() - start,
    }
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    result = Path(task["results"]) / f"{os.getpid()}.json"
    result.with_suffix(".part").write_text(json.dumps(end))
    REAL["replace"](result.with_suffix(".part"), result)  # whole, or not there: it may be killed here, too
    os._exit(code)


def augment(out: Path, heard: Any, share: int) -> Any:
    """Multiply eight texts in two chunks, in this process alone. share: where one of two processes begins."""
    from augment.config import AugmentConfig
    from augment.expand import expand
    from data.example import Example, example_id
    from data.running.share import ALL, Share
    from data.tasks.task import Task

    words = ("fine", "dull", "long", "short", "loud", "bright", "slow", "odd")
    texts = [f"a {word} film with a plot of {word} jokes" for word in words]
    rows = [
        Example(example_id("classify", text, None), text, label=n % 2, split="train") for n, text in enumerate(texts)
    ]
    config = AugmentConfig(n_iter=3, tagger="none", workers=1, chunk_rows=4, seed=7)
    task, place = Task("classify", ("bad", "good")), Share(share, 2) if share else ALL
    return expand(config, task, rows, rows[:1], out, made_from={"train": "1"}, share=place, progress=heard)


def act(task: dict[str, Any], out: Path, heard: Any) -> Any:
    if task["action"] == "augment":
        return augment(out, heard, task["workers"])
    if "school" in task:
        return make(task, out, heard)
    from teacher_cache import estimate
    from teacher_cache.build import build
    from teacher_cache.config import CacheConfig, Launch
    from teacher_cache.repair.repair import repair

    estimate.speed = lambda *values, **options: 1e9  # type: ignore[assignment]  # its measurement takes 0.3 s
    if task["action"] == "repair":
        return repair(out, progress=heard)[1]
    config = CacheConfig(signals=("logits", "cls.1"), dtype="float32", device="cpu", threads=1)
    launch = Launch(workers=task["workers"])
    return build(config, Path(task["examples"]), task["teacher"], out, launch=launch, progress=heard)


if __name__ == "__main__":
    serve()
