"""Share one augmentation among several processes, on one machine or on many.

A process does the chunks of its own share first, then every missing chunk that no running process has locked. Between
two stages it waits only for chunks that a running process has locked; a step that is done once is done by the first
process that reaches it. So every process that runs to the end leaves a sealed directory: shares may start in any order,
late, or never.

A share is where a process begins, not a limit: a single task of a job array does all chunks, and later ones find the
directory sealed. Locks only avoid double work: on a file system without locks two processes may do the same chunk,
and both write the same bytes.
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
    """This process: its share, its worker processes, and its stop flag."""

    work: Work
    share: Share
    pool: Pool
    stop: Stop
    progress: Progress

    def check(self) -> None:
        """Raise TRY_AGAIN if this process was asked to stop, or if another one has sealed the directory."""
        self.stop.check()
        if self.work.sealed:
            raise PotstillError(f"{self.work.root.parent} was sealed by another process", code=TRY_AGAIN)

    def once(self, stage: str, done: Path, make: Callable[[], object]) -> None:
        """Call `make`, which writes the file `done` last; if another process has done or is doing so, wait for it."""
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
        """Run a stage until all its chunks are done, by this or other processes.

        function(job) does one chunk, or finds it done, and returns how many of the `total` units it has.
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
            self.progress.note(f"{stage}: another process computes the remaining chunks; waiting for it")
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
    """Order chunks: first those of the share; then the others from the end, which their own processes reach last."""
    own = [number for number in range(count) if share.has(number)]
    return own + [number for number in reversed(range(count)) if not share.has(number)]
