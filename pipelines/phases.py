"""The phases as plain functions over paths: what both the single commands and `potstill run` call.

Each opens the files, hands them to its room and returns what the caller shows and keeps. The rooms are imported when
a phase begins, so that `--help` is fast.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data import config as configs
from data.manifest import Manifest
from data.progress import Progress
from data.readers.source import Source
from pipelines import settings
from pipelines.inputs import Reading, locate_teacher, texts_of

if TYPE_CHECKING:
    from augment.config import AugmentConfig
    from student_train.config import TeachConfig, TrainConfig
    from teacher_cache.config import CacheConfig


@dataclass(frozen=True)
class Texts:
    """The files of the augment phase: what to multiply, and what must not come out of it."""

    train: Source
    unlabelled: tuple[Source, ...] = ()
    exclude: tuple[Source, ...] = ()


def teach(
    config: "TeachConfig", train: Source, dev: Source, *, reading: Reading, model: str, out: Path, progress: Progress
) -> Manifest:
    """Fine-tune an encoder as the teacher."""
    from student_train.teach import teach as run

    manifest = run(config, reading.task(train), train, dev, locate_teacher(model), out, progress=progress)
    settings.save(out, {"teach": {"model": model} | configs.as_dict(config), "data": files(train=train, dev=dev)})
    return manifest


def augment(config: "AugmentConfig", texts: Texts, *, reading: Reading, out: Path, progress: Progress) -> Manifest:
    """Multiply the training texts; dev and test texts never come out."""
    from augment.expand import expand

    task = reading.task(texts.train)

    def examples() -> Any:
        yield from texts_of([texts.train], task, split="train")
        yield from texts_of(texts.unlabelled, task, split="unlabelled")

    excluded = texts_of(texts.exclude, task, split="unlabelled")
    manifest = expand(config, task, examples, excluded, out, made_from=_origins(texts), progress=progress)
    named = files(train=texts.train, unlabelled=texts.unlabelled, exclude=texts.exclude)
    settings.save(out, {"augment": configs.as_dict(config), "data": named})
    return manifest


def cache(config: "CacheConfig", examples: Path, *, teacher: str, out: Path, progress: Progress) -> Manifest:
    """Run the teacher over the examples once and keep what it says."""
    from teacher_cache.build import build

    manifest = build(config, examples, teacher, out, progress=progress)
    settings.save(out, {"cache": configs.as_dict(config), "teacher": {"path": teacher}})
    return manifest


def train(config: "TrainConfig", teacher: Path, *, dev: Source, out: Path, progress: Progress) -> Manifest:
    """Train a student from the cache alone."""
    from student_train.train import train as run

    manifest = run(config, teacher, dev, out, progress=progress)
    settings.save(out, {"train": configs.as_dict(config), "data": files(dev=dev)})
    return manifest


def evaluate(
    models: Mapping[str, Sequence[Path]], sources: Mapping[str, Source], *, progress: Progress
) -> dict[str, dict[str, list[dict[str, float]]]]:
    """Measure models on labelled files: name -> file -> one dict of metrics for each directory (seed)."""
    from student_train.evaluate import evaluate as run

    return {
        name: {
            split: [run(directory, source, progress=progress) for directory in directories]
            for split, source in sources.items()
        }
        for name, directories in models.items()
    }


def seeds_of(directory: Path) -> list[Path]:
    """List the trained models of a directory: itself, or `seed-0`, `seed-1`… inside it."""
    seeds = sorted(directory.glob("seed-*"), key=lambda path: int(path.name.partition("-")[2]))
    return [path for path in seeds if path.is_dir()] or [directory]


def files(**sources: Source | tuple[Source, ...]) -> dict[str, Any]:
    """Write sources as the [data] table of a recipe: paths, and the columns of the first."""
    named = {key: value if isinstance(value, tuple) else (value,) for key, value in sources.items()}
    first = next(source for group in named.values() for source in group)
    paths = {key: [str(source.path) for source in group] for key, group in named.items() if group}
    single = {key: value[0] if not isinstance(sources[key], tuple) else value for key, value in paths.items()}
    columns = {key: getattr(first, key) for key in ("text", "pair", "label", "format", "header")}
    return single | {key: value for key, value in columns.items() if value is not None}


def _origins(texts: Texts) -> dict[str, str]:
    """Name and hash every input file, as the manifest keeps it."""
    from pipelines.inputs import fingerprint

    roles = {"train": (texts.train,), "unlabelled": texts.unlabelled, "exclude": texts.exclude}
    return {
        f"{role}:{Path(source.path).name}": fingerprint(source.path)
        for role, sources in roles.items()
        for source in sources
    }
