"""A run directory → what there is of it, as values. Whatever is missing is None or empty; what is broken is named."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from data import store
from data.errors import NO_INPUT, PotstillError
from data.manifest import NAME, Manifest
from data.tasks.task import Task
from pipelines import ledger, results
from pipelines.inputs import sealed

CURVE = "metrics.jsonl"
ARM = "student-"

Line = dict[str, Any]
Found = TypeVar("Found")


@dataclass(frozen=True)
class Arm:
    """A student of the run: `manifest` over all seeds (None: unfinished), the finished seeds, all learning curves."""

    name: str
    path: Path
    manifest: Manifest | None
    seeds: dict[str, Manifest]
    curves: dict[str, list[Line]]

    def place(self, seed: str) -> Path:
        """The directory of a seed: the student itself where there is but one."""
        return self.path if seed == self.path.name else self.path / seed

    @property
    def config(self) -> dict[str, Any]:
        return next((seed.config for seed in self.seeds.values()), {})


@dataclass(frozen=True)
class Run:
    """What stands in a run directory.

    encoder    the teacher fine-tuned here (or the one the cache was made with), with its learning curve
    phases     phases.json: step -> record
    results    results.json: {"metric", "rows", "evaluated"}, empty before the models were measured
    problems   what is there and cannot be read, one sentence each
    """

    path: Path
    examples: Manifest | None
    cache: Manifest | None
    encoder: Manifest | None
    encoder_path: Path
    encoder_curve: list[Line]
    arms: tuple[Arm, ...]
    phases: dict[str, dict[str, Any]]
    results: dict[str, Any]
    problems: tuple[str, ...]

    @property
    def task(self) -> Task:
        held = [self.examples, self.cache, self.encoder, *(seed for arm in self.arms for seed in arm.seeds.values())]
        return next(manifest.task for manifest in held if manifest is not None)

    @property
    def metric(self) -> str:
        return str(self.results.get("metric") or self.task.rules.main_metric)

    @property
    def split(self) -> str:
        """The split that models are compared on: test where it was measured, else dev."""
        return "test" if any("test" in row for row in self.results.get("rows", [])) else "dev"

    def tone(self, name: str) -> int:
        """The number of a model's colour: 0 is the teacher, students follow in order."""
        return next((number for number, arm in enumerate(self.arms, 1) if arm.name == name), 0)


def gather(run: Path) -> Run:
    """Read a run directory. Errors: nothing finished in it (NO_INPUT)."""
    problems: list[str] = []
    phases = _tolerant(lambda: ledger.read(run), {}, problems)
    measured = run / results.NAME
    table = _tolerant(lambda: store.read_json(measured), {}, problems) if measured.exists() else {}
    cache = _open(run / "teacher", "teacher", problems)
    encoder_path = _encoder_of(run, cache)
    found = Run(
        path=run,
        examples=_open(run / "examples", "examples", problems),
        cache=cache,
        encoder=_open(encoder_path, "encoder", problems) if (encoder_path / NAME).exists() else None,
        encoder_path=encoder_path,
        encoder_curve=_curve(encoder_path, problems),
        arms=_arms(run, problems),
        phases=phases,
        results=table,
        problems=tuple(problems),
    )
    if not (found.examples or found.cache or found.encoder or any(arm.seeds for arm in found.arms)):
        more = f" ({'; '.join(problems)})" if problems else ""
        raise PotstillError(
            f"{run} holds nothing finished to report on{more}",
            hint="name the directory of a run, with examples, teacher and student folders: potstill report runs/x",
            code=NO_INPUT,
        )
    return found


def _encoder_of(run: Path, cache: Manifest | None) -> Path:
    """The encoder of this run, or where the cache says its teacher is."""
    own = run / "encoder"
    if own.is_dir() or cache is None:
        return own
    return run / "teacher" / str(cache.config.get("teacher", ""))


def _arms(run: Path, problems: list[str]) -> tuple[Arm, ...]:
    """Students in the order of the recipe, then by name; what a run moved aside is no part of it."""
    places = {
        path.name.removeprefix(ARM): path
        for path in sorted(run.glob("student*"))
        if path.is_dir() and (path.name == "student" or path.name.startswith(ARM)) and ".stale-" not in path.name
    }
    ordered = [name for name in _named(run, problems) if name in places]
    return tuple(_arm(name, places[name], problems) for name in dict.fromkeys([*ordered, *places]))


def _named(run: Path, problems: list[str]) -> list[str]:
    recipe = run / "recipe.toml"
    if not recipe.is_file():
        return []
    try:
        return list(tomllib.loads(recipe.read_text("utf-8")).get("arms", {}))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{recipe} cannot be read: {error}")
        return []


def _arm(name: str, path: Path, problems: list[str]) -> Arm:
    manifest = _open(path, "student", problems)
    if manifest is not None and manifest.kind == "student":
        places = {path.name: path}
    else:
        places = {seed.name: seed for seed in sorted(path.glob("seed-*"), key=_number)}
    seeds = {key: _open(place, "student", problems) for key, place in places.items() if (place / NAME).exists()}
    curves = {key: _curve(place, problems) for key, place in (places or {path.name: path}).items()}
    return Arm(
        name,
        path,
        manifest,
        {key: seed for key, seed in seeds.items() if seed is not None},
        {key: curve for key, curve in curves.items() if curve},
    )


def _number(seed: Path) -> tuple[int, str]:
    digits = seed.name.removeprefix("seed-")
    return (int(digits) if digits.isdigit() else 0, seed.name)


def _open(directory: Path, kind: str, problems: list[str]) -> Manifest | None:
    """The manifest of a finished directory of a kind; an unfinished one, or one of another kind, is named."""
    if not directory.is_dir():
        return None
    if not (directory / NAME).exists():
        problems.append(f"{directory.name} is unfinished")
        return None
    manifest = _tolerant(lambda: sealed(directory), None, problems)
    if manifest is not None and manifest.kind.removesuffix("s") != kind.removesuffix("s"):  # student, students
        problems.append(f"{directory.name} holds {manifest.kind}, not {kind}")
        return None
    return manifest


def _curve(directory: Path, problems: list[str]) -> list[Line]:
    path = directory / CURVE
    if not path.is_file():
        return []
    try:
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        problems.append(f"{path} cannot be read: {error}")
        return []


def _tolerant(read: Callable[[], Found], otherwise: Any, problems: list[str]) -> Found:
    """Read something; where it is broken, keep the reason and go on without it."""
    try:
        return read()
    except PotstillError as error:
        problems.append(error.message)
        return otherwise
