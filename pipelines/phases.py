"""The phases as plain functions over paths: what both the single commands and `potstill run` call.

Each opens the files, hands them to its room, keeps the resolved config beside the output and returns the manifest (or
the numbers). Commands reach the rooms through here and through `pipelines/upkeep.py` alone (tested). The rooms are
imported when a phase begins, so that `--help` is fast.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data import config as configs
from data.example import Example
from data.layout import ASIDE
from data.manifest import Manifest, read_manifest, seal_of
from data.progress import Progress
from data.readers.examples import columns_of as columns_in
from data.readers.examples import read
from data.readers.said import Heard
from data.readers.source import Source
from data.running.share import ALL, Share
from data.tasks.task import Task
from pipelines.inputs.files import Files
from pipelines.inputs.places import locate_teacher, texts_of
from pipelines.inputs.reading import Reading
from pipelines.recipes import settings
from pipelines.scores.outcome import Evaluated

if TYPE_CHECKING:
    from augment.config import AugmentConfig
    from pipelines.inputs.asked import Asked
    from student_train.config import TeachConfig, TrainConfig
    from teacher_cache.config import CacheConfig, Launch
    from teacher_cache.estimate import Estimate

Answer = dict[str, Any]  # what a student says of one text, by the words of its kind of task
BENCH_TEXTS = 1024  # rows a model is measured on


def teach(*, config: "TeachConfig", files: Files, model: str, out: Path, progress: Progress) -> Manifest:
    """Fine-tune an encoder as the teacher."""
    from student_train.teach import KeptOut
    from student_train.teach import teach as run

    assert files.dev is not None
    task, start = files.reading.task(files.train, progress), locate_teacher(model)
    kept_out = KeptOut(files.exclude, files.symmetric)
    manifest = run(config, task, files.train, files.dev, start, out, kept_out=kept_out, progress=progress)
    data = files.table() | ({"symmetric": True} if files.symmetric else {})
    settings.save(out, {"data": data, "teach": {"model": model} | configs.as_dict(config)})
    return manifest


def augment(*, config: "AugmentConfig", files: Files, out: Path, share: Share = ALL, progress: Progress) -> Manifest:
    """Multiply the training texts; dev and test texts never come out.

    share: with which chunks this process begins, where several work in `out`; each of them ends with all done.
    """
    from augment.expand import expand

    task, heard = files.reading.task(files.train, progress), Heard(progress)

    def examples() -> Iterator[Example]:
        yield from texts_of([files.train], task, split="train", tell=heard)
        yield from texts_of(files.unlabelled, task, split="unlabelled", tell=heard)

    def excluded() -> Iterator[Example]:
        return texts_of(files.exclude, task, split="unlabelled", role="exclude", tell=heard)

    origins = files.origins()
    manifest = expand(
        config, task, examples, excluded, out, made_from=origins, files=heard.values, share=share, progress=progress
    )
    heard.recall(manifest.report)
    settings.save(out, {"data": files.table(), "augment": configs.as_dict(config)})
    return manifest


def estimate(*, config: "CacheConfig", examples: Path, teacher: str, say: Callable[[str], None]) -> "Estimate":
    """Estimate what a cache would cost, and refuse one that is larger than `max_bytes`."""
    from teacher_cache.estimate import estimate as run
    from teacher_cache.estimate import refuse_size

    expected = run(config, examples, teacher)
    say(str(expected))
    refuse_size(expected, config.max_bytes)
    return expected


def cache(
    *,
    config: "CacheConfig",
    examples: Path,
    teacher: str,
    out: Path,
    launch: "Launch | None" = None,
    progress: Progress,
) -> Manifest | None:
    """Run the teacher over the examples once and store its answers; None while other shares are unfinished.

    Rows that are unchanged are copied from a cache that was moved aside as stale (`NAME.stale-N`).
    """
    from teacher_cache.build import build
    from teacher_cache.config import Launch

    launch = launch or Launch()
    stale = tuple(str(path) for path in sorted(out.parent.glob(f"{out.name}{ASIDE}*")))
    launch = replace(launch, reuse=tuple(dict.fromkeys((*launch.reuse, *stale))))
    manifest = build(config, examples, teacher, out, launch=launch, progress=progress)
    settings.save(out, {"teacher": {"path": teacher}, "cache": configs.as_dict(config)})
    return manifest


def train(
    *,
    config: "TrainConfig",
    caches: Sequence[Path],
    dev: Source,
    out: Path,
    reading: Reading | None = None,
    progress: Progress,
) -> Manifest:
    """Train a student from the cache alone, or from the caches of several teachers.

    reading: labels and kind given by the user; they must be those of the cache.
    """
    from student_train.train import train as run

    if reading:
        reading.check(read_manifest(caches[0], "cache", parts=False).task, str(caches[0]))
    config = replace(config, vectors=locate_teacher(config.vectors), start=locate_teacher(config.start))
    manifest = run(config, caches, dev, out, progress=progress)
    columns = {key: value for key, value in vars(dev).items() if key != "path" and value is not None}
    data = {"dev": str(dev.path), "caches": [str(cache) for cache in caches]} | columns
    settings.save(out, {"data": data, "train": configs.as_dict(config)})
    return manifest


def evaluate(
    *,
    models: Mapping[str, Path],
    sources: Mapping[str, Source],
    reading: Reading | None = None,
    teacher: str = "",
    keep_in: Path | None = None,
    progress: Progress,
) -> Evaluated:
    """Measure models on labelled files: name -> file -> metrics of each seed.

    teacher: the model among them that the others are compared with (`agreement`).
    keep_in: the run that the models belong to, where scores and predictions are kept (`pipelines/scores/measured.py`).
    """
    from pipelines.inputs.encoders import find_plain
    from pipelines.scores.measured import Kept
    from student_train.measure.evaluate import evaluate_all

    places, tasks, unnamed = find_plain(models, reading or Reading(), next(iter(sources.values())))
    kept, positive = Kept(), (reading.positive if reading else None) or ""
    found = evaluate_all(
        places,
        sources,
        tasks=tasks,
        unnamed=unnamed,
        teacher=teacher,
        on_answers=kept.note,
        positive=positive,
        progress=progress,
    )
    if keep_in is not None:
        kept.write(keep_in, places, sources, found)
    return found


def positive_of(model: Path, reading: Reading) -> str | None:
    """The positive class of F1: the one given by the user, else the one that the model's manifest names."""
    seal = seal_of(model)
    return reading.positive or (Task.from_dict(seal["task"]).positive_class if seal else None)


def rivals(
    *, examples: Path, cache: Path | None, sources: Mapping[str, Source], keep_in: Path, progress: Progress
) -> Evaluated:
    """Measure what a student must beat on labelled files, and keep it in the run: rival -> file -> scores."""
    from pipelines.scores.measured import Kept, Speed, keep_speed, roots_of
    from pipelines.scores.rivals import measure

    kept, place = Kept(), cache or examples
    roots, on = roots_of(place), str(next(iter(sources.values())).path)

    def note_speed(rival: str, numbers: dict[str, float]) -> None:
        keep_speed(keep_in, Speed(rival, roots, on, numbers))

    found = measure(examples, cache, sources, on_answers=kept.note, on_speed=note_speed, progress=progress)
    kept.write(keep_in, dict.fromkeys(found, place), sources, found)
    return found


def predict(
    *, student: Path, file: str, reading: Reading, progress: Progress
) -> "Iterator[list[tuple[Asked, Answer]]]":
    """Answer the texts of a file, or of stdin (`-`), batch by batch; returns every row, in order."""
    from pipelines.inputs.asked import batches, of_file, piped
    from student_train.student import Student

    model = Student.load(student)
    reading.check(model.task, str(student))
    if file == "-":
        asked = piped(sys.stdin, model.task)
    else:
        source = replace(reading, skip_bad=True).unlabelled(file)  # what is bad is marked, not refused
        asked = of_file(source, model.task, Heard(progress))
    for batch in batches(asked):
        good = [row for row in batch if not row.fault]
        pairs = [row.pair or "" for row in good] if model.task.pair else None
        found = iter(model.predict([row.text for row in good], pairs) if good else [])
        yield [(row, {} if row.fault else next(found)) for row in batch]


def bench(
    *,
    models: Mapping[str, Path],
    source: Source,
    threads: int,
    most: int = BENCH_TEXTS,
    keep_in: Path | None = None,
    progress: Progress,
) -> dict[str, dict[str, Any]]:
    """Measure size and speed of models (of several seeds the best one) on the same texts and threads.

    most: how many of the texts. keep_in: the run that the models belong to, where the numbers are kept.
    """
    from pipelines.inputs.encoders import find_plain
    from pipelines.scores.measured import Speed, keep_speed, roots_of
    from student_train.measure.bench import bench as run

    places, tasks, _ = find_plain(models, Reading())
    about = {places[name]: task for name, task in tasks.items()}
    seals = [seal for seal in map(seal_of, places.values()) if seal is not None]
    pair = bool(seals[0]["task"]["pair"]) if seals else columns_in(source).pair is not None
    task = Task("classify", pair=pair)  # only texts are read: any kind will do
    rows = list(read(source, task, split="unlabelled", role="texts", first=most, tell=Heard(progress)))
    pairs = [row.pair or "" for row in rows] if task.pair else None
    texts = [row.text for row in rows]
    measured = run(list(places.values()), texts=texts, pairs=pairs, tasks=about, threads=threads, progress=progress)
    found = dict(zip(models, measured, strict=True))
    if keep_in is not None:
        for name, numbers in found.items():
            keep_speed(keep_in, Speed(name, roots_of(places[name]), str(source.path), numbers))
    return found
