"""One run of the training loop: start or resume, log, keep the best weights, stop on a signal."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from data.errors import STALE, PotstillError
from data.progress import Progress
from data.running.stop import stoppable
from student_train.batch import pad_inputs
from student_train.config import ASKED, TeachConfig, TrainConfig
from student_train.loop.checkpoint import Kept, load_training, save_training
from student_train.loop.dev import doubts
from student_train.loop.history import History
from student_train.loop.steps import Course, Run, train_steps
from student_train.models.precision import choose_device, choose_precision, describe, precision_that_suits, spell_out

SAVE_SECONDS = 300  # a killed run loses at most this much


@dataclass(frozen=True)
class Trained:
    """What a run ends with: its numbers, its learning curve, and weights of its best evaluation and its last step.

    config: with what `auto` stood for
    """

    config: TrainConfig | TeachConfig
    numbers: dict[str, Any]
    curve: list[dict[str, Any]]
    best: dict[str, Tensor]
    last: dict[str, Tensor]


def train_from(run: Run, config: TrainConfig | TeachConfig, *, seed: int = 0, progress: Progress) -> Trained:
    """Train the model of a run, or go on where it was broken off: log, save, stop when asked.

    Nothing of the directory's own is written: until the seal there are the curve and what a resume needs.
    seed: of dropout
    """
    course, kept = course_of(run, config, seed, progress), load_training(run)
    arithmetic = _arithmetic(run, course, kept, progress)
    state, best = kept.state, kept.best
    history = History(run.out, after=state.step, lines=kept.curve, losses=state.losses)
    saved = time.monotonic()

    def save(*, over: bool = False) -> None:
        state.losses = tuple(float(loss) for loss in history.losses)  # without them a resume's next mean is another
        save_training(run, Kept(state, history.lines, best, arithmetic), over=over)

    with stoppable("the training state is kept") as stop:
        for step in train_steps(run, course, state, progress=progress):
            if step.number - 1 == history.start:
                progress.start(f"train {run.out.name}", total=step.total - history.start, unit="steps")
            history.add(step)
            if step.is_best:
                best = run.weights()
            if step.metrics:
                history.note(step, state.epoch)
            due = time.monotonic() - saved > SAVE_SECONDS and step.number < step.total
            leave = bool(stop.asked)  # read once: a signal that comes after the saving waits for the next step
            if due or leave:
                save()
                saved = time.monotonic()
            progress.advance(1, history.info(step, course.metric))
            if leave:
                stop.check()
    if state.step > history.start:  # a run that was stopped at its very end has nothing left to do
        progress.finish()
        try:
            save(over=True)  # writing the model may be killed, or find the disk full
        except OSError as error:  # there may be room for the model, which is smaller
            progress.note(f"the training state is not kept while the model is written: {error}")
    numbers = _numbers(run, course, history, arithmetic, progress)
    return Trained(course.config, numbers, history.lines, best, run.weights())


def course_of(run: Run, config: TrainConfig | TeachConfig, seed: int, progress: Progress) -> Course:
    """Settle device and precision: a model that cannot be computed in less than float32 is trained in that."""
    device, order = choose_device(config.device), np.argsort(run.dev.sides[0].lengths, kind="stable")
    trial = pad_inputs(run.dev.sides, order[[0, -1]])  # the shortest row and the longest
    wanted = choose_precision(config.precision, device)
    precision = precision_that_suits(run.model, trial, wanted, device, say=progress.note)
    return Course(spell_out(config, precision, device), run.dev.task.metric(config.best_by), seed, config.precision)


def _arithmetic(run: Run, course: Course, kept: Kept, progress: Progress) -> list[str]:
    """In which numbers the run went so far and goes on; another precision that was asked for is another run (STALE)."""
    here, before = describe(course.config), kept.arithmetic[-1] if kept.arithmetic else ""
    if before in ("", here):
        return kept.arithmetic or [here]
    asked = course.asked if course.asked == "auto" else course.config.precision
    if asked not in ("auto", before.split()[0]):
        raise PotstillError(
            f"{run.out} holds an unfinished run in {before}, this one asks for {asked}",
            hint="go on with --set precision=auto, name another output directory, or remove this one",
            code=STALE,
        )
    progress.note(f"{run.out} goes on in {here}; up to step {kept.state.step} it was trained in {before}")
    return [*kept.arithmetic, here]


def _numbers(run: Run, course: Course, history: History, arithmetic: list[str], progress: Progress) -> dict[str, Any]:
    """The numbers of a run for its manifest: with warnings if its dev answers are worth nothing, and with notes if
    precision or device changed during the run, or differ from those asked for."""
    numbers = history.summary(course.metric)
    if warnings := doubts(numbers["dev"], numbers["answered"], run.dev):
        numbers["warnings"] = warnings
        for warning in warnings:
            progress.note(f"warning: {warning}")
    if len(arithmetic) > 1:
        numbers["arithmetic"] = arithmetic
    if course.asked not in ("auto", course.config.precision):
        numbers[ASKED] = course.asked
    return numbers
