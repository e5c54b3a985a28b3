"""Stop cleanly on SIGTERM, SIGINT and SIGUSR1: they set a flag, and the work checks it between batches."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from data.errors import TRY_AGAIN, PotstillError

GRACE = 20.0  # seconds a piece of work may take after the signal; Kubernetes kills after 30, SLURM after 30 to 60
SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGUSR1") if hasattr(signal, name))


class Stop:
    """The flag that a signal sets, and what to tell the user then."""

    def __init__(self, kept: str) -> None:
        self.asked = ""
        self.kept = kept
        self._since = 0.0

    def ask(self, name: str) -> None:
        """Note a signal."""
        self.asked, self._since = name, time.monotonic()

    def check(self, left: float = float("inf")) -> None:
        """Raise TRY_AGAIN once a signal has come; finished work is kept.

        left: seconds until the current piece of work is finished; while they fit into `GRACE`, return instead.
        """
        if self.asked and time.monotonic() - self._since + left > GRACE:
            raise PotstillError(
                f"stopped by {self.asked}; {self.kept}",
                hint="run the same command again: it goes on where it stopped",
                code=TRY_AGAIN,
            )


@contextmanager
def stoppable(kept: str) -> Iterator[Stop]:
    """Catch the signals during a block. kept: for the message, what is not lost ("finished shards are kept").

    A second signal of the same kind has its usual effect.
    """
    stop = Stop(kept)
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread may catch signals
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def ask(number: int, frame: FrameType | None) -> None:
        stop.ask(signal.Signals(number).name)
        signal.signal(number, before[number])

    try:
        for number in SIGNALS:
            signal.signal(number, ask)
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
