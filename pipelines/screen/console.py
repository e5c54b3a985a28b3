"""All output of potstill to a terminal, a log or a script.

stderr: progress, notes, errors. stdout: tables, predictions and the next command, or with `--json` one JSON object
as the last line. Nothing else in the package prints.
"""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console as RichConsole
from rich.table import Table

from data.progress import Silent
from pipelines.screen.exits import Ending, ReaderGone
from pipelines.screen.loglines import LogLines, number

if TYPE_CHECKING:
    from pipelines.screen.bars import Bars

PIPE_WIDTH = 160  # columns of a table that goes to a file or a pipe

Row = Mapping[str, Any]


class Console:
    """The output of a command. `progress` is passed on to the phases."""

    def __init__(self, *, quiet: bool = False, as_json: bool = False) -> None:
        self.quiet = quiet
        self.as_json = as_json
        self._out = _screen(stderr=False)
        self._err = _screen(stderr=True)
        self.progress = self._progress()

    def _progress(self) -> "Bars | LogLines | Silent":
        if self.quiet:
            return Silent()
        if not self._err.is_terminal:
            return LogLines(self._err.print)
        from pipelines.screen.bars import Bars

        return Bars(self._err)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not isinstance(self.progress, Silent):
            self.progress.close()

    def say(self, message: str) -> None:
        """Print a line of the result (stdout); nothing with --json, whose last line holds the same."""
        if not self.as_json:
            self._out.print(message)

    def write(self, line: str) -> None:
        """Write a line of output data (predictions) as it is, unwrapped."""
        sys.stdout.write(f"{line}\n")

    def table(self, rows: Sequence[Row], *, title: str = "") -> None:
        """Show rows with the same keys as a table."""
        if self.as_json or not rows:
            return
        names = list(dict.fromkeys(name for row in rows for name in row))
        table = Table(title=title or None, title_justify="left", title_style="bold", header_style="bold")
        for name in names:
            numeric = all(is_number(row.get(name)) for row in rows)
            table.add_column(name, justify="right" if numeric else "left", overflow="fold")
        for row in rows:
            table.add_row(*(cell(row.get(name)) for name in names))
        self._out.print(table, soft_wrap=False)

    def facts(self, title: str, values: Row) -> None:
        """Show a few named values, one a line."""
        width = max((len(name) for name in values), default=0)
        self.say(title)
        for name, value in values.items():
            self.say(f"  {name:<{width}}  {cell(value)}")

    def done(self, command: str, result: Row, *, following: str | None = None) -> None:
        """Report a finished command: the next command to type, or with --json the result as one JSON object."""
        if self.as_json:
            self.write(json.dumps({"command": command, "code": 0, **result}, default=_plain, ensure_ascii=False))
        elif following:
            self._out.print(f"next: {following}")


def complain(ending: Ending, *, as_json: bool = False) -> None:
    """Report a failed command: one message, its hint, and with --json one JSON object on stdout."""
    err = _screen(stderr=True)
    err.print(f"error: {ending.message}", style="red" if err.is_terminal else None)
    if ending.hint:
        err.print(f"  {ending.hint}")
    if as_json:
        sys.stdout.write(json.dumps({"error": ending.message, "hint": ending.hint, "code": ending.code}) + "\n")


def cell(value: Any) -> str:
    """Write one value of a table."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, (bool, str)):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return number(value) if isinstance(value, float) else str(value)


def is_number(value: Any) -> bool:
    """Tell what stands better at the right: numbers, and cells that begin with one."""
    return not isinstance(value, str) or value[:1].isdigit() or value == "–"


class _Screen(RichConsole):
    """Rich's console, which ends the process with code 1 when its reader has gone; ours leaves that to `cli`."""

    def on_broken_pipe(self) -> None:
        raise ReaderGone


def _screen(*, stderr: bool) -> RichConsole:
    """Texts of users pass here: no markup, no emoji codes, no colours of its own, no wrapping of lines."""
    screen = _Screen(stderr=stderr, soft_wrap=True, highlight=False, markup=False, emoji=False)
    if not screen.is_terminal:
        screen.width = PIPE_WIDTH
    return screen


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else repr(value)
