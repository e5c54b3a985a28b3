"""Finished students as directories: one is sealed with its numbers and card, several with mean and spread."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from data import store
from data.config import as_dict
from data.errors import BAD_DATA, NO_INPUT, PotstillError
from data.examples import describe
from data.layout import CARD, CONFIG, MANIFEST, SEED, TOKENIZER, TOKENIZER_CONFIG, VOCABULARY, WEIGHTS
from data.manifest import Manifest, open_sealed, read_manifest, seal_of, write_manifest
from data.readers.said import KEY
from data.tasks.metrics import goodness, spread
from data.tasks.task import Task
from student_train.config import TeachConfig, TrainConfig
from student_train.directory.card import card
from student_train.models.shape import Shape
from student_train.models.sizes import spell_shape
from student_train.models.table import build_model, count_parameters

STUDENT_FILES = (WEIGHTS, CONFIG, VOCABULARY, TOKENIZER, TOKENIZER_CONFIG)  # all that answering takes


def seal_one(
    out: Path,
    shape: Shape,
    task: Task,
    config: TrainConfig | TeachConfig,
    origins: dict[str, str],
    numbers: dict[str, Any],
) -> Manifest:
    """Write a student's config, card and manifest beside its weights."""
    body, table = count_parameters(build_model(shape))
    config_json = spell_shape(shape) | {"potstill": potstill_version(), "task": task.to_dict()}
    store.write_json(out / CONFIG, config_json)
    parts = tuple(describe(out / name, 0, "") for name in STUDENT_FILES if (out / name).is_file())
    size = sum(part.bytes for part in parts)
    report = numbers | {"parameters": body, "embedding_parameters": table, "bytes": size}
    manifest = Manifest("student", task, parts, origins, as_dict(config), report)
    store.write_text(out / CARD, card(manifest, shape))
    write_manifest(out, manifest)
    return manifest


def fold_many(directories: list[Path], origins: dict[str, str]) -> Manifest:
    """The manifest over the students of several seeds: mean and standard deviation of their dev metrics."""
    students = [read_manifest(directory, "student") for directory in directories]
    metric = str(students[0].report.get("best_by", students[0].task.rules.main_metric))
    values = [student.report["dev"] for student in students]
    best = max(range(len(values)), key=lambda number: goodness(metric, values[number][metric]))
    own = [{name: value for name, value in student.report.items() if name != KEY} for student in students]
    report = {
        KEY: students[0].report.get(KEY, []),
        "seeds": {directory.name: numbers for directory, numbers in zip(directories, own, strict=True)},
        "dev": {name: spread([value[name] for value in values]) for name in values[0]},
        "best": directories[best].name,
        "best_by": metric,
    }
    roots = {directory.name: student.root for directory, student in zip(directories, students, strict=True)}
    return Manifest("students", students[0].task, (), origins | roots, students[0].config, report)


def is_sealed(directory: Path, manifest: Manifest) -> bool:
    """Whether a directory is sealed with this very manifest."""
    try:
        return open_sealed(directory, manifest.kind) == manifest
    except PotstillError:
        return False


def student_directories(directory: Path) -> list[Path]:
    """The student a directory is, or those of its seeds."""
    if (manifest := _of_seeds(directory)) is None:
        return [directory]
    names = sorted(manifest.report["seeds"], key=lambda name: int(name.removeprefix(SEED)))
    return [_seed(directory, name, manifest) for name in names]


def best_student(directory: Path) -> Path:
    """The student a directory is, or the one of its seeds with the best dev metric."""
    manifest = _of_seeds(directory)
    return directory if manifest is None else _seed(directory, manifest.report["best"], manifest)


def _of_seeds(directory: Path) -> Manifest | None:
    seal = seal_of(directory)
    if seal is None:
        raise PotstillError(
            f"{directory / MANIFEST} is not there", hint="potstill train makes a student", code=NO_INPUT
        )
    return open_sealed(directory, "students") if seal["kind"] == "students" else None


def _seed(directory: Path, name: str, manifest: Manifest) -> Path:
    """The directory of a seed; refuse another student than the one that was there when the manifest was written."""
    path = directory / name
    if not path.resolve().is_relative_to(directory.resolve()):
        raise PotstillError(f"the student {name} of {directory} lies outside of it", code=BAD_DATA)
    if read_manifest(path, "student", parts=False).root != manifest.made_from.get(name):
        raise PotstillError(
            f"{path} is not the student that {directory / MANIFEST} speaks of",
            hint="run the command that made it again",
            code=BAD_DATA,
        )
    return path


def potstill_version() -> str:
    try:
        return version("potstill")
    except PackageNotFoundError:
        return "uninstalled"
