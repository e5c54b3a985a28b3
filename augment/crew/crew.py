"""Several processes at one augmentation, on one machine or on many: who does what, and who waits for whom.

A process does the chunks of its own share first, then every chunk that is missing and that no running process holds.
Between two stages it waits only for what a running process holds; what is done once is done by who comes first.
So whoever runs to the end leaves a sealed directory: the shares may start in any order, late, or never.

A share is a place to begin, not a limit: a task of a job array that is alone does all, and the later ones find the
directory sealed. Locks save work and decide nothing: where a file system has none, two processes may do the same
chunk, and both write the same bytes.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from augment.crew.pool import Pool
from augment.crew.work import Work
from data.errors import TRY_AGAIN, PotstillError
from data.progress import Progress
from data.running.claims import claim
from data.running.share import Share
from data.running.stop import Stop

EVERY = 0.2  # seconds between two looks at what another process holds


@dataclass(frozen=True)
class Piece:
    """One chunk to do under a claim: picklable where the function and its job are."""

    function: Callable[[Any], int]
    job: Any
    claims: Path
    number: int


@dataclass(frozen=True)
class Crew:
    """One of the processes at work: its share, its own workers, and how it is told to stop."""

    work: Work
    share: Share
    pool: Pool
    stop: Stop
    progress: Progress

    def check(self) -> None:
        """Raise when this process was asked to end, or when another has sealed the set. Errors: TRY_AGAIN."""
        self.stop.check()
        if self.work.sealed:
            raise PotstillError(f"{self.work.root.parent} was sealed by another process", code=TRY_AGAIN)

    def once(self, stage: str, done: Path, make: Callable[[], object]) -> None:
        """Call `make`, which writes `done` last, unless another process did or does: then wait for it."""
        waited = False
        while not done.exists():
            self.check()
            held = claim(self.work.claims(stage), 0)
            if held is None:
                self._wait(stage, told=waited)
                waited = True
                continue
            try:
                if not done.exists():
                    make()
            finally:
                held.release()

    def each(self, stage: str, function: Callable[[Any], int], jobs: Sequence[Any], *, total: int, unit: str) -> None:
        """Do a stage of many chunks, until every one of them is done by whomever.

        function(job) does a chunk, or finds it done, and returns how many of the `total` units it has.
        """
        self.progress.start(stage, total=total, unit=unit)
        left, waited = in_turn(len(jobs), self.share), False
        while left:
            pieces = [Piece(function, jobs[number], self.work.claims(stage), number) for number in left]
            held = []
            for piece, amount in zip(pieces, self.pool.run(do, pieces), strict=True):
                self.check()
                if amount is None:
                    held.append(piece.number)
                else:
                    self.progress.advance(amount)
            if held:
                self._wait(stage, told=waited)
            left, waited = held, True
        self.progress.finish()

    def _wait(self, stage: str, *, told: bool) -> None:
        if not told:
            self.progress.note(f"{stage}: another process is at what is left; waiting for it")
        self.check()
        time.sleep(EVERY)


def do(piece: Piece) -> int | None:
    """Do one chunk; None where a running process holds it."""
    held = claim(piece.claims, piece.number)
    if held is None:
        return None
    try:
        return piece.function(piece.job)
    finally:
        held.release()


def in_turn(count: int, share: Share) -> list[int]:
    """Put the chunks of a share first, in order; then the others from the end, where their own processes come last."""
    own = [number for number in range(count) if share.has(number)]
    return own + [number for number in reversed(range(count)) if not share.has(number)]
