"""What a run remembers of its steps: `phases.json`. A step and its record → done, missing, unfinished or stale.

A step is finished and unchanged when its config, the hashes of its inputs and the hash of its output are those of
its record. What differs is named; nothing stale is used in silence.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data import store
from data.errors import PotstillError
from pipelines.apart import Measured
from pipelines.inputs import fingerprint

NAME = "phases.json"
HOW_ONLY = ("workers", "chunk_rows", "threads", "max_bytes")  # fields that change how something is made, not what

DONE, MISSING, UNFINISHED, STALE, WAITS = "done", "missing", "unfinished", "stale", "waits"


@dataclass(frozen=True)
class Step:
    """One thing a run makes.

    name       teach, augment, cache, train distilled, evaluate, bench
    out        directory or file it makes
    config     resolved, as plain values
    inputs     role -> path or name of what it reads
    work       function over paths, called as work(**arguments, progress=…) in a process of its own
    arguments  of `work`
    """

    name: str
    out: Path
    config: dict[str, Any]
    inputs: dict[str, str]
    work: Callable[..., Any]
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """What is to be done for a step, and why."""

    word: str
    why: tuple[str, ...] = ()


def read(run: Path) -> dict[str, dict[str, Any]]:
    """Read the records of a run: step name -> record."""
    return store.read_json(run / NAME) if (run / NAME).exists() else {}


def write(run: Path, step: Step, record: Mapping[str, Any]) -> None:
    """Keep the record of one step."""
    store.write_json(run / NAME, read(run) | {step.name: dict(record)})


def begun(step: Step, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Make the record of a step that starts, or goes on: time spent on it earlier is kept."""
    earlier = before.get("seconds", 0.0) if before and not before.get("finished") else 0.0
    inputs = {role: {"path": place, "hash": fingerprint(place)} for role, place in step.inputs.items()}
    return {"config": step.config, "inputs": inputs, "output": str(step.out), "finished": False, "seconds": earlier}


def state_of(step: Step, record: Mapping[str, Any] | None, unmade: frozenset[str] = frozenset()) -> State:
    """Compare a step with its record; `unmade` are outputs that earlier steps have yet to make."""
    there = step.out.exists()
    if waits := [place for place in step.inputs.values() if place in unmade]:
        return State(WAITS if there else MISSING, tuple(f"after {Path(place).name}" for place in waits))
    if record is None:
        return State(UNFINISHED if there else MISSING)
    if changes := differences(step, record):
        return State(STALE if there else MISSING, changes)
    if not there or not record["finished"]:
        return State(UNFINISHED if there else MISSING)
    if _hash(step.out) != record["hash"]:
        return State(STALE, (f"{step.out} is not what this run made",))
    return State(DONE)


def differences(step: Step, record: Mapping[str, Any]) -> tuple[str, ...]:
    """Name what a step was made from that is another now: config fields and inputs."""
    old, new = record["config"], step.config
    fields = [
        f"{step.name}: {key} was {old.get(key)!r}, is {new.get(key)!r}"
        for key in sorted(old.keys() | new.keys())
        if key not in HOW_ONLY and old.get(key) != new.get(key)
    ]
    inputs = []
    for role in sorted(record["inputs"].keys() | step.inputs.keys()):
        was, place = record["inputs"].get(role), step.inputs.get(role)
        if was is None or place is None:
            inputs.append(f"{step.name}: input {role} {'is new' if was is None else 'is gone'}")
        elif was["hash"] != fingerprint(place):
            inputs.append(f"{step.name}: {role} {place} has changed")
    return (*fields, *inputs)


def finished(step: Step, record: Mapping[str, Any], measured: Measured) -> dict[str, Any]:
    """Make the record of a step that ended well: what it took, and the hash of what it made.

    A phase that found its output finished took no time now: then the time its manifest notes is what it took.
    """
    report = getattr(measured.result, "report", {})
    seconds = max(record["seconds"] + measured.seconds, report.get("seconds", 0.0))
    costs = {"seconds": round(seconds, 2), "peak_megabytes": round(measured.peak_bytes / 1e6, 1)}
    if rows := getattr(measured.result, "rows", 0):
        costs["rows"] = rows
    if speeds := _speeds(report):
        costs["rows_per_second"] = round(sum(speeds) / len(speeds), 1)
    return dict(record) | {"finished": True, "hash": _hash(step.out)} | costs


def _speeds(report: Mapping[str, Any]) -> list[float]:
    """Find a phase's own rows per second, or those of each seed."""
    found = [report, *report.get("seeds", {}).values()]
    return [float(item["rows_per_second"]) for item in found if item.get("rows_per_second")]


def set_aside(out: Path) -> Path:
    """Rename a stale output to NAME.stale-N; nothing is ever deleted."""
    number = 1
    while (target := out.with_name(f"{out.name}.stale-{number}")).exists():
        number += 1
    out.rename(target)
    return target


def _hash(out: Path) -> str:
    try:
        return fingerprint(out)
    except PotstillError:
        return ""
