"""One run of the training loop: start or resume, log, keep the best weights, stop on a signal."""

import time
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from data.errors import STALE, PotstillError
from data.layout import ENCODED
from data.progress import Progress
from data.running.stop import stoppable
from student_train.batch import pad_inputs
from student_train.config import ASKED, TeachConfig, TrainConfig
from student_train.feed.encoded import open_encoded
from student_train.feed.reader import Reader
from student_train.feed.stream import Stream
from student_train.loop.checkpoint import Kept, load_training, save_training
from student_train.loop.dev import Labelled, doubts
from student_train.loop.history import History
from student_train.loop.optim import Optimizer
from student_train.loop.steps import Course, State, train_steps
from student_train.losses.table import Options
from student_train.models.precision import describe, precision_that_suits, spell_out
from student_train.models.shape import Shape
from student_train.models.table import build_model
from student_train.models.weights import copy_weights
from student_train.vocab.vocabulary import Vocabulary

SAVE_SECONDS = 300  # a killed run loses at most this much
TRIAL_ROWS = 2  # on which a precision is tried


@dataclass(frozen=True)
class Fit:
    """What differs between two runs of one config: objective, machine, seed. `key` identifies config and data.

    metric: what the best step is chosen by
    encoded: where encoded rows are kept; None: with the run, and removed with its checkpoint once the model is sealed
    """

    losses: dict[str, float]
    options: Options
    precision: torch.dtype
    device: torch.device
    seed: int
    key: str
    metric: str
    encoded: Path | None = None


@dataclass(frozen=True)
class Fitted:
    """What a run ends with: its numbers, its learning curve, and weights of its best evaluation and its last step.

    config: with what `auto` stood for
    """

    config: TrainConfig | TeachConfig
    numbers: dict[str, Any]
    curve: list[dict[str, Any]]
    best: dict[str, Tensor]
    last: dict[str, Tensor]


def fit(
    what: Fit,
    config: TrainConfig,
    start: tuple[Shape, Tensor],
    rows: tuple[Reader, Vocabulary, Labelled],
    out: Path,
    *,
    progress: Progress,
) -> Fitted:
    """Train a student from its starting table."""
    shape, table = start
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(what.seed)
        model = build_model(shape)
        model.embedding.fill(table)  # type: ignore[union-attr,operator]
    optimizer_of = Optimizer(
        model.to(what.device), config.optimizer, weight_decay=config.weight_decay, embedding_lr=config.embedding_lr
    )
    dev = rows[2]
    trial = pad_inputs(dev.sides, np.arange(min(TRIAL_ROWS, len(dev.labels))))
    fits = precision_that_suits(model, trial, what.precision, what.device, say=progress.note)
    return run(replace(what, precision=fits), config, (model, optimizer_of), rows, out, progress=progress)


def run(
    what: Fit,
    config: TrainConfig | TeachConfig,
    subject: tuple[nn.Module, Optimizer],
    rows: tuple[Reader, Vocabulary, Labelled],
    out: Path,
    *,
    progress: Progress,
) -> Fitted:
    """Run the loop over a model and its optimizer: log, save, stop when asked.

    Nothing of the directory's own is written: until the seal there are the curve and what a resume needs.
    """
    (model, optimizer), (reader, vocabulary, dev) = subject, rows
    kept = load_training(out, model, optimizer, key=what.key) or Kept(State(), [], {}, [])
    spelled = spell_out(config, what.precision, what.device)
    arithmetic = _compared(out, kept, config, spelled, progress)
    state, best = kept.state, kept.best
    history = History(out, after=state.step, lines=kept.curve, losses=state.losses)
    encoded = open_encoded(what.encoded or out / ENCODED, reader, vocabulary, say=progress.note)
    stream = Stream(reader, vocabulary, config.batch_size, config.block_groups, what.seed, encoded)
    course = _course(what, config)
    saved = time.monotonic()

    def save(*, over: bool = False) -> None:
        state.losses = history.pending()
        save_training(out, model, optimizer, Kept(state, history.lines, best, arithmetic), key=what.key, over=over)

    with stoppable("the training state is kept") as stop:
        for step in train_steps(model, optimizer, stream, dev, course=course, state=state, progress=progress):
            if step.number - 1 == history.start:
                progress.start(f"train {out.name}", total=step.total - history.start, unit="steps")
            history.add(step)
            if step.is_best:
                best = copy_weights(model)
            if step.metrics:
                history.note(step, state.epoch)
            due = time.monotonic() - saved > SAVE_SECONDS and step.number < step.total
            leave = bool(stop.asked)  # read once: a signal that comes after the saving waits for the next step
            if due or leave:
                save()
                saved = time.monotonic()
            progress.advance(1, history.info(step, what.metric))
            if leave:
                stop.check()
    if state.step > history.start:  # a run that was stopped at its very end has nothing left to do
        progress.finish()
        try:
            save(over=True)  # writing the model may be killed, or find the disk full
        except OSError as error:  # there may be room for the model, which is smaller
            progress.note(f"the training state is not kept while the model is written: {error}")
    numbers = _doubted(history.summary(what.metric), dev, progress) | _departures(config, spelled, arithmetic)
    return Fitted(spelled, numbers, history.lines, best, copy_weights(model))


def _departures(
    config: TrainConfig | TeachConfig, spelled: TrainConfig | TeachConfig, went: list[str]
) -> dict[str, Any]:
    """Notes for the manifest if precision or device changed during the run, or differ from those asked for."""
    several = {"arithmetic": went} if len(went) > 1 else {}
    return several | ({ASKED: config.precision} if config.precision not in ("auto", spelled.precision) else {})


def _doubted(numbers: dict[str, Any], dev: Labelled, progress: Progress) -> dict[str, Any]:
    """A run's numbers, with warnings where its answers on dev are worth nothing."""
    found = doubts(numbers["dev"], numbers["answered"], dev)
    for doubt in found:
        progress.note(f"warning: {doubt}")
    return numbers | ({"warnings": found} if found else {})


def _compared(
    out: Path, kept: Kept, config: TrainConfig | TeachConfig, spelled: TrainConfig | TeachConfig, progress: Progress
) -> list[str]:
    """In which numbers the run went so far and goes on; another precision that was asked for is another run (STALE).

    spelled: the config with what is taken here.
    """
    asked, here = config.precision if config.precision == "auto" else spelled.precision, describe(spelled)
    if not kept.arithmetic or kept.arithmetic[-1] == here:
        return kept.arithmetic or [here]
    before = kept.arithmetic[-1]
    if asked not in ("auto", before.split()[0]):
        raise PotstillError(
            f"{out} holds an unfinished run in {before}, this one asks for {asked}",
            hint="go on with --set precision=auto, name another output directory, or remove this one",
            code=STALE,
        )
    progress.note(f"{out} goes on in {here}; up to step {kept.state.step} it was trained in {before}")
    return [*kept.arithmetic, here]


def _course(what: Fit, config: TrainConfig | TeachConfig) -> Course:
    """What the loop needs of a config, which has fields of the same names, and what differs between two runs of it."""
    own = {name: getattr(what, name) for name in ("losses", "options", "metric", "seed", "device", "precision")}
    names = {field.name for field in fields(Course)} - own.keys()
    return Course(**own, **{name: getattr(config, name) for name in names})
