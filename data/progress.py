"""How a phase tells whoever runs it how far it is. The rooms never print: they are handed one of these."""

from typing import Protocol


class Progress(Protocol):
    """A named piece of work with a known or unknown total. `pipelines/console.py` draws it."""

    def start(self, name: str, *, total: int | None, unit: str) -> None:
        """Begin a piece of work; `total` in `unit`s, None when unknown."""

    def advance(self, amount: int, info: str = "") -> None:
        """Report `amount` more units done; `info` is a short text such as the current loss."""

    def finish(self) -> None:
        """End the piece of work begun last."""

    def note(self, message: str) -> None:
        """Say one line that is worth keeping in a log."""


class Silent:
    """A progress that shows nothing: for tests and for callers of the Python API."""

    def start(self, name: str, *, total: int | None, unit: str) -> None: ...

    def advance(self, amount: int, info: str = "") -> None: ...

    def finish(self) -> None: ...

    def note(self, message: str) -> None: ...
