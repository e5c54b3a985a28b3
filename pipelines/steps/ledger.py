"""The record of a run's steps: `phases.json`. A step and its record → done, missing, unfinished or stale.

A step is finished and unchanged when its config, the hashes of its inputs and the hash of its output equal those of
its record. Every difference is named, so nothing stale is used in silence.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data import store
from data.errors import BAD_DATA, PotstillError
from data.layout import ASIDE, PHASES
from data.readers.identity import fingerprint, of_source
from data.readers.source import Source
from pipelines.steps.apart import Measured

DONE, MISSING, UNFINISHED, STALE, WAITS = "done", "missing", "unfinished", "stale", "waits"


@dataclass(frozen=True)
class Step:
    """One thing a run makes.

    name       teach, augment, cache, train distilled, evaluate, bench
    out        directory or file it makes
    config     resolved, as plain values
    inputs     role -> what it reads: a file with how it is read, or the path or name of a directory
    work       function over paths, called as work(**arguments, progress=…) in a process of its own
    arguments  of `work`
    how_only   fields of the config that change how it is made, not what: `HOW_ONLY` beside the config
    left_open  field -> the value in whose place the phase chooses one: `LEFT_OPEN` beside the config
    """

    name: str
    out: Path
    config: dict[str, Any]
    inputs: dict[str, Source | str]
    work: Callable[..., Any]
    arguments: dict[str, Any] = field(default_factory=dict)
    how_only: frozenset[str] = frozenset()
    left_open: Mapping[str, Any] = field(default_factory=dict)

    @property
    def places(self) -> dict[str, str]:
        """Role -> where it lies."""
        return {role: str(what.path if isinstance(what, Source) else what) for role, what in self.inputs.items()}

    def hash_of(self, role: str) -> str:
        what = self.inputs[role]
        return of_source(what) if isinstance(what, Source) else fingerprint(what)


@dataclass(frozen=True)
class State:
    """What is to be done for a step, and why."""

    word: str
    why: tuple[str, ...] = ()


def read(run: Path) -> dict[str, dict[str, Any]]:
    """Read the records of a run: step name -> record. Errors: BAD_DATA for a torn file."""
    hint = f"move it away: potstill run finds what is finished in {run} by itself"
    records = store.read_json(run / PHASES, hint=hint) if (run / PHASES).exists() else {}
    if not isinstance(records, dict) or not all(map(_is_record, records.values())):
        raise PotstillError(f"{run / PHASES} holds no records of a run", hint=hint, code=BAD_DATA)
    return records


def _is_record(record: Any) -> bool:
    """Whether a record has the form that `begun` and `finished` give it."""
    if not isinstance(record, dict) or type(record.get("finished")) is not bool:
        return False
    inputs, config = record.get("inputs"), record.get("config")
    hashed = isinstance(inputs, dict) and all(isinstance(item, dict) and "hash" in item for item in inputs.values())
    timed = isinstance(record.get("seconds"), int | float)
    return hashed and timed and isinstance(config, dict) and ("hash" in record or not record["finished"])


def write(run: Path, step: Step, record: Mapping[str, Any]) -> None:
    """Keep the record of one step."""
    store.write_json(run / PHASES, read(run) | {step.name: dict(record)})


def begun(step: Step, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Make the record of a step that starts, or goes on: time spent on it earlier is kept."""
    earlier = before.get("seconds", 0.0) if before and not before.get("finished") else 0.0
    inputs = {
        role: {"path": place, "hash": step.hash_of(role), "content": fingerprint(place)}
        for role, place in step.places.items()
    }
    return {"config": step.config, "inputs": inputs, "output": str(step.out), "finished": False, "seconds": earlier}


def state_of(step: Step, record: Mapping[str, Any] | None, unmade: frozenset[str] = frozenset()) -> State:
    """Compare a step with its record; `unmade` are outputs that earlier steps have yet to make."""
    there = step.out.exists()
    if waits := [place for place in step.places.values() if place in unmade]:
        return State(WAITS if there else MISSING, tuple(f"after {Path(place).name}" for place in waits))
    if record is None:
        return State(UNFINISHED if there else MISSING)
    if changes := differences(step, record):
        return State(STALE if there else MISSING, changes)
    if not there or not record["finished"]:
        return State(UNFINISHED if there else MISSING)
    if choices := _changed(step, record, open_ones=True):
        return State(UNFINISHED, choices)  # the phase knows what it chose: it finds its output finished, or stale
    if _hash(step.out) != record["hash"]:
        return State(STALE, (f"{step.out} is not what this run made",))
    return State(DONE)


def differences(step: Step, record: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the config fields and inputs that are others now than when the step's output was made."""
    inputs = []
    for role in sorted(record["inputs"].keys() | step.inputs.keys()):
        was, place = record["inputs"].get(role), step.places.get(role)
        if was is None or place is None:
            inputs.append(f"{step.name}: input {role} {'is new' if was is None else 'is gone'}")
        elif was["hash"] != step.hash_of(role):
            inputs.append(f"{step.name}: {role} {place} has changed")
    return (*_changed(step, record, open_ones=False), *inputs)


def _changed(step: Step, record: Mapping[str, Any], *, open_ones: bool) -> tuple[str, ...]:
    """Name the config fields that differ: those that one side leaves open (`open_ones`), or those that both name.

    A value that the phase took in the place of what was asked for counts as left open.
    """
    old, new, taken = record["config"], step.config, record.get("taken", {})
    return tuple(
        f"{step.name}: {key} was {old.get(key)!r}, is {new.get(key)!r}"
        for key in sorted((old.keys() | new.keys()) - step.how_only)
        if old.get(key) != new.get(key)
        and open_ones
        == (key in step.left_open and (step.left_open[key] in (old.get(key), new.get(key)) or key in taken))
    )


def finished(step: Step, record: Mapping[str, Any], measured: Measured) -> dict[str, Any]:
    """Make the record of a step that ended well: what it took, and the hash of what it made.

    A phase that found its output finished took no time now: then the time its manifest notes is what it took.
    """
    report = getattr(measured.result, "report", {})
    seconds = max(record["seconds"] + measured.seconds, report.get("seconds", 0.0))
    costs: dict[str, Any] = {"seconds": round(seconds, 2), "peak_megabytes": round(measured.peak_bytes / 1e6, 1)}
    if rows := getattr(measured.result, "rows", 0):
        costs["rows"] = rows
    if speeds := _speeds(report):
        costs["rows_per_second"] = round(sum(speeds) / len(speeds), 1)
    if taken := _taken(step, getattr(measured.result, "config", {})):
        costs["taken"] = taken
    return dict(record) | {"finished": True, "hash": _hash(step.out)} | costs


def _taken(step: Step, made: Mapping[str, Any]) -> dict[str, Any]:
    """What the phase took in the place of a value that was asked for: the machine or the model could do no other.

    made: the config that the phase has sealed its output with
    """
    asked = {key: step.config.get(key) for key, auto in step.left_open.items() if step.config.get(key) != auto}
    return {key: made[key] for key, value in asked.items() if key in made and made[key] != value}


def _speeds(report: Mapping[str, Any]) -> list[float]:
    """Find a phase's own rows per second, or those of each seed."""
    found = [report, *report.get("seeds", {}).values()]
    return [float(item["rows_per_second"]) for item in found if item.get("rows_per_second")]


def set_aside(out: Path) -> Path:
    """Rename a stale output to NAME.stale-N; nothing is ever deleted."""
    number = 1
    while (target := out.with_name(f"{out.name}{ASIDE}{number}")).exists():
        number += 1
    out.rename(target)
    return target


def _hash(out: Path) -> str:
    try:
        return fingerprint(out)
    except PotstillError:
        return ""
