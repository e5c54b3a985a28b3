"""Train students from sealed caches: cache directories + labelled dev file -> student directories. No teacher needed.

out/                 one seed: the student itself; several: seed-0/ seed-1/ … and a manifest over them
  model.safetensors  weights of the best evaluation
  config.json        shape and task      vocabulary.json, tokenizer.json   how texts become ids
  metrics.jsonl      the learning curve  README.md                         model card with its numbers
  last/              the same of the last step: a student too
  last.safetensors   only while unfinished: what a resume needs, best weights so far included
  encoded/           only while unfinished: the rows' ids, which every epoch and every seed reads
"""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch

from data import store
from data.config import as_dict
from data.errors import PotstillError
from data.example import Example
from data.labels.agreement import sentence
from data.layout import ENCODED, LAST_STEP, SEED
from data.manifest import Manifest, read_manifest, write_manifest
from data.progress import Progress
from data.readers.examples import read
from data.readers.identity import hash_file
from data.readers.said import KEY, Heard
from data.readers.source import Source
from data.running.output import refuse_foreign
from data.schema import split_signal
from student_train.config import TrainConfig, what_only
from student_train.directory.found import find_finished, refuse_other_number, set_damaged_aside
from student_train.directory.sealed import fold_many, is_sealed, seal_one
from student_train.directory.writing import clear, sealing, tidy, tidy_seeds, writing
from student_train.feed.columns import chosen_columns
from student_train.feed.ensemble import Ensemble, choose_ensemble
from student_train.feed.overlap import note_overlap
from student_train.feed.reader import Reader, open_caches
from student_train.loop.checkpoint import clear_training, save_weights
from student_train.loop.dev import Labelled, encode_labelled
from student_train.loop.history import write_curve
from student_train.loop.optim import USUAL_RATES
from student_train.loop.run import Fit, fit
from student_train.losses.table import Options, check_losses, required_signals
from student_train.models.precision import choose_device, choose_precision
from student_train.models.room import refuse_too_large
from student_train.models.shape import Shape
from student_train.models.table import build_model, choose_model
from student_train.objective import student_objective
from student_train.vocab.start import RANDOM_WIDTH, build_vocabulary, refuse_damaged_files, starting_table
from student_train.vocab.vocabulary import Subwords, Words


def train(
    config: TrainConfig, teacher: Path, dev: Source, out: Path, *, also: Sequence[Path] = (), progress: Progress
) -> Manifest:
    """Train one student per seed; finished ones of the same config and data are left as they are.

    also: caches of further teachers over the same examples; the student learns from all of them together.
    Errors: a cache that is unfinished, damaged or stale; a loss whose signal the cache lacks; a student that does not
    fit the task; a directory that holds another run (STALE); a signal to stop (TRY_AGAIN: run it again).
    """
    refuse_foreign(out, "student")
    reader, caches = open_caches([teacher, *also], rows=config.rows)
    for cache in caches:
        if said := sentence(cache.report.get("agreement", {})):
            progress.note(said)
    config = resolve(config, reader)
    check_losses(config.losses, reader.task)
    reader = replace(reader, ensemble=ensemble_of(config, reader)).with_columns(needed_columns(config, caches))
    reader, options = student_objective(config, reader)
    heard = Heard(progress)
    examples = list(read(dev, reader.task, split="dev", tell=heard))
    origins = {_role(number): cache.root for number, cache in enumerate(caches, 1)}
    origins["dev"] = store.digest_of([[e.id, e.label] for e in examples])
    if config.vectors:
        origins["vectors_file"] = hash_file(Path(config.vectors))
    refuse_other_number(out, "student" if len(config.seeds) == 1 else "students")
    targets = [out] if len(config.seeds) == 1 else [out / f"{SEED}{seed}" for seed in config.seeds]
    jobs = [(replace(config, seeds=(seed,)), target) for seed, target in zip(config.seeds, targets, strict=True)]
    if (manifest := find_all(out, jobs, origins)) is not None:
        tidy(out)
        return manifest
    with writing(out):
        missing = [job for job in jobs if find_all(job[1], [job], origins) is None]
        if missing:
            refuse_damaged_files(config, teacher, caches[0])
            _train_missing(missing, (reader, options), examples, origins, out / ENCODED, heard=heard, progress=progress)
        clear(out)
        if len(jobs) > 1:
            tidy_seeds(out)
            write_manifest(out, fold_many(targets, origins))
    return read_manifest(out, "student" if len(jobs) == 1 else "students")


def _train_missing(
    jobs: list[tuple[TrainConfig, Path]],
    material: tuple[Reader, Options],
    examples: list[Example],
    origins: dict[str, str],
    encoded: Path,
    *,
    heard: Heard,
    progress: Progress,
) -> None:
    """Train the students that are not there yet. They share the vocabulary, the encoded dev set and encoded rows."""
    config, (reader, options) = jobs[0][0], material
    torch.set_num_threads(config.threads or torch.get_num_threads())
    vocabulary = build_vocabulary(config, reader.files, reader.chunks_of_texts(progress))
    refuse_other_tokens(config, reader, vocabulary)
    dev = encode_labelled(examples, reader.task, vocabulary)
    if not len(dev.labels):
        raise PotstillError("the dev file has no labelled row", hint="--dev FILE with a label column")
    progress.note(note_overlap(examples, reader))
    for config, target in jobs:
        with nullcontext() if target == encoded.parent else writing(target):
            set_damaged_aside(target, "student", progress=progress)
            place = (target, origins, encoded)
            train_one(config, (reader, options), vocabulary, dev, place, heard=heard, progress=progress)


def train_one(
    config: TrainConfig,
    material: tuple[Reader, Options],
    vocabulary: Words | Subwords,
    dev: Labelled,
    place: tuple[Path, dict[str, str], Path],
    *,
    heard: Heard,
    progress: Progress,
) -> None:
    """Train the student of one seed, or go on where it was broken off.

    material: rows, choices of the losses; place: directory, origins, folder of encoded rows; heard: of the dev file
    """
    reader, (out, origins, _) = material[0], place
    started, what = time.monotonic(), _fit_of(config, material[1], place, vocabulary.digest())
    shape = Shape(
        model=config.model,
        vocabulary=vocabulary.size,
        dimensions=config.dimensions or RANDOM_WIDTH,
        hidden=config.hidden,
        dense=config.dense,
        classes=reader.task.width,
        dropout=config.dropout,
        multichannel=config.multichannel,
    )
    refuse_too_large(lambda: build_model(shape), what.device, hint="smaller ones: --set train.hidden=150")
    table = starting_table(config, vocabulary, reader.files, seed=config.seeds[0])
    shape = replace(shape, dimensions=table.shape[1])
    fitted = fit(what, config, (shape, table), (reader, vocabulary, dev), out, progress=progress)
    result = fitted.numbers | {"seconds": round(time.monotonic() - started, 1), KEY: heard.values()}
    last = result | {"dev": result["last_dev"], "best_step": result["steps"]}
    with sealing(out) as stage:
        students = ((stage / LAST_STEP, last, fitted.last), (stage, result, fitted.best))
        for directory, numbers, weights in students:
            save_weights(directory, weights)
            vocabulary.save(directory)
            seal_one(directory, shape, reader.task, fitted.config, origins, numbers)
        write_curve(stage, fitted.curve)
    clear_training(out)


def _fit_of(config: TrainConfig, options: Options, place: tuple[Path, dict[str, str], Path], words: str) -> Fit:
    """words: digest of the vocabulary; a run that began with another one is not gone on with."""
    device = choose_device(config.device)
    return Fit(
        losses=config.losses,
        options=options,
        precision=choose_precision(config.precision, device),
        device=device,
        seed=config.seeds[0],
        key=store.digest_of([what_only(config), place[1], words]),
        metric=options.task.metric(config.best_by),
        encoded=place[2],
    )


def resolve(config: TrainConfig, reader: Reader) -> TrainConfig:
    """Fill in what `auto` and 0 stand for, so that the config kept with a student says what was done."""
    if not config.seeds:
        raise PotstillError("seeds is empty", hint="e.g. --seeds 0,1,2")
    if len(set(config.seeds)) < len(config.seeds) or min(config.seeds) < 0:
        listed = ", ".join(map(str, config.seeds))
        raise PotstillError(f"seeds {listed} are not different whole numbers from 0 on", hint="e.g. --seeds 0,1,2")
    if config.optimizer not in USUAL_RATES:
        raise PotstillError(f"no optimizer {config.optimizer!r}", hint=f"optimizers: {', '.join(USUAL_RATES)}")
    reader.task.metric(config.best_by)  # refuses a metric that the task does not have
    found = ensemble_of(config, reader)
    return replace(
        config,
        model=choose_model(config.model, reader.task),
        lr=config.lr or USUAL_RATES[config.optimizer],
        combine=found.rule if found else None,
        weights=found.weights if found else None,
    )


def ensemble_of(config: TrainConfig, reader: Reader) -> Ensemble | None:
    """How the caches' teachers are combined; None for one."""
    count = len(reader.caches)
    return choose_ensemble(
        config.combine, config.weights, count=count, task=reader.task, temperature=config.temperature
    )


def needed_columns(config: TrainConfig, caches: list[Manifest]) -> tuple[str, ...]:
    """Name the columns that the losses need besides `logits`; refuse losses that need what the cache does not hold."""
    required, has = required_signals(config.losses), tuple(caches[0].config.get("signals", ["logits"]))
    for signal in required:
        if signal not in has and not any(name.startswith(f"{signal}.") for name in has):
            raise PotstillError(
                f"cache has no signal {signal!r} (has: {', '.join(has)})",
                hint=f"potstill cache … --signals {','.join([*has, signal])}",
            )
    columns = chosen_columns(required, has)
    if columns and len(caches) > 1:
        raise PotstillError(
            f"the losses need {', '.join(columns)}, and of several teachers only logits can be combined",
            hint="name one cache, or losses on logits",
        )
    return columns


def refuse_other_tokens(config: TrainConfig, reader: Reader, vocabulary: Words | Subwords) -> None:
    """Refuse signals a sub-word for a student that does not read the teacher's sub-words."""
    found = [column for column in reader.columns if split_signal(column)[0].per != "text"]
    if found and not vocabulary.joint:
        raise PotstillError(
            f"{', '.join(found)} speak of the teacher's sub-words, special tokens included, which a {config.model} "
            f"with vocabulary={config.vocabulary} does not read",
            hint="take losses on logits, cls or mean, or a student that reads the teacher's sub-words",
        )


def _role(number: int) -> str:
    """The cache's name in `made_from`: teacher, teacher_2, teacher_3, …"""
    return "teacher" if number == 1 else f"teacher_{number}"


def find_all(out: Path, jobs: list[tuple[TrainConfig, Path]], origins: dict[str, str]) -> Manifest | None:
    """The manifest of a finished student, or over those of all seeds; None where something is missing or damaged."""
    found = [find_finished(target, "student", as_dict(config), origins) for config, target in jobs]
    if len(jobs) == 1 or None in found:
        return found[0] if len(jobs) == 1 else None
    whole = fold_many([target for _, target in jobs], origins)
    return whole if is_sealed(out, whole) else None
