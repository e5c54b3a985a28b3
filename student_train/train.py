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
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from data import store
from data.config import as_dict
from data.errors import PotstillError
from data.example import Example
from data.labels.agreement import sentence
from data.layout import ENCODED, LAST_STEP, SEED, STAGES
from data.manifest import Manifest, read_manifest, write_manifest
from data.progress import Progress
from data.readers.examples import read
from data.readers.identity import fingerprint, of_model
from data.readers.said import KEY, Heard
from data.readers.source import Source
from data.running.output import refuse_foreign
from student_train.config import JOINT, MEANS, TrainConfig, what_only
from student_train.directory.found import find_finished, refuse_other_number, set_damaged_aside
from student_train.directory.sealed import fold_many, is_sealed, seal_one
from student_train.directory.writing import clear, sealing, tidy, tidy_seeds, writing
from student_train.feed.encoded import open_encoded
from student_train.feed.overlap import note_overlap
from student_train.feed.reader import Reader, open_caches
from student_train.feed.stream import Stream
from student_train.feed.word_tables import table_of
from student_train.loop.averages import averages_of
from student_train.loop.checkpoint import save_weights
from student_train.loop.dev import Labelled, encode_labelled
from student_train.loop.history import write_curve
from student_train.loop.optim import Optimizer
from student_train.loop.run import Trained, train_from
from student_train.loop.steps import Run
from student_train.losses.layers import Stack
from student_train.losses.objective import Objective
from student_train.losses.table import read_losses
from student_train.methods import METHODS
from student_train.models.encoders.encoder import load_to_teach, reads_types
from student_train.models.encoders.transformer import SmallTransformer
from student_train.models.packed import pack, tables_of
from student_train.models.precision import choose_device
from student_train.models.room import refuse_too_large
from student_train.models.shape import Shape
from student_train.models.sizes import own_sizes, shape_of, spell_size
from student_train.models.sources import Sources
from student_train.models.table import build_model, row_of, start_model
from student_train.models.weights import freeze, load_weights
from student_train.resolve import choose_rows, refuse_other_tokens, resolve, settle_budget, teacher_stack
from student_train.stages import identity_of, left_by, stages_of
from student_train.vocab.start import (
    RANDOM_WIDTH,
    build_vocabulary,
    names_sub_words,
    refuse_damaged_files,
    starting_table,
)
from student_train.vocab.vocabulary import Joint, Subwords, Words


@dataclass(frozen=True)
class Material:
    """What the students of all seeds share.

    class_weights  how much a row of each class counts; None: all the same
    dev, heard     examples by which the best step is chosen, and what was said of their file
    origins        hashes of what a student is made from, by role
    encoded        folder of the rows' ids
    named          the table of word vectors that the config names for sub-words
    teacher        how deep and wide the teacher is, for losses that compare layers
    start          the encoder whose layers a transformer starts from, and its tokenizer
    begin          directory of the stage before
    """

    reader: Reader
    class_weights: tuple[float, ...] | None
    dev: list[Example]
    heard: Heard
    origins: dict[str, str]
    encoded: Path
    named: Tensor | None = None
    teacher: Stack | None = None
    start: tuple[Any, Any] | None = None
    begin: Path | None = None


def train(config: TrainConfig, caches: Sequence[Path], dev: Source, out: Path, *, progress: Progress) -> Manifest:
    """Train one student per seed, in the stages that the config names; finished ones are left as they are.

    caches, Errors: see `train_stage`. All stages but the last lie in out/stage-1, out/stage-2, …
    """
    refuse_foreign(out, "student")
    if config.method:
        progress.note(f"method {config.method}: {METHODS[config.method].says}")
    begin, stages = None, stages_of(config)
    for number, stage in enumerate(stages, 1):
        if len(stages) > 1:
            progress.note(f"stage {number} of {len(stages)}: {', '.join(stage.losses)}")
        place = out if number == len(stages) else out / f"{STAGES}{number}"
        manifest = train_stage(stage, caches, dev, place, begin=begin, progress=progress)
        begin = place
    return manifest


def train_stage(
    config: TrainConfig,
    caches: Sequence[Path],
    dev: Source,
    out: Path,
    *,
    begin: Path | None = None,
    progress: Progress,
) -> Manifest:
    """Train one student per seed; finished ones of the same config and data are left as they are.

    caches: of one teacher, or of several over the same examples; the student learns from all of them together.
    begin: directory of the stage before, whose weights the students begin with
    Errors: a cache that is unfinished, damaged or stale; a loss whose signal the cache lacks; a student that does not
    fit the task; a directory that holds another run (STALE); a signal to stop (TRY_AGAIN: run it again).
    """
    reader, manifests = open_caches(caches, rows=config.rows)
    for manifest in manifests:
        if said := sentence(manifest.report.get("agreement", {})):
            progress.note(said)
    config = resolve(config, reader)
    reader = choose_rows(config, reader, manifests[0])
    a_pass = sum(group.taken(config.draws, 0) for group in reader.groups)
    config = settle_budget(config, reader.count, say=progress.note, a_pass=a_pass)
    weights, heard = reader.class_weights(config.class_weights), Heard(progress)
    examples = list(read(dev, reader.task, split="dev", tell=heard))
    origins = origins_of(config, manifests, examples) | ({"stage": identity_of(begin)} if begin else {})
    teacher = teacher_stack(manifests[0], reader)
    material = Material(reader, weights, examples, heard, origins, out / ENCODED, teacher=teacher, begin=begin)
    one = len(config.seeds) == 1
    jobs = {out if one else out / f"{SEED}{seed}": replace(config, seeds=(seed,)) for seed in config.seeds}
    refuse_other_number(out, "student" if one else "students")
    if (there := find_all(out, jobs, material.origins)) is not None:
        tidy(out)
        return there
    with writing(out):
        missing = {at: job for at, job in jobs.items() if find_all(at, {at: job}, material.origins) is None}
        if missing:
            refuse_damaged_files(config, caches[0], manifests[0])
            train_all(missing, material, progress=progress)
        clear(out)
        if not one:
            tidy_seeds(out)
            write_manifest(out, fold_many([*jobs], material.origins))
    return read_manifest(out, "student" if one else "students")


def train_all(jobs: Mapping[Path, TrainConfig], material: Material, *, progress: Progress) -> None:
    """Train a student for each directory. They share the vocabulary, the encoded dev set and the rows' ids."""
    config, reader = next(iter(jobs.values())), material.reader
    torch.set_num_threads(config.threads or torch.get_num_threads())
    joint, types = JOINT in row_of(config.model).units, None
    if config.start:
        start = load_to_teach(config.start, reader.task, say=progress.note)
        material, types = replace(material, start=start), reads_types(config.max_words, reader.files, *start)
    texts = reader.chunks_of_texts(progress)
    vocabulary = build_vocabulary(config, reader.files, texts, joint=joint, types=types)
    refuse_other_tokens(config, reader, vocabulary)
    dev = encode_labelled(material.dev, reader.task, vocabulary)
    if not len(dev.labels):
        raise PotstillError("the dev file has no labelled row", hint="--dev FILE with a label column")
    progress.note(note_overlap(material.dev, reader))
    if isinstance(vocabulary, Subwords) and names_sub_words(config.vectors, vocabulary):
        material = replace(material, named=table_of(config.vectors, vocabulary, reader, progress))
    for out, job in jobs.items():
        with nullcontext() if out == material.encoded.parent else writing(out):
            set_damaged_aside(out, "student", progress=progress)
            train_one(job, material, vocabulary, dev, out, progress=progress)


def train_one(
    config: TrainConfig,
    material: Material,
    vocabulary: Words | Subwords | Joint,
    dev: Labelled,
    out: Path,
    *,
    progress: Progress,
) -> None:
    """Train the student of one seed, or go on where it was broken off, and seal it."""
    reader, started = material.reader, time.monotonic()
    counts = {"vocabulary": vocabulary.size, "classes": reader.task.width, "texts": 2 if reader.task.pair else 1}
    encoder = material.start[0] if material.start else None
    width = encoder.config.hidden_size if encoder else config.dimensions or RANDOM_WIDTH
    likely = shape_of(config, dimensions=width, **counts)
    smaller = " ".join(f"--set {spell_size(name)}=…" for name in own_sizes(config.model))
    refuse_too_large(lambda: build_model(likely), choose_device(config.device), hint=f"smaller ones: {smaller}")
    table = (
        None
        if encoder
        else starting_table(config, vocabulary, reader.files, seed=config.seeds[0], named=material.named)
    )
    sources = Sources(table, encoder, config.start_map, vocabulary.segments, reader.task)
    shape = shape_of(config, dimensions=width if table is None else table.shape[1], **counts)
    shape = row_of(config.model).complete(shape, sources)
    encoded = open_encoded(material.encoded, reader, vocabulary, say=progress.note)
    model = start_model(shape, sources, seed=config.seeds[0])
    if material.begin:
        load_weights(left_by(material.begin, config.seeds[0]), model)
    run = student_run(
        config,
        model,
        Stream(reader, vocabulary, config.rows_a_step, config.block_groups, config.seeds[0], encoded, config.draws),
        dev,
        out,
        class_weights=material.class_weights,
        stacks=(Stack(shape.layers, shape.dimensions, shape.heads) if shape.layers else None, material.teacher),
        key=store.digest_of([what_only(config), material.origins, vocabulary.digest()]),
    )
    trained = train_from(run, config, seed=config.seeds[0], progress=progress)
    _seal(out, shape, vocabulary, trained, material, time.monotonic() - started)


def student_run(
    config: TrainConfig,
    model: nn.Module,
    stream: Stream,
    dev: Labelled,
    out: Path,
    *,
    class_weights: tuple[float, ...] | None = None,
    stacks: tuple[Stack | None, Stack | None] = (None, None),
    key: str = "",
) -> Run:
    """What `train_from` works with, of a config that is resolved: losses and optimizer of a student.

    class_weights: how much a row of each class counts; stacks: the layers of student and teacher, for losses that
    compare them; key: hash of config and data
    """
    device = choose_device(config.device)
    freeze(model, config.frozen)
    objective = Objective(
        read_losses(config.losses),
        dev.task,
        labelled=stream.reader.labelled,
        class_weights=class_weights,
        student=stacks[0],
        teacher=stacks[1],
        layer_map=config.layer_map,
        seed=config.seeds[0],
    )
    if isinstance(model, SmallTransformer):
        model.states = any(objective.pairs.values())
        if any(loss.needs.attention for loss in objective.losses.values()):
            model.keep_attention()
    optimizer = Optimizer(
        model.to(device),
        config.optimizer,
        weight_decay=config.weight_decay,
        embedding_lr=config.embedding_lr,
        also=objective.to(device).trained(),
    )
    return Run(model, optimizer, objective, stream, dev, out, key, averages_of(model, config.ema, optimizer.tables))


def _seal(
    out: Path, shape: Shape, vocabulary: Words | Subwords | Joint, trained: Trained, material: Material, seconds: float
) -> None:
    """Write the students of the best evaluation and of the last step as one, and forget what a resume needs."""
    result = trained.numbers | {"seconds": round(seconds, 1), KEY: material.heard.values()}
    last = result | {"dev": result["last_dev"], "best_step": result["steps"]}
    assert isinstance(trained.config, TrainConfig)
    with torch.device("meta"):
        tables = tables_of(build_model(shape))
    with sealing(out) as stage:
        students = ((stage / LAST_STEP, last, trained.last), (stage, result, trained.best))
        for directory, numbers, tensors in students:
            save_weights(directory, pack(tensors, tables, trained.config.table_dtype))
            vocabulary.save(directory)
            seal_one(directory, shape, material.reader.task, trained.config, material.origins, numbers)
        write_curve(stage, trained.curve)
    clear(out)


def origins_of(config: TrainConfig, caches: list[Manifest], dev: list[Example]) -> dict[str, str]:
    """Hashes of what a student is made from: its caches (cache, cache_2, …), dev rows and word vectors."""
    origins = {f"cache_{number}" if number > 1 else "cache": cache.root for number, cache in enumerate(caches, 1)}
    origins["dev"] = store.digest_of([[example.id, example.label] for example in dev])
    if config.vectors and config.vectors != MEANS:
        origins["vectors_file"] = fingerprint(config.vectors)
    return origins | ({"start": of_model(config.start)} if config.start else {})


def find_all(out: Path, jobs: Mapping[Path, TrainConfig], origins: dict[str, str]) -> Manifest | None:
    """The manifest of a finished student, or over those of all seeds; None where something is missing or damaged."""
    found = [find_finished(place, "student", as_dict(config), origins) for place, config in jobs.items()]
    if len(jobs) == 1 or None in found:
        return found[0] if len(jobs) == 1 else None
    whole = fold_many([*jobs], origins)
    return whole if is_sealed(out, whole) else None
