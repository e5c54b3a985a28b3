"""The training loop: a generator of steps. Its caller logs, saves and stops.

The same loop trains students from a cache and fine-tunes teachers on labels; only what stands in `Run` differs.
Everything random in a step is keyed by (seed, step), and the plan of an epoch is a pure function, so a run resumed
from a checkpoint equals an undisturbed one to the last bit on a CPU.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from data.errors import BAD_DATA, PotstillError
from data.progress import Progress
from data.tasks.metrics import goodness
from student_train.batch import Batch
from student_train.config import TeachConfig, TrainConfig
from student_train.feed.stream import Stream
from student_train.loop.averages import Averages
from student_train.loop.dev import Labelled, measure
from student_train.loop.optim import Optimizer
from student_train.loop.schedule import rate_at
from student_train.losses.objective import Objective
from student_train.models.precision import products_in
from student_train.models.weights import copy_weights

USUAL = 2  # dev evaluations an epoch
MOST = 40  # dev evaluations of a run of many short epochs
SHARE = 0.1  # of the time, that dev evaluations may take


@dataclass(frozen=True)
class Run:
    """What one training works with, made by `train` and by `teach`.

    model, objective  on the device of the course; the optimizer holds the parameters of both
    stream            the batches of an epoch
    dev               labelled rows by which the best step is chosen
    out               directory of the learning curve and of what a resume needs
    key               hash of config and data: a run that was begun under another one is not gone on with
    average           moving averages of the model's weights, which are then measured and saved in their place
    """

    model: nn.Module
    optimizer: Optimizer
    objective: Objective
    stream: Stream
    dev: Labelled
    out: Path
    key: str = ""
    average: Averages | None = None

    def weights(self) -> dict[str, Tensor]:
        """What is saved: the weights as they are now, or their averages. Float32 on the CPU."""
        return self.average.weights() if self.average else copy_weights(self.model)


@dataclass(frozen=True)
class Course:
    """How long, how fast and in which numbers to train.

    config  with the device and the precision that are taken in the place of `auto`
    metric  name of the dev metric that says which step is the best
    seed    of dropout
    asked   the precision that was asked for
    """

    config: TrainConfig | TeachConfig
    metric: str
    seed: int = 0
    asked: str = "auto"

    @property
    def device(self) -> torch.device:
        return torch.device(self.config.device)

    @property
    def precision(self) -> torch.dtype:
        return getattr(torch, self.config.precision)


@dataclass
class State:
    """Where training stands. Together with model and optimizer it is all a resume needs.

    losses: those of the steps since the last evaluation, filled in when the state is saved
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    best: float = -math.inf  # as `goodness` turns it
    since_best: int = 0
    losses: Sequence[float] = ()


@dataclass(frozen=True)
class Step:
    """One step done: its number, loss (a tensor, read it seldom on a GPU), rows, rate, and dev metrics if measured.

    answered: how many different answers the dev rows got
    """

    number: int
    total: int
    loss: Tensor
    rows: int
    lr: float
    metrics: dict[str, float] | None
    is_best: bool
    answered: int = 0


def train_steps(run: Run, course: Course, state: State, *, progress: Progress) -> Iterator[Step]:
    """Train from `state` on, yielding after each step; `state` is up to date whenever a step is yielded.

    progress: is told of the rows of a slow evaluation, and where there are few evaluations
    """
    config, device, precision = course.config, course.device, course.precision
    sizes, total = planned(run.stream, config)
    most = affordable(total * run.stream.batch_size, len(run.dev.labels), precision)
    evaluate_at = evaluation_steps(sizes, config.evaluations, total, most=min(most, MOST))
    if config.evaluations is None and len(evaluate_at) == most < len(evaluation_steps(sizes, USUAL, total)):
        progress.note(
            f"the dev set is large beside the training: measured {most}×, not {USUAL}× an epoch (evaluations)"
        )
    run.model.train()
    while not is_over(state, config.patience or 0, total):
        for batch in run.stream.batches(state.epoch, start=state.batch):
            torch.manual_seed(course.seed * 1_000_003 + state.step)  # dropout of this step, whatever came before
            lr = rate_at(state.step, total, peak=config.lr, warmup=config.warmup, schedule=config.schedule)
            loss = take_step(run, course, batch, lr, done=state.step / total)
            state.step, state.batch = state.step + 1, state.batch + 1
            if state.batch == sizes[state.epoch]:
                state.epoch, state.batch = state.epoch + 1, 0
            metrics, answered = None, 0
            if state.step in evaluate_at:
                check_finite(float(loss), state.step)
                with run.average.in_place() if run.average else nullcontext():
                    metrics, answered = measure(run.model, run.dev, course.metric, device=device, progress=progress)
                found = goodness(course.metric, metrics[course.metric])
                state.since_best = 0 if found > state.best else state.since_best + 1
                state.best = max(state.best, found)
            is_best = bool(metrics) and not state.since_best
            yield Step(state.step, total, loss, len(batch.rows), lr, metrics, is_best, answered)
            if is_over(state, config.patience or 0, total):
                return


def take_step(run: Run, course: Course, batch: Batch, lr: float, *, done: float) -> Tensor:
    """Move the weights by one batch, and return its loss. done: share of the steps that are taken.

    The batch may be computed in several parts; their gradients are added, each by its share of the rows.
    """
    run.optimizer.zero_grad()
    losses = []
    for part in batch.parts(course.config.accumulate):
        part = part.to(course.device)
        with products_in(course.precision, course.device):
            outputs = run.model(part.inputs)
        loss = run.objective(outputs, part, done) * (len(part.rows) / len(batch.rows))
        loss.backward()
        losses.append(loss.detach())
    if run.average:
        run.average.before_step()
    run.optimizer.step(lr, clip=course.config.clip)
    if run.average:
        run.average.after_step()
    return losses[0] if len(losses) == 1 else torch.stack(losses).sum()


def planned(stream: Stream, config: TrainConfig | TeachConfig) -> tuple[list[int], int]:
    """Batches of each epoch, of as many epochs as `epochs` and `steps` ask for, and the steps that are taken in all."""
    sizes: list[int] = []
    while len(sizes) < (config.epochs or 0) or sum(sizes) < (config.steps or 0):
        sizes.append(sum(block.batches for block in stream.plan(len(sizes))))
    total = max(sum(sizes[: config.epochs or 0]), config.steps or 0)
    return sizes, min(total, config.max_steps or total)


def is_over(state: State, patience: int, total: int) -> bool:
    """Whether all steps are taken, or `patience` evaluations brought nothing better; a resume may begin there."""
    return state.step >= total or 0 < patience <= state.since_best


def evaluation_steps(sizes: list[int], evaluations: int | None, total: int, *, most: int = 1) -> set[int]:
    """Steps after which the dev set is measured: `evaluations` times an epoch, at its end, and at the last step.

    evaluations: None is `USUAL` times an epoch, but `most` times in all, at equal distances
    """
    if evaluations is None:
        usual = evaluation_steps(sizes, USUAL, total)
        return usual if len(usual) <= most else {math.ceil(total * part / most) for part in range(1, most + 1)}
    steps, start = {total}, 0
    for size in sizes:
        steps |= {start + math.ceil(size * part / evaluations) for part in range(1, evaluations + 1)}
        start += size
    return {step for step in steps if step <= total}


def affordable(rows: int, dev_rows: int, precision: torch.dtype) -> int:
    """How many dev evaluations take no more than `SHARE` of a training's time over so many rows; one at least.

    Counted, not timed: a resume must measure at the same steps. A dev row costs a forward pass in float32, a training
    row about three, in float32 or in the half of the time.
    """
    cost = dev_rows / 3 if precision == torch.float32 else dev_rows / 1.5  # in training rows
    return max(1, int(SHARE * rows / max(cost, 1)))


def check_finite(loss: float, step: int) -> None:
    """Raise if the loss is not finite."""
    if not math.isfinite(loss):
        raise PotstillError(
            f"the loss is {loss} at step {step}", hint="lower lr, or use --set train.precision=float32", code=BAD_DATA
        )
