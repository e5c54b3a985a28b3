"""Progress as bars on a terminal: done and total, rate, time left, and the latest loss or score."""

from typing import Any

from rich.console import Console as RichConsole
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from pipelines.screen.loglines import number


class Bars:
    """Draw the pieces of work that are open, one bar each, below whatever is noted meanwhile."""

    def __init__(self, terminal: RichConsole) -> None:
        self._terminal = terminal
        self._live: Progress | None = None
        self._open: list[TaskID] = []

    def start(self, name: str, *, total: int | None, unit: str) -> None:
        if self._live is None:
            self._live = Progress(*_columns(), console=self._terminal)
            self._live.start()
        self._open.append(self._live.add_task(name, total=total, unit=unit, info=""))

    def advance(self, amount: int, info: str = "") -> None:
        if self._live and self._open:
            fields: dict[str, Any] = {"info": info} if info else {}
            self._live.update(self._open[-1], advance=amount, **fields)

    def finish(self) -> None:
        if self._live and self._open:
            task = self._open.pop()
            done = self._live.tasks[self._live.task_ids.index(task)].completed
            self._live.update(task, total=done)
        if not self._open:
            self.close()

    def note(self, message: str) -> None:
        self._terminal.print(message, markup=False, highlight=False)

    def close(self) -> None:
        """Leave the bars as they are and give the terminal back."""
        self._open.clear()
        if self._live:
            self._live.stop()
        self._live = None


class _Done(ProgressColumn):
    def render(self, task: Task) -> Text:
        total = f"/{task.total:,.0f}" if task.total is not None else ""
        speed = task.finished_speed or task.speed
        rate = f"  {number(speed)} {task.fields['unit']}/s" if speed else ""
        return Text(f"{task.completed:,.0f}{total} {task.fields['unit']}{rate}")


def _columns() -> list[ProgressColumn]:
    info = TextColumn("{task.fields[info]}", markup=False)
    return [TextColumn("{task.description}", markup=False), BarColumn(24), _Done(), TimeRemainingColumn(), info]
