"""Fine-tune a Hugging Face encoder on labels: the teacher. The same loop as a student's, with `ce` and no cache.

out/  model.safetensors config.json tokenizer.json …   a plain Hugging Face directory, plus our manifest
      examples/                                        the training rows, as the loop streams them
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import torch

from data import store
from data.config import as_dict
from data.errors import PotstillError
from data.example import Example
from data.examples import describe, write_parts
from data.layout import ENCODED
from data.manifest import Manifest, read_manifest, write_manifest
from data.progress import Progress
from data.readers.examples import read
from data.readers.identity import is_scratch, of_model, of_source
from data.readers.said import KEY, Heard
from data.readers.source import Source
from data.running.output import refuse_foreign
from data.tasks.task import Task
from data.text.held_out import Guard, Overlap, guard_of, without
from student_train.config import TeachConfig, what_only
from student_train.directory.found import find_finished, set_damaged_aside
from student_train.directory.writing import clear, sealing, tidy, writing
from student_train.feed.encoded import open_encoded
from student_train.feed.reader import open_examples
from student_train.feed.stream import Stream
from student_train.loop.averages import averages_of
from student_train.loop.dev import encode_labelled
from student_train.loop.history import write_curve
from student_train.loop.optim import Optimizer
from student_train.loop.run import train_from
from student_train.loop.steps import Run
from student_train.losses.objective import Objective
from student_train.losses.on_logits.hard import Gold
from student_train.models.encoders.hugging_face import Transformer, encoder_shape
from student_train.models.encoders.scratch import keep_tokenizer
from student_train.models.precision import choose_device
from student_train.models.table import Sources, start_model
from student_train.vocab.vocabulary import Joint

EXAMPLES = "examples"  # the training rows, in the teacher's directory


@dataclass(frozen=True)
class KeptOut:
    """Texts that the teacher must not learn from (dev, test); symmetric: pairs with their texts swapped neither."""

    sources: tuple[Source, ...] = ()
    symmetric: bool = False

    def guard(self, task: Task, tell: Heard) -> Guard:
        files = (read(source, task, split="unlabelled", role="exclude", tell=tell) for source in self.sources)
        found = guard_of(chain.from_iterable(files))
        return found.both_ways() if self.symmetric else found

    def digest(self) -> str:
        return store.digest_of([sorted(of_source(source) for source in self.sources), self.symmetric])


NOTHING = KeptOut()


def teach(
    config: TeachConfig,
    task: Task,
    train: Source,
    dev: Source,
    model: str,
    out: Path,
    *,
    kept_out: KeptOut = NOTHING,
    progress: Progress,
) -> Manifest:
    """Fine-tune `model` (hub name, directory or `scratch[:LAYERSxWIDTH]`) and keep its best evaluation.

    A finished directory of the same config and data is returned as it is; another one's is refused (STALE).
    """
    refuse_foreign(out, "teacher")
    task.metric(config.best_by)  # refuses a metric that the task does not have
    heard = Heard(progress)
    examples = list(read(dev, task, split="dev", tell=heard))
    if all(example.label is None for example in examples):
        raise PotstillError(f"{dev.path} has no labelled row to choose by", hint="--dev FILE with a label column")
    origins = {
        "train": of_source(train),
        "dev": store.digest_of([[example.id, example.label] for example in examples]),
        "model": of_model(model),
    }
    if kept_out.sources:
        origins["exclude"] = kept_out.digest()
    if (manifest := find_finished(out, "teacher", as_dict(config), origins)) is not None:
        heard.recall(manifest.report)
        tidy(out)
        return manifest
    with writing(out):
        if find_finished(out, "teacher", as_dict(config), origins) is None:  # who was here before may have finished it
            set_damaged_aside(out, "teacher", progress=progress)
            guard, overlap = kept_out.guard(task, heard), Overlap(examples)
            rows = kept_rows(read(train, task, split="train", tell=heard), guard, overlap, progress)
            parts = tuple(write_parts(out / EXAMPLES, rows, task))
            write_manifest(out / EXAMPLES, Manifest("examples", task, parts, {"train": origins["train"]}))
            progress.note(overlap.note("potstill teach … --exclude DEV leaves them out"))
            _teach(config, task, examples, model, out, origins=origins, heard=heard, progress=progress)
        clear(out)
    return read_manifest(out, "teacher")


def kept_rows(rows: Iterable[Example], guard: Guard, overlap: Overlap, progress: Progress) -> Iterator[Example]:
    """Pass on the training rows but for the guarded ones, count the dev texts among them, and say what was left out."""
    left_out: Counter[str] = Counter()
    for example in without(rows, guard, left_out):
        overlap.see([(example.text, example.pair)])
        yield example
    if left_out:
        progress.note(f"{left_out.total()} training rows equal a text of --exclude: left out")


def _teach(
    config: TeachConfig,
    task: Task,
    dev: list[Example],
    model: str,
    out: Path,
    *,
    origins: dict[str, str],
    heard: Heard,
    progress: Progress,
) -> None:
    """Fine-tune on the rows that were written, or go on where it was broken off, and seal.

    origins: hashes of what the teacher is made from, by role; heard: what was said of the files
    """
    started, rows = time.monotonic(), read_manifest(out / EXAMPLES, "examples")
    torch.set_num_threads(config.threads or torch.get_num_threads())
    own, mark = keep_tokenizer(out, out / EXAMPLES, rows.root) if is_scratch(model) else (None, "")
    shape = encoder_shape(task, model, longest=config.max_length, tokenizer=own)
    encoder = start_model(shape, Sources(), seed=config.seed)
    assert isinstance(encoder, Transformer)
    for note in encoder.notes:
        progress.note(note)
    key = store.digest_of([what_only(config), origins | {"tokenizer": mark}])  # what a resume must find as it was
    run = teacher_run(config, encoder, dev, out, key=key, progress=progress)
    trained = train_from(run, config, seed=config.seed, progress=progress)
    run.model.load_state_dict(trained.best)
    numbers = trained.numbers | {"seconds": round(time.monotonic() - started, 1), KEY: heard.values()}
    with sealing(out) as stage:
        _seal(stage, encoder, Manifest("teacher", task, (), origins, as_dict(trained.config), numbers))
        write_curve(stage, trained.curve)


def teacher_run(
    config: TeachConfig, encoder: Transformer, dev: list[Example], out: Path, *, key: str, progress: Progress
) -> Run:
    """What `train_from` works with: cross-entropy on the labelled rows of `out`, by AdamW."""
    reader, device = open_examples(out / EXAMPLES).with_labels("labelled"), choose_device(config.device)
    task, vocabulary, model = reader.task, Joint(encoder.feed), encoder.to(device)
    encoded = open_encoded(out / ENCODED, reader, vocabulary, say=progress.note)
    optimizer = Optimizer(model, "adamw", weight_decay=config.weight_decay)
    return Run(
        model,
        optimizer,
        Objective({"ce": Gold()}, task, class_weights=reader.class_weights(config.class_weights)).to(device),
        Stream(reader, vocabulary, config.batch_size, config.block_groups, config.seed, encoded),
        encode_labelled(dev, task, vocabulary),
        out,
        key,
        averages_of(model, config.ema, optimizer.tables),
    )


def _seal(out: Path, encoder: Transformer, manifest: Manifest) -> None:
    """Write a plain Hugging Face directory and its manifest, in which the files and their size are filled in."""
    encoder.model.to("cpu").save_pretrained(out)  # type: ignore[operator]
    for path in out.glob("*.safetensors"):
        store.follow_umask(path)
    encoder.tokenizer.save_pretrained(out)
    report = manifest.report | {"parameters": sum(parameter.numel() for parameter in encoder.parameters())}
    parts = tuple(describe(path, 0, "") for path in sorted(out.iterdir()))
    write_manifest(out, replace(manifest, parts=parts, report=report))
