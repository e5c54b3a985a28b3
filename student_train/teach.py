"""Fine-tune a Hugging Face encoder on labels: the teacher. The same loop as a student's, with `ce` and no cache.

out/  model.safetensors config.json tokenizer.json …   a plain Hugging Face directory, plus our manifest
      examples/                                        the training rows, as the loop streams them
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn

from data import store
from data.config import as_dict
from data.errors import PotstillError
from data.example import Example
from data.examples import describe, write_parts
from data.layout import MANIFEST
from data.manifest import Manifest, open_sealed, read_manifest, write_manifest
from data.progress import Progress
from data.readers.examples import read
from data.readers.identity import is_scratch, of_model, of_source
from data.readers.said import KEY, Heard
from data.readers.source import Source
from data.running.output import refuse_foreign
from data.tasks.task import Task
from data.text.encoding import feed_of
from data.text.families import position_limit
from data.text.held_out import Guard, Overlap, guard_of, without
from student_train.batch import pad_inputs
from student_train.config import TeachConfig, TrainConfig, what_only
from student_train.directory.found import find_finished, set_damaged_aside
from student_train.directory.writing import clear, sealing, tidy, writing
from student_train.feed.reader import open_examples
from student_train.loop.dev import encode_labelled
from student_train.loop.history import write_curve
from student_train.loop.optim import Optimizer
from student_train.loop.run import Fit, Fitted, run
from student_train.models.encoder import load_to_teach, new_encoder
from student_train.models.hugging_face import Transformer
from student_train.models.precision import choose_device, choose_precision, precision_that_suits
from student_train.models.scratch import open_tokenizer
from student_train.objective import teacher_objective
from student_train.vocab.vocabulary import Joint


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
    refuse_foreign(out, "encoder")
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
    if (manifest := find_finished(out, "encoder", as_dict(config), origins)) is not None:
        heard.recall(manifest.report)
        tidy(out)
        return manifest
    about = (task, examples, origins)
    with writing(out):
        if find_finished(out, "encoder", as_dict(config), origins) is None:  # who was here before may have finished it
            set_damaged_aside(out, "encoder", progress=progress)
            rows = read(train, task, split="train", tell=heard)
            _write_rows(rows, about, kept_out.guard(task, heard), out, progress=progress)
            _teach(config, about, model, out, heard=heard, progress=progress)
        clear(out)
    return read_manifest(out, "encoder")


def _teach(
    config: TeachConfig,
    about: tuple[Task, list[Example], dict[str, str]],
    model: str,
    out: Path,
    *,
    heard: Heard,
    progress: Progress,
) -> None:
    """Fine-tune and seal."""
    (task, dev, origins), started = about, time.monotonic()
    torch.set_num_threads(config.threads or torch.get_num_threads())
    rows = read_manifest(out / "examples", "examples")
    own, mark = open_tokenizer(out, out / "examples", rows.root) if is_scratch(model) else (None, "")
    network, tokenizer = _open_model(model, config, task, own, say=progress.note)
    agreed = origins | {"tokenizer": mark}  # what a resume must find as it was
    fitted = _train(config, network, tokenizer, (task, dev, agreed), out, progress=progress)
    seconds = round(time.monotonic() - started, 1)
    numbers = fitted.numbers | {"seconds": seconds, KEY: heard.values()}
    with sealing(out) as stage:
        _seal(stage, network, tokenizer, fitted.config, (task, origins), numbers)
        write_curve(stage, fitted.curve)


def _write_rows(
    train: Iterable[Example],
    about: tuple[Task, list[Example], dict[str, str]],
    guard: Guard,
    out: Path,
    *,
    progress: Progress,
) -> None:
    """Keep the training rows but for the guarded ones, and say how many dev texts stand among them."""
    (task, dev, origins), directory = about, out / "examples"
    left_out: Counter[str] = Counter()
    overlap = Overlap(dev)

    def rows() -> Iterator[Example]:
        for example in without(train, guard, left_out):
            overlap.see([(example.text, example.pair)])
            yield example

    parts = write_parts(directory, rows(), task)
    write_manifest(directory, Manifest("examples", task, tuple(parts), {"train": origins["train"]}))
    if left_out:
        progress.note(f"{left_out.total()} training rows equal a text of --exclude: left out")
    progress.note(overlap.note("potstill teach … --exclude DEV leaves them out"))


def _train(
    config: TeachConfig,
    network: nn.Module,
    tokenizer: Any,
    about: tuple[Task, list[Example], dict[str, str]],
    out: Path,
    *,
    progress: Progress,
) -> Fitted:
    """Run the loop; the network holds its best weights afterwards."""
    task, examples, origins = about
    reader, options = teacher_objective(config, open_examples(out / "examples"))
    feed = feed_of(tokenizer, network, config.max_length)
    vocabulary = Joint(feed)
    device = choose_device(config.device)
    wrapped = Transformer(network, feed).to(device)
    texts, say = ["a", "The quick brown fox jumps over the lazy dog."], progress.note
    trial = pad_inputs(vocabulary.encode(texts, texts if task.pair else None), np.arange(len(texts)))
    what = Fit(
        losses={"ce": 1.0},
        options=options,
        precision=precision_that_suits(wrapped, trial, choose_precision(config.precision, device), device, say=say),
        device=device,
        seed=config.seed,
        key=store.digest_of([what_only(config), origins]),
        metric=task.metric(config.best_by),
    )
    optimizer = Optimizer(wrapped, "adamw", weight_decay=config.weight_decay)
    rows = (reader, vocabulary, encode_labelled(examples, task, vocabulary))
    fitted = run(what, config, (wrapped, optimizer), rows, out, progress=progress)
    wrapped.load_state_dict(fitted.best)
    return fitted


def _seal(
    out: Path,
    network: Any,
    tokenizer: Any,
    config: TrainConfig | TeachConfig,
    about: tuple[Task, dict[str, str]],
    numbers: dict[str, Any],
) -> None:
    """Write a plain Hugging Face directory and its manifest."""
    network.to("cpu").save_pretrained(out)
    for path in out.glob("*.safetensors"):
        store.follow_umask(path)
    tokenizer.save_pretrained(out)
    task, origins = about
    report = numbers | {"parameters": sum(parameter.numel() for parameter in network.parameters())}
    parts = tuple(describe(path, 0, "") for path in sorted(out.iterdir()))
    write_manifest(out, Manifest("encoder", task, parts, origins, as_dict(config), report))


def _open_model(
    model: str, config: TeachConfig, task: Task, own: Tokenizer | None, *, say: Callable[[str], None]
) -> tuple[Any, Any]:
    """The network with a fresh head for the task, and its tokenizer; the head's start depends on the seed alone.

    own: the tokenizer of a model from scratch
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        if own is not None:
            return new_encoder(model.partition(":")[2] or "4x256", task, own, longest=config.max_length)
        if (Path(model) / MANIFEST).is_file():
            open_sealed(Path(model), "encoder")  # else a damaged teacher would be fine-tuned
        network, tokenizer = load_to_teach(model, task, say=say)
    longest = position_limit(network.config.to_dict(), tokenizer.model_max_length)
    if longest and config.max_length > longest:
        raise PotstillError(
            f"max_length {config.max_length} is above the {longest} positions of {model}",
            hint=f"--set teach.max_length={longest}",
        )
    return network, tokenizer
