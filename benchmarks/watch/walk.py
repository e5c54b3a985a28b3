"""How far a reader walks: what `potstill cache` and `potstill train` pass through before they reach their work.

python -m benchmarks.watch.walk --label after [--root CHECKOUT]

Counts functions of this project alone: up to the first forward pass of the teacher, and up to the first step of the
optimizer. Beside them the functions of each room per 100 lines. The numbers go into results/walk.json under the label;
what other labels hold there stays. `--root`: another checkout, so that before and after stand beside each other.

    modules   in which a function was called      functions  different ones that were called
    calls     of all those functions; a generator counts each time that it goes on
    hops      calls from one module into another
"""

import argparse
import ast
import inspect
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("augment", "data", "pipelines", "student_train", "teacher_cache")
ROWS = 20
TEACH = ["-m", "scratch:2x64", "--set", "teach.max_steps=2", "--set", "teach.device=cpu"]
# float32 on the CPU: another arithmetic is tried out first, by forward passes that compute nobody's answers
CACHE = ["--set", "cache.device=cpu", "--set", "cache.dtype=float32"]
SIZES = {"hidden": 16, "dense": 16, "device": "cpu", "precision": "float32"}
TRAIN = [word for name, value in SIZES.items() for word in ("--set", f"train.{name}={value}")]


class Walk:
    """Notes every call of a function of the checkout at `root`, from `begin` to `end`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[CodeType, str] = {}
        self.calls: list[tuple[str, str, str]] = []  # (file, function, file of the caller)

    def begin(self) -> None:
        threading.setprofile(self.note)
        sys.setprofile(self.note)

    def end(self) -> dict[str, int]:
        sys.setprofile(None)
        return {
            "modules": len({file for file, _, _ in self.calls}),
            "functions": len({(file, name) for file, name, _ in self.calls}),
            "calls": len(self.calls),
            "hops": sum(file != caller for file, _, caller in self.calls),
        }

    def note(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and is_named_function(code) and (file := self.file_of(code)):
            self.calls.append((file, code.co_qualname, self.caller_of(frame)))

    def caller_of(self, frame: FrameType) -> str:
        """The file of the next function of ours up the stack; functions of libraries between them are passed over."""
        above = frame.f_back
        while above is not None and not self.file_of(above.f_code):
            above = above.f_back
        return self.file_of(above.f_code) if above else ""

    def file_of(self, code: CodeType) -> str:
        """The path within the checkout of the file that holds a function; empty where it is not one of the rooms'."""
        if code not in self.files:
            path = Path(code.co_filename)
            inside = path.relative_to(self.root) if path.is_relative_to(self.root) else Path()
            self.files[code] = inside.as_posix() if inside.parts[:1] and inside.parts[0] in ROOMS else ""
        return self.files[code]


def is_named_function(code: CodeType) -> bool:
    """Tell a function from the body of a module or a class, a lambda and a comprehension."""
    return bool(code.co_flags & inspect.CO_OPTIMIZED) and not code.co_name.startswith("<")


def trace(root: Path, command: list[str]) -> NoReturn:
    """Run one command in this process until it reaches its work, print the counts as JSON and end the process."""
    sys.dont_write_bytecode = True
    import torch
    from torch.nn.modules.module import register_module_forward_pre_hook
    from torch.optim.optimizer import register_optimizer_step_pre_hook
    from transformers import PreTrainedModel

    from pipelines.cli import run

    torch.set_num_threads(1)
    walk, said = Walk(root), sys.stdout

    def arrived(*_: Any) -> None:
        said.write(json.dumps(walk.end()) + "\n")
        said.flush()
        os._exit(0)  # whatever threads and writers there are: nothing of this run is needed

    if command[0] == "cache":
        register_module_forward_pre_hook(lambda module, _: arrived() if isinstance(module, PreTrainedModel) else None)
    else:
        register_optimizer_step_pre_hook(arrived)
    walk.begin()
    raise SystemExit(f"potstill {command[0]} ended with code {run(command)} before it reached its work")


def walks(root: Path) -> dict[str, dict[str, int]]:
    """Both walks, on a few reviews, with a teacher of two layers that is made for them."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        texts, teacher, examples, cache = (str(work / name) for name in ("texts.tsv", "model", "examples", "cache"))
        lines = (root / "data" / "demo" / "dev.tsv").read_text("utf-8").splitlines(keepends=True)
        Path(texts).write_text("".join(lines[: ROWS + 1]), "utf-8")
        ask = ["cache", examples, "-t", teacher, "-o", cache, *CACHE]
        started(root, ["-m", "pipelines.cli", "teach", texts, "--dev", texts, "-o", teacher, *TEACH])
        started(root, ["-m", "pipelines.cli", "augment", texts, "--n-iter", "1", "--workers", "1", "-o", examples])
        found = {"cache": traced(root, ask)}
        started(root, ["-m", "pipelines.cli", *ask])
        return found | {"train": traced(root, ["train", cache, "--dev", texts, "-o", str(work / "student"), *TRAIN])}


def traced(root: Path, command: list[str]) -> dict[str, int]:
    said = started(root, ["-P", __file__, "--root", str(root), "--trace", *command])
    return json.loads(said.splitlines()[-1])


def started(root: Path, arguments: list[str]) -> str:
    """Run Python in a process of its own, which imports the checkout's code and no other; return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(root), "HF_HUB_OFFLINE": "1"},
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with code {done.returncode}:\n{done.stderr}")
    return done.stdout


def per_hundred_lines(root: Path) -> dict[str, float]:
    """Functions and methods of each room, and of all together, per 100 lines of its files."""
    texts = {room: [path.read_text("utf-8") for path in sorted((root / room).rglob("*.py"))] for room in ROOMS}
    texts["all"] = [text for found in texts.values() for text in found]
    return {
        room: round(100 * total(functions_of, found) / max(1, total(lines_of, found)), 2)
        for room, found in texts.items()
    }


def total(count: Callable[[str], int], texts: list[str]) -> int:
    return sum(count(text) for text in texts)


def functions_of(text: str) -> int:
    return sum(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(ast.parse(text)))


def lines_of(text: str) -> int:
    return len(text.splitlines())


def table(found: dict[str, Any]) -> str:
    """The counts of all labels as Markdown, beside each other."""
    walked = {label: record["walks"] for label, record in found.items()}
    keys = [(walk, count) for walk, counts in next(iter(walked.values())).items() for count in counts]
    rows = [(f"{walk}: {count}", [f"{walks[walk][count]:,}" for walks in walked.values()]) for walk, count in keys]
    density = {label: record["functions per 100 lines"] for label, record in found.items()}
    rows += [
        (f"functions per 100 lines, {room}", [str(values[room]) for values in density.values()])
        for room in (*ROOMS, "all")
    ]
    head = [f"| | {' | '.join(found)} |", "|---" * (len(found) + 1) + "|"]
    return "\n".join([*head, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows)])


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--root", type=Path, default=ROOT, help="the checkout to walk through")
    made.add_argument("--label", default="now", help="under which the numbers are kept")
    made.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results", help="where walk.json goes")
    made.add_argument("--trace", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    values = made.parse_args()
    root = values.root.resolve()
    if values.trace:
        trace(root, values.trace)
    from benchmarks.watch import machine
    from data import store

    path = values.out / "walk.json"
    found = store.read_json(path) if path.is_file() else {}
    found[values.label] = {
        "commit": machine.commit(root),
        "walks": walks(root),
        "functions per 100 lines": per_hundred_lines(root),
    }
    store.write_json(path, found)
    print(table(found))


if __name__ == "__main__":
    main()
