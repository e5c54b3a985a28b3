"""Scores and speed of the models of a run, stored in RUN/measured/MODEL/….

`evaluate` and `bench` write here, as single commands and within a run; the report reads it. A record names the roots of
the model it was taken of, so that numbers of a student that has been trained again are known to be old.

    measured/distilled/3f2a….json  scores of each seed on one labelled file    3f2a….safetensors  its predictions
    measured/distilled/bench.json  size and speed

Rivals (see `pipelines/scores/rivals.py`) are models like others here; their root is that of the cache.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from data import store
from data.errors import PotstillError
from data.layout import BENCHED, MANIFEST, MEASURED, SEED
from data.readers.identity import fingerprint
from data.readers.source import Source
from data.tasks.metrics import SeedScores

ANSWERS = ".safetensors"
ARM, TEACHER = "student-", "teacher"
KEY = 16  # hex digits of a file's hash
DEV = re.compile(r"(?<![a-z])(dev|valid|validation|val)(?![a-z])")

Answers = dict[str, np.ndarray]  # "labels" [N] and, for each seed, its predictions [N]


@dataclass(frozen=True)
class Scores:
    """One model on one labelled file.

    model    its name in the run's tables
    roots    seed -> root of the student's manifest; of a rival: that of the cache or examples
    file     as it was named; hash: of its content
    split    dev, test, or the file's own name, where a run has several test files
    metrics  of each seed
    """

    model: str
    roots: dict[str, str]
    file: str
    hash: str
    split: str
    metrics: SeedScores

    def to_json(self) -> dict[str, Any]:
        return vars(self) | {"metrics": self.metrics.to_json()}

    @staticmethod
    def of_json(values: dict[str, Any]) -> "Scores":
        return Scores(**values | {"metrics": SeedScores.of_json(values["metrics"])})


@dataclass(frozen=True)
class Speed:
    """Size and speed of one model, as `bench` measured it; `roots` as in `Scores`, `on`: the texts' file."""

    model: str
    roots: dict[str, str]
    on: str
    numbers: dict[str, Any]

    @staticmethod
    def of_json(values: dict[str, Any]) -> "Speed":
        return Speed(**values)


def run_of(model: Path) -> Path | None:
    """The run that a sealed model lies in: the directory around it. One seed of several is no model of a run."""
    around = model.resolve().parent
    return around if (model / MANIFEST).is_file() and not (around / MANIFEST).is_file() else None


def model_name(directory: str) -> str:
    """A model's name in tables: student-labels -> labels."""
    return directory.removeprefix(ARM) or directory


def roots_of(model: Path) -> dict[str, str]:
    """The roots of a model: of a student, or of each of its seeds; empty for a model without potstill's manifest."""
    seal = model / MANIFEST
    if not seal.is_file():
        return {}
    seals = sorted(model.glob(f"{SEED}*/{MANIFEST}")) or [seal]
    return {path.parent.name: str(store.read_json(path).get("root")) for path in seals}


def split_of(file: str) -> str:
    """`dev` where a file's name says so, else `test`."""
    return "dev" if DEV.search(Path(file.split("::")[0]).name.casefold()) else "test"


class Kept:
    """Collects predictions while models are measured, and writes them with the scores."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], Answers] = {}

    def note(self, model: str, file: str, seed: str, predictions: np.ndarray, labels: np.ndarray) -> None:
        """Take the predictions [N] of one student on one file."""
        self._answers.setdefault((model, file), {"labels": labels})[seed] = predictions

    def write(
        self,
        run: Path,
        places: Mapping[str, Path],
        sources: Mapping[str, Source],
        found: Mapping[str, Mapping[str, SeedScores]],
    ) -> None:
        """Keep what was measured of each model on each file."""
        for (model, file), answers in self._answers.items():
            path = str(sources[file].path)
            split = file if file in ("dev", "test") else split_of(path)
            made = Scores(model, roots_of(places[model]), path, _content(path), split, found[model][file])
            keep_scores(run, made, answers)


def _content(path: str) -> str:
    """The hash of a file's content; for a pipe, which cannot be read twice, the hash of its name."""
    try:
        return fingerprint(path)
    except PotstillError:
        return store.digest_of(path)


def keep_scores(run: Path, scores: Scores, answers: Mapping[str, np.ndarray]) -> None:
    """Keep scores and predictions; those of the same model on the same file are replaced."""
    path = run / MEASURED / scores.model / f"{scores.hash[:KEY]}.json"
    store.write_bytes(path.with_suffix(ANSWERS), save({name: np.array(said) for name, said in answers.items()}))
    store.write_json(path, scores.to_json())


def keep_speed(run: Path, speed: Speed) -> None:
    """Keep size and speed of a model."""
    store.write_json(run / MEASURED / speed.model / BENCHED, asdict(speed))


def keep_speeds(models: Mapping[str, Path], rows: Mapping[str, dict[str, Any]], on: str) -> None:
    """Keep size and speed of models beside each of them that lies in a run."""
    for name, model in models.items():
        if (run := run_of(model)) is not None:
            keep_speed(run, Speed(model_name(model.name), roots_of(model), on, rows[name]))


def read_scores(run: Path, problems: list[str]) -> list[Scores]:
    """All scores kept in a run; what cannot be read is named in `problems`.

    Two test files of one run are told apart by their names.
    """
    found = list(_records(run, "[0-9a-f]*.json", Scores, problems))
    tests = {scores.hash for scores in found if scores.split == "test"}
    if len(tests) < 2:
        return found
    names = [Path(scores.file.split("::")[0]).name if scores.split == "test" else scores.split for scores in found]
    return [replace(scores, split=name) for scores, name in zip(found, names, strict=True)]


def read_speeds(run: Path, problems: list[str]) -> list[Speed]:
    """All sizes and speeds kept in a run."""
    return list(_records(run, BENCHED, Speed, problems))


def read_answers(run: Path, scores: Scores) -> Answers:
    """The predictions behind scores; empty where they are not there or damaged (the scores are then all there is)."""
    path = run / MEASURED / scores.model / f"{scores.hash[:KEY]}{ANSWERS}"
    try:
        return load(path.read_bytes())
    except (OSError, SafetensorError):
        return {}


def _records(run: Path, pattern: str, form: type[Scores | Speed], problems: list[str]) -> Iterator[Any]:
    for path in sorted((run / MEASURED).glob(f"*/{pattern}")):
        if form is Scores and path.name == BENCHED:
            continue
        try:
            yield form.of_json(store.read_json(path))
        except (PotstillError, TypeError, KeyError, AttributeError) as error:
            problems.append(f"{path} is not a record of a measurement: {error}")
