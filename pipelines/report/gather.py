"""A run directory → its contents as values. What is missing is None or empty; unreadable files are in `problems`."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from data import store
from data.errors import BAD_DATA, NO_INPUT, PotstillError
from data.layout import ASIDE, MANIFEST, METRICS, RECIPE, RESULTS, SEED
from data.manifest import Manifest
from data.tasks.task import Task
from pipelines.inputs.places import sealed
from pipelines.report.sealed import Sealed, find_sealed
from pipelines.scores import measured, rivals
from pipelines.scores.advice import Advice, advice_of, measured_of
from pipelines.scores.outcome import Evaluated, Outcome, Row
from pipelines.steps import ledger, results

FORM = {"metric": str, "rows": list, "evaluated": dict}  # of results.json

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

    @property
    def roots(self) -> dict[str, str]:
        """Seed -> the root of its student."""
        return {name: seed.root for name, seed in self.seeds.items()}

    @property
    def labels_only(self) -> bool:
        """Whether its losses ask nothing of the teacher, in any stage: what a distilled student is compared with."""
        from student_train.losses.table import required_signals

        tables = [self.config, *self.config.get("stages", ())]
        losses: Line = {name: {} for table in tables for name in table.get("losses", ())}
        return bool(self.config) and not any(table.get("method") for table in tables) and not required_signals(losses)


@dataclass(frozen=True)
class Run:
    """The contents of a run directory.

    sealed     every finished directory of the run
    teacher    the teacher fine-tuned here (or the one the cache was made with), with its learning curve
    phases     phases.json: step -> record
    results    what `potstill run` and single commands measured; empty before that
    problems   what is there and cannot be read, one sentence each
    aim        what a student is recommended for
    """

    path: Path
    sealed: Sealed
    teacher: Manifest | None
    teacher_path: Path
    teacher_curve: list[Line]
    arms: tuple[Arm, ...]
    phases: dict[str, dict[str, Any]]
    results: Outcome
    problems: tuple[str, ...]
    aim: str = "accuracy"

    @property
    def examples(self) -> Manifest | None:
        return self.sealed.examples

    @property
    def cache(self) -> Manifest | None:
        return self.sealed.cache

    @property
    def cache_path(self) -> Path:
        return self.sealed.cache_path

    @property
    def task(self) -> Task:
        held = [self.examples, self.cache, self.teacher, *(seed for arm in self.arms for seed in arm.seeds.values())]
        return next(manifest.task for manifest in held if manifest is not None)

    @property
    def metric(self) -> str:
        return self.results.metric or self.task.rules.main_metric

    @property
    def split(self) -> str:
        """The split that models are compared on: test where it was measured, else dev."""
        return results.compared(self.results.rows)

    @property
    def advice(self) -> Advice | None:
        """Which model to take."""
        if not self.results:
            return None
        plain = [arm.name for arm in self.arms if arm.labels_only]
        metrics = {arm.config.get("best_by") for arm in self.arms if arm.seeds}
        metric = metrics.pop() if len(metrics) == 1 else None
        return advice_of(self.path, measured_of(self.results, plain, metric), aim=self.aim)

    def tone(self, name: str) -> int:
        """The number of a model's colour: 0 is the teacher, students follow in order."""
        return next((number for number, arm in enumerate(self.arms, 1) if arm.name == name), 0)


def gather(run: Path) -> Run:
    """Read a run directory. Errors: nothing finished in it (NO_INPUT)."""
    problems: list[str] = []
    places = find_sealed(run, problems)
    teacher_path = _teacher_of(run, places)
    recipe = _recipe(run, problems)
    arms = _arms(run, places, list(recipe.get("arms", {})), problems)
    task = next((manifest.task for manifest in places.manifests.values()), None)
    found = Run(
        path=run,
        sealed=places,
        teacher=places.manifests.get(teacher_path)
        or (_opened(teacher_path, []) if (teacher_path / MANIFEST).is_file() else None),
        teacher_path=teacher_path,
        teacher_curve=_curve(teacher_path, problems),
        arms=arms,
        phases=_tolerant(lambda: ledger.read(run), {}, problems),
        results=_results(run, task, arms, problems) if task else Outcome(),
        problems=tuple(dict.fromkeys(problems)),
        aim=str(recipe.get("run", {}).get("aim", "accuracy")),
    )
    if not places.manifests:
        more = f" ({'; '.join(problems)})" if problems else ""
        raise PotstillError(
            f"{run} holds nothing finished to report on{more}",
            hint="name the directory of a run, with examples, teacher and student folders: potstill report runs/x",
            code=NO_INPUT,
        )
    return found


def _teacher_of(run: Path, places: Sealed) -> Path:
    """The fine-tuned teacher of this run, or where the cache says its teacher is."""
    if places.cache is not None and places.cache.config.get("teacher"):
        named = (places.cache_path / str(places.cache.config["teacher"])).resolve()
        if named.is_dir():
            return next((path for path in places.manifests if path.resolve() == named), named)
    return next(iter(places.of("teacher")), run / "teacher")


def _opened(directory: Path, problems: list[str]) -> Manifest | None:
    return _tolerant(lambda: sealed(directory), None, problems)


def _results(run: Path, task: Task, arms: tuple[Arm, ...], problems: list[str]) -> Outcome:
    """The run's table with later results of single commands; results of students retrained since are left out."""
    path = run / RESULTS
    table = _tolerant(lambda: _table(path), Outcome(), problems) if path.exists() else Outcome()
    scores = [found for found in measured.read_scores(run, problems) if _current(found, arms, problems)]
    speeds = [found for found in measured.read_speeds(run, problems) if _current(found, arms, problems)]
    evaluated: Evaluated = {}
    for found in scores:
        evaluated.setdefault(found.model, {})[found.split] = found.metrics
    for name, splits in table.evaluated.items():
        evaluated[name] = evaluated.get(name, {}) | splits
    if not evaluated:
        return table
    metric = table.metric or task.rules.main_metric
    return Outcome(metric, _rows(run, task, arms, table, evaluated, scores, speeds), evaluated)


def _rows(
    run: Path,
    task: Task,
    arms: tuple[Arm, ...],
    table: Outcome,
    evaluated: Evaluated,
    scores: list[measured.Scores],
    speeds: list[measured.Speed],
) -> list[Row]:
    """One row a model: the run's own, then what single commands added; rivals last."""
    metric = table.metric or task.rules.main_metric
    benched = {found.model: found.numbers for found in speeds}
    own = {row["model"]: row for row in table.rows}
    names = dict.fromkeys([measured.TEACHER, *own, *(arm.name for arm in arms), *evaluated])
    ordered = [name for name in names if name not in rivals.NAMES] + [name for name in rivals.NAMES if name in names]
    made = {row["model"]: row for row in results.rows_of(evaluated, benched, metric, ordered)}
    rows = [made.get(name, {}) | own.get(name, {}) for name in ordered if name in made or name in own]
    plain = [arm.name for arm in arms if arm.labels_only]
    results.add_ways(rows, task, scores, plain, run)
    return rows


def _table(path: Path) -> Outcome:
    """Read results.json. Errors: BAD_DATA where it is no table of results."""
    table = store.read_json(path)
    if not isinstance(table, dict) or not all(isinstance(table.get(key), kind) for key, kind in FORM.items()):
        raise PotstillError(f"{path} is not a table of results: potstill run makes it again", code=BAD_DATA)
    return Outcome.of_json(table)


def _current(found: measured.Scores | measured.Speed, arms: tuple[Arm, ...], problems: list[str]) -> bool:
    """Whether the model is still the one that was measured. A student that was trained again since is named."""
    now = next((arm.roots for arm in arms if arm.name == found.model), None)
    if now is None or not found.roots or now == found.roots:
        return True
    problems.append(f"{found.model} was measured before it was trained again: potstill evaluate measures it anew")
    return False


def _arms(run: Path, places: Sealed, order: list[str], problems: list[str]) -> tuple[Arm, ...]:
    """Students in the order of the recipe, then by name; what a run moved aside is no part of it."""
    begun = [path for path in sorted(run.glob("student*")) if path.is_dir() and ASIDE not in path.name]
    unfinished = [path for path in begun if path not in places.manifests and not (path / MANIFEST).exists()]
    problems += [f"{path.name} is unfinished" for path in unfinished]
    found = {measured.model_name(path.name): path for path in sorted([*places.of("student", "students"), *unfinished])}
    ordered = [name for name in order if name in found]
    return tuple(_arm(name, found[name], places, problems) for name in dict.fromkeys([*ordered, *found]))


def _recipe(run: Path, problems: list[str]) -> dict[str, Any]:
    recipe = run / RECIPE
    if not recipe.is_file():
        return {}
    try:
        return tomllib.loads(recipe.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{recipe} cannot be read: {error}")
        return {}


def _arm(name: str, path: Path, places: Sealed, problems: list[str]) -> Arm:
    manifest = places.manifests.get(path)
    if manifest is not None and manifest.kind == "student":
        found = {path.name: path}
    else:
        found = {seed.name: seed for seed in sorted(path.glob(f"{SEED}*"), key=_number)}
    seeds = {key: _opened(at, problems) for key, at in found.items() if (at / MANIFEST).exists()}
    curves = {key: _curve(place, problems) for key, place in (found or {path.name: path}).items()}
    return Arm(
        name,
        path,
        manifest,
        {key: seed for key, seed in seeds.items() if seed is not None},
        {key: curve for key, curve in curves.items() if curve},
    )


def _number(seed: Path) -> tuple[int, str]:
    digits = seed.name.removeprefix(SEED)
    return (int(digits) if digits.isdigit() else 0, seed.name)


def _curve(directory: Path, problems: list[str]) -> list[Line]:
    path = directory / METRICS
    if not path.is_file():
        return []
    try:
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        problems.append(f"{path} cannot be read: {error}")
        return []


def _tolerant(read: Callable[[], Found], otherwise: Any, problems: list[str]) -> Found:
    """Call a reader; if it fails, add the reason to the problems and return None."""
    try:
        return read()
    except PotstillError as error:
        problems.append(error.message)
        return otherwise
