"""The learning curve: one line per dev evaluation, in `metrics.jsonl` for whoever looks on, and in the checkpoint."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from data import store
from data.layout import MANIFEST, METRICS
from data.tasks.metrics import LOWER, goodness
from student_train.loop.steps import Step

INFO_STEPS = 20  # how often the shown loss is brought up to date: reading it makes a GPU wait


class History:
    """Lines so far, and the losses since the last of them.

    after: step a resume goes on from. lines: the curve up to there. losses: those since the last line.
    """

    def __init__(
        self, directory: Path, *, after: int = 0, lines: Sequence[dict[str, Any]] = (), losses: Sequence[float] = ()
    ) -> None:
        self.directory = directory
        self.start = after
        self.lines = list(lines)
        self.losses: list[Tensor | float] = list(losses)
        self.rows = 0
        self.since = time.monotonic()
        self.shown = ""

    def add(self, step: Step) -> None:
        """Count one step."""
        self.losses.append(step.loss)
        self.rows += step.rows

    def note(self, step: Step, epoch: int) -> None:
        """Keep one evaluation: mean training loss since the last one, rows/s (dev time included), dev metrics."""
        seconds = time.monotonic() - self.since
        mean = sum(float(loss) for loss in self.losses) / max(1, len(self.losses))
        line = {"step": step.number, "epoch": epoch, "loss": mean, "lr": step.lr, "best": step.is_best}
        rate = round(self.rows / seconds, 1)
        self.lines.append(line | {"rows_per_second": rate, "answered": step.answered, "dev": step.metrics})
        self.losses, self.rows, self.since = [], 0, time.monotonic()
        if not (self.directory / MANIFEST).exists():  # else another writer was faster, and the curve is its own
            write_curve(self.directory, self.lines)

    def info(self, step: Step, metric: str) -> str:
        """What the progress line shows: the last loss and the last dev value."""
        if step.number % INFO_STEPS == 1 or step.metrics:
            dev = f" dev {metric} {shown(metric, self.lines[-1]['dev'][metric])}" if self.lines else ""
            self.shown = f"loss {float(step.loss):.4f}{dev}"
        return self.shown

    def summary(self, metric: str) -> dict[str, Any]:
        """The numbers of the best evaluation by a metric, those after the last step, and how fast the run was."""
        best, last = max(self.lines, key=lambda line: goodness(metric, line["dev"][metric])), self.lines[-1]
        rates = sorted(line["rows_per_second"] for line in self.lines)
        return {
            "dev": best["dev"],
            "best_by": metric,
            "evaluations": len(self.lines),
            "answered": best.get("answered", 0),
            "last_dev": last["dev"],
            "best_step": best["step"],
            "steps": last["step"],
            "rows_per_second": rates[len(rates) // 2],
        }


def write_curve(directory: Path, lines: Sequence[dict[str, Any]]) -> None:
    """Write the lines of a learning curve."""
    store.write_text(directory / METRICS, "".join(json.dumps(line) + "\n" for line in lines))


def shown(metric: str, value: float) -> str:
    """Write a metric for the progress line: shares in percent, errors as they are."""
    return f"{value:.4f}" if metric in LOWER else f"{100 * value:.1f}"
