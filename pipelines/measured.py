"""What was measured of the models of a run, kept beside them: RUN/measured/MODEL/….

`evaluate` and `bench` write here, as single commands and within a run; the report reads it. A record names the roots of
the model it was taken of, so that numbers of a student that has been trained again are known to be old.

    measured/distilled/3f2a….json  scores of each seed on one labelled file    3f2a….npz  its predictions there
    measured/distilled/bench.json  size and speed
    measured/rivals/3f2a….json     what the rivals score on that file
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data import store
from data.errors import BAD_DATA, PotstillError
from data.manifest import NAME as MANIFEST

FOLDER, SPEED, RIVALS = "measured", "bench.json", "rivals"
ARM, ENCODER, TEACHER = "student-", "encoder", "teacher"
KEY = 16  # hex digits of a file's hash
DEV = re.compile(r"(?<![a-z])(dev|valid|validation|val)(?![a-z])")

Answers = dict[str, np.ndarray]  # "labels" [N] and, for each seed, its predictions [N]


@dataclass(frozen=True)
class Scores:
    """One model on one labelled file.

    model    its name in the run's tables
    roots    seed -> root of the student's manifest; of rivals: examples and cache -> theirs
    file     as it was named; hash: of its content
    split    dev, test, or the file's own name, where a run has several test files
    metrics  seed -> metrics, and under `all` their mean and spread
    """

    model: str
    roots: dict[str, str]
    file: str
    hash: str
    split: str
    metrics: dict[str, Any]


@dataclass(frozen=True)
class Speed:
    """Size and speed of one model, as `bench` measured it; `roots` as in `Scores`, `on`: the texts' file."""

    model: str
    roots: dict[str, str]
    on: str
    numbers: dict[str, Any]


def run_of(model: Path) -> Path | None:
    """The run that a sealed model lies in: the directory around it, or around the students of its seeds."""
    if not (model / MANIFEST).is_file():
        return None
    around = model.resolve().parent
    return around.parent if (around / MANIFEST).is_file() else around


def model_name(directory: str) -> str:
    """A model's name in tables: student-labels -> labels; the directory `encoder` holds the teacher."""
    return TEACHER if directory == ENCODER else directory.removeprefix(ARM) or directory


def roots_of(model: Path) -> dict[str, str]:
    """The roots of a model: of a student, or of each of its seeds; empty for a model without potstill's manifest."""
    seal = model / MANIFEST
    if not seal.is_file():
        return {}
    seeds = [path for path in sorted(model.glob(f"seed-*/{MANIFEST}"))]
    return {path.parent.name: str(store.read_json(path).get("root")) for path in seeds or [seal]}


def split_of(file: str) -> str:
    """`dev` where a file's name says so, else `test`."""
    return "dev" if DEV.search(Path(file.split("::")[0]).name.casefold()) else "test"


def keep_scores(run: Path, scores: Scores, answers: Mapping[str, np.ndarray]) -> None:
    """Keep scores and predictions; those of the same model on the same file are replaced."""
    path = run / FOLDER / scores.model / f"{scores.hash[:KEY]}.json"
    packed = io.BytesIO()
    np.savez_compressed(packed, **answers)  # type: ignore[arg-type]
    store.write_bytes(path.with_suffix(".npz"), packed.getvalue())
    store.write_json(path, asdict(scores))


def keep_speed(run: Path, speed: Speed) -> None:
    """Keep size and speed of a model."""
    store.write_json(run / FOLDER / speed.model / SPEED, asdict(speed))


def read_scores(run: Path, problems: list[str]) -> list[Scores]:
    """All scores kept in a run; what cannot be read is named in `problems`.

    Two test files of one run are told apart by their names.
    """
    found = [made for made in _records(run, "[0-9a-f]*.json", Scores, problems) if made is not None]
    tests = {scores.hash for scores in found if scores.split == "test"}
    if len(tests) < 2:
        return found
    return [_by_file(scores) if scores.split == "test" else scores for scores in found]


def read_speeds(run: Path, problems: list[str]) -> list[Speed]:
    """All sizes and speeds kept in a run."""
    return list(_records(run, SPEED, Speed, problems))


def read_answers(run: Path, scores: Scores) -> Answers:
    """The predictions behind scores; empty where they are not there or damaged (the scores are then all there is)."""
    path = run / FOLDER / scores.model / f"{scores.hash[:KEY]}.npz"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, KeyError, EOFError):
        return {}


def _by_file(scores: Scores) -> Scores:
    return Scores(**asdict(scores) | {"split": Path(scores.file.split("::")[0]).name})


def _records(run: Path, pattern: str, form: type, problems: list[str]) -> Iterator[Any]:
    for path in sorted((run / FOLDER).glob(f"*/{pattern}")):
        if form is Scores and path.name == SPEED:
            continue
        try:
            yield form(**store.read_json(path))
        except (PotstillError, TypeError) as error:
            problems.append(f"{path} is not a record of a measurement: {error}")


def combine(metrics: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Mean and sample standard deviation of each metric over seeds."""
    names = metrics[0] if metrics else {}
    return {
        name: {
            "mean": float(np.mean([each[name] for each in metrics])),
            "std": float(np.std([each[name] for each in metrics], ddof=1)) if len(metrics) > 1 else 0.0,
        }
        for name in names
    }
