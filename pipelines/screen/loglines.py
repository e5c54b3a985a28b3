"""Progress as plain log lines, for files, pipes and cron: a few lines a phase, each with rate and time left."""

import time
from collections.abc import Callable
from dataclasses import dataclass

EVERY = 10.0  # seconds between two lines of one piece of work
QUARTER_EVERY = 1.0  # a quarter passed is said earlier, but short pieces of work do not say four lines in a second


@dataclass
class _Work:
    name: str
    total: int | None
    unit: str
    begun: float
    said: float
    done: int = 0
    quarter: int = 0


class LogLines:
    """Write progress through `write`, one line at a time; `clock` gives seconds (tests hand in their own)."""

    def __init__(self, write: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._stack: list[_Work] = []

    def start(self, name: str, *, total: int | None, unit: str) -> None:
        now = self._clock()
        self._stack.append(_Work(name, total, unit, begun=now, said=now))
        self.note(f"{name}: {f'{total:,} ' if total is not None else ''}{unit}")

    def advance(self, amount: int, info: str = "") -> None:
        work, now = self._stack[-1], self._clock()
        work.done += amount
        quarter = 4 * work.done // work.total if work.total else 0
        passed = work.quarter < quarter < 4
        if now - work.said >= (QUARTER_EVERY if passed else EVERY):
            self.note(_line(work, now, info))
            work.said, work.quarter = now, quarter

    def finish(self) -> None:
        work = self._stack.pop()
        seconds = self._clock() - work.begun
        self.note(
            f"{work.name}: {work.done:,} {work.unit} in {duration(seconds)}{_rate(work.done, seconds, work.unit)}"
        )

    def note(self, message: str) -> None:
        self._write(f"{time.strftime('%H:%M:%S')} {message}")

    def close(self) -> None:
        """Forget work that an error cut short."""
        self._stack.clear()


def _line(work: _Work, now: float, info: str) -> str:
    seconds = now - work.begun
    done = f"{work.done:,}"
    left = ""
    if work.total:
        done += f"/{work.total:,}"
        left = f" ({work.done / work.total:.0%})"
    text = f"{work.name}: {done} {work.unit}{left}{_rate(work.done, seconds, work.unit)}"
    if work.total and work.done:
        text += f", {duration(seconds * max(work.total - work.done, 0) / work.done)} left"
    return f"{text}, {info}" if info else text


def _rate(done: int, seconds: float, unit: str) -> str:
    return f", {number(done / seconds)} {unit}/s" if seconds > 0 and done else ""


def number(value: float) -> str:
    """Write a number with three or so digits that matter: 12,345 · 123 · 12.3 · 0.123."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Write seconds as a person says them: 4.2 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
