"""The walk counts this project's functions, from where it begins to where the work begins."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.watch.walk import ROOT, Walk, per_hundred_lines, table

CODE = {
    "data/ground.py": "def add(a, b):\n    return sum(map(twice, (a, b)))\n\n\ndef twice(n):\n    return 2 * n\n",
    "pipelines/hall.py": "def door(add):\n    class Own:\n        x = 1\n    return [add(n, n) for n in range(3)]\n",
    "other/theirs.py": "def pass_on(call, value):\n    return call(value)\n",
}


def made(root: Path) -> dict[str, Any]:
    space: dict[str, Any] = {}
    for name, code in CODE.items():
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(code)
        exec(compile(code, str(root / name), "exec"), space)  # noqa: S102
    return space


def test_a_walk_counts_named_functions_of_the_rooms_alone(tmp_path: Path) -> None:
    space, walk = made(tmp_path), Walk(tmp_path)
    walk.begin()
    space["pass_on"](space["door"], space["add"])
    counts = walk.end()
    assert counts == {"modules": 2, "functions": 3, "calls": 1 + 3 + 6, "hops": 1 + 3}


def test_the_density_counts_functions_and_lines(tmp_path: Path) -> None:
    made(tmp_path)
    found = per_hundred_lines(tmp_path)
    assert found["data"] == round(100 * 2 / 6, 2) and found["pipelines"] == 25.0 and found["all"] == 30.0


def test_the_kept_numbers_stand_beside_each_other() -> None:
    kept = json.loads((ROOT / "benchmarks" / "results" / "walk.json").read_text("utf-8"))
    assert {"cache", "train"} == set(kept["before"]["walks"])
    assert table(kept).splitlines()[0] == f"| | {' | '.join(kept)} |"


@pytest.mark.slow
def test_the_script_walks_through_this_checkout(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.watch.walk", "--label", "here", "--out", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True)
    walks = json.loads((tmp_path / "walk.json").read_text("utf-8"))["here"]["walks"]
    assert all(counts["functions"] > counts["modules"] > 10 for counts in walks.values())
