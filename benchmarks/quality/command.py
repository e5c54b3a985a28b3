"""What the commands of benchmarks of accuracy share: options, settings of their students, how a result is kept."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.race.arm import ROOT
from data import store
from data.config import apply_settings
from data.progress import Progress
from pipelines.screen.loglines import LogLines

SOFT = {"kl": {"weight": 1.0, "temperature": 2.0}}  # the losses of students that are only distilled
Result = dict[str, Any]


def options(name: str, doc: str | None) -> argparse.ArgumentParser:
    """A parser with the options that every command has. name: of the result; doc: of the command's module."""
    made = argparse.ArgumentParser(description=(doc or "").split("\n")[0])
    made.add_argument("--seeds", default="0,1,2", help="a student is trained for each")
    made.add_argument("--settings", action="append", default=[], help="KEY=VALUE of every student; repeatable")
    made.add_argument("--work", type=Path, default=ROOT / "runs" / name, help="where the students are kept")
    made.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results", help=f"where {name}.json goes")
    return made


def add_files(made: argparse.ArgumentParser) -> None:
    """The files that students are chosen by and measured on."""
    made.add_argument("--dev", type=Path, required=True, help="labelled file to choose the best step on")
    made.add_argument("--test", type=Path, required=True, help="labelled file to measure on")


def settings_of(values: argparse.Namespace, own: dict[str, Any]) -> dict[str, Any]:
    """Settings of a student, with the seeds and what was typed laid over them."""
    return apply_settings(own | {"seeds": [int(seed) for seed in values.seeds.split(",")]}, values.settings)


def keep(
    name: str,
    values: argparse.Namespace,
    measure: Callable[[argparse.Namespace, Progress], Result],
    show: Callable[[Result], str],
) -> None:
    """Measure, write the result's JSON and print its table."""
    result = measure(values, LogLines(lambda line: print(line, file=sys.stderr)))
    store.write_json(values.out / f"{name}.json", result)
    print(show(result))
