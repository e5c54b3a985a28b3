"""Progress reports of a phase. Phases never print: the caller hands them one of these."""

import time
from typing import Protocol

LATE = 5.0  # seconds


class Progress(Protocol):
    """Shows pieces of work, each with a name and a known or unknown total. `pipelines/screen/console.py` draws them."""

    def start(self, name: str, *, total: int | None, unit: str) -> None:
        """Begin a piece of work; `total` in `unit`s, None when unknown."""

    def advance(self, amount: int, info: str = "") -> None:
        """Report `amount` more units done; `info` is a short text such as the current loss."""

    def finish(self) -> None:
        """End the piece of work begun last."""

    def note(self, message: str) -> None:
        """Show one line that belongs into a log."""


class Late:
    """A piece of work inside another one that is shown only if it takes longer than `LATE` seconds."""

    def __init__(self, progress: Progress, name: str, *, total: int, unit: str) -> None:
        self._progress, self._name, self._total, self._unit = progress, name, total, unit
        self._begun, self._done, self._shown = time.monotonic(), 0, False

    def advance(self, amount: int) -> None:
        """Report `amount` more units done."""
        self._done += amount
        if not self._shown and time.monotonic() - self._begun > LATE:
            self._progress.start(self._name, total=self._total, unit=self._unit)
            self._shown, amount = True, self._done
        if self._shown:
            self._progress.advance(amount)

    def finish(self) -> None:
        """End the piece of work, if it was shown."""
        if self._shown:
            self._progress.finish()


class Silent:
    """A `Progress` that shows nothing, for tests and the Python API."""

    def start(self, name: str, *, total: int | None, unit: str) -> None: ...

    def advance(self, amount: int, info: str = "") -> None: ...

    def finish(self) -> None: ...

    def note(self, message: str) -> None: ...
