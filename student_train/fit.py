"""One run of the training loop with everything around it: start or resume, log, keep the best, leave when asked."""

import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from data import store
from data.progress import Progress
from data.stop import stoppable
from student_train.checkpoint import clear_training, load_training, save_training, save_weights
from student_train.config import TeachConfig, TrainConfig
from student_train.encoded import FOLDER, clear_encoded, open_encoded
from student_train.history import History
from student_train.loop import Course, State, train_steps
from student_train.losses.table import Options
from student_train.measure import Labelled
from student_train.models.shape import Shape
from student_train.models.table import build_model
from student_train.optim import Optimizer
from student_train.reader import Reader
from student_train.stream import Stream
from student_train.vocab import Vocabulary

SAVE_SECONDS = 300  # a killed run loses at most this much
LAST_STEP = "last"  # the student of the last step, as a directory of its own


@dataclass(frozen=True)
class Fit:
    """What differs between two runs of one config: objective, machine, seed. `key` identifies config and data.

    encoded: where encoded rows are kept; None: with the run, and removed with its checkpoint
    """

    losses: dict[str, float]
    options: Options
    precision: torch.dtype
    device: torch.device
    seed: int
    key: str
    encoded: Path | None = None


def fit(
    what: Fit,
    config: TrainConfig,
    start: tuple[Shape, Tensor],
    rows: tuple[Reader, Vocabulary, Labelled],
    out: Path,
    *,
    progress: Progress,
) -> dict[str, Any]:
    """Train a student from its starting table. Returns its numbers.

    Afterwards its best weights lie in `out`, those of the last step in `out/last`.
    """
    shape, table = start
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(what.seed)
        model = build_model(shape)
        model.embedding.fill(table)  # type: ignore[union-attr,operator]
    optimizer_of = Optimizer(
        model.to(what.device), config.optimizer, weight_decay=config.weight_decay, embedding_lr=config.embedding_lr
    )
    numbers = run(what, config, (model, optimizer_of), rows, out, progress=progress)
    save_weights(out / LAST_STEP, model)
    return numbers


def run(
    what: Fit,
    config: TrainConfig | TeachConfig,
    subject: tuple[nn.Module, Optimizer],
    rows: tuple[Reader, Vocabulary, Labelled],
    out: Path,
    *,
    progress: Progress,
) -> dict[str, Any]:
    """Run the loop over a model and its optimizer: log, save, stop when asked. Best weights and curve lie in `out`."""
    (model, optimizer), (reader, vocabulary, dev) = subject, rows
    out.mkdir(parents=True, exist_ok=True)
    store.sweep(out)
    state = load_training(out, model, optimizer, key=what.key) or State()
    history = History(out, after=state.step, losses=state.losses)
    encoded = open_encoded(what.encoded or out / FOLDER, reader, vocabulary, say=progress.note)
    stream = Stream(reader, vocabulary, config.batch_size, config.block_groups, what.seed, encoded)
    course = _course(what, config)
    main, saved = dev.task.rules.main_metric, time.monotonic()
    with stoppable("the training state is kept") as stop:
        for step in train_steps(model, optimizer, stream, dev, course=course, state=state):
            if step.number - 1 == history.start:
                progress.start(f"train {out.name}", total=step.total - history.start, unit="steps")
            history.add(step)
            if step.is_best:
                save_weights(out, model)
            if step.metrics:
                history.note(step, state.epoch)
            due = time.monotonic() - saved > SAVE_SECONDS and step.number < step.total
            asked = bool(stop.asked)  # read once: a signal that comes after the saving waits for the next step
            if due or asked:
                state.losses = history.pending()
                save_training(out, model, optimizer, state, key=what.key)
                saved = time.monotonic()
            progress.advance(1, history.info(step, main))
            if asked:
                stop.check()
    if state.step > history.start:  # a run that was stopped at its very end has nothing left to do
        progress.finish()
    clear_training(out)
    clear_encoded(out / FOLDER)
    return history.summary(main)


def _course(what: Fit, config: TrainConfig | TeachConfig) -> Course:
    """What the loop needs of a config, which has fields of the same names, and what differs between two runs of it."""
    own = {name: getattr(what, name) for name in ("losses", "options", "seed", "device", "precision")}
    names = {field.name for field in fields(Course)} - own.keys()
    return Course(**own, **{name: getattr(config, name) for name in names})
