"""Leave cleanly when the system asks: SIGTERM, SIGINT and SIGUSR1 set a flag that is read between batches."""

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
    """Whether the run was asked to end."""

    def __init__(self, kept: str) -> None:
        self.asked = ""
        self.kept = kept
        self._since = 0.0

    def ask(self, name: str) -> None:
        """Note a signal."""
        self.asked, self._since = name, time.monotonic()

    def check(self, left: float = float("inf")) -> None:
        """Raise when the run was asked to end; what is finished is kept.

        left: seconds until the present piece of work is finished; where that fits into the grace time, go on.
        """
        if self.asked and time.monotonic() - self._since + left > GRACE:
            raise PotstillError(
                f"stopped by {self.asked}; {self.kept}",
                hint="run the same command again: it goes on where it stopped",
                code=TRY_AGAIN,
            )


@contextmanager
def stoppable(kept: str) -> Iterator[Stop]:
    """Catch the signals for the length of a block; `kept` says what is not lost ("finished shards are kept").

    A second signal of the same kind acts as it always did.
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
