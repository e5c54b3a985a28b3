"""The learning curve: kept as `metrics.jsonl`, one line per dev evaluation, so it outlives an interruption."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from data import store
from student_train.loop import Step

NAME = "metrics.jsonl"
INFO_STEPS = 20  # how often the shown loss is brought up to date: reading it makes a GPU wait


class History:
    """Lines so far, and the losses since the last of them.

    after: step a resume goes on from; later lines are cut off. losses: those since the last line kept.
    """

    def __init__(self, directory: Path, *, after: int, losses: Sequence[float] = ()) -> None:
        self.path = directory / NAME
        self.start = after
        text = self.path.read_text("utf-8") if self.path.is_file() else ""
        lines = [json.loads(line) for line in text.splitlines()]
        self.lines: list[dict[str, Any]] = [line for line in lines if line["step"] <= after]
        self.losses: list[Tensor | float] = list(losses)
        self.rows = 0
        self.since = time.monotonic()
        self.shown = ""

    def add(self, step: Step) -> None:
        """Count one step."""
        self.losses.append(step.loss)
        self.rows += step.rows

    def pending(self) -> tuple[float, ...]:
        """The losses since the last evaluation, for a checkpoint: without them a resume's next mean is another."""
        return tuple(float(loss) for loss in self.losses)

    def note(self, step: Step, epoch: int) -> None:
        """Keep one evaluation: mean training loss since the last one, rows/s (dev time included), dev metrics."""
        seconds = time.monotonic() - self.since
        mean = sum(float(loss) for loss in self.losses) / max(1, len(self.losses))
        line = {"step": step.number, "epoch": epoch, "loss": mean, "lr": step.lr, "best": step.is_best}
        self.lines.append(line | {"rows_per_second": round(self.rows / seconds, 1), "dev": step.metrics})
        self.losses, self.rows, self.since = [], 0, time.monotonic()
        store.write_text(self.path, "".join(json.dumps(line) + "\n" for line in self.lines))

    def info(self, step: Step, metric: str) -> str:
        """What the progress line shows: the last loss and the last dev value."""
        if step.number % INFO_STEPS == 1 or step.metrics:
            dev = f" dev {metric} {100 * self.lines[-1]['dev'][metric]:.1f}" if self.lines else ""
            self.shown = f"loss {float(step.loss):.4f}{dev}"
        return self.shown

    def summary(self, metric: str) -> dict[str, Any]:
        """The numbers of the best evaluation, those after the last step, and how fast the run was."""
        best, last = max(self.lines, key=lambda line: line["dev"][metric]), self.lines[-1]
        rates = sorted(line["rows_per_second"] for line in self.lines)
        return {
            "dev": best["dev"],
            "last_dev": last["dev"],
            "best_step": best["step"],
            "steps": last["step"],
            "rows_per_second": rates[len(rates) // 2],
        }
