"""What many rounds say: medians with their spread, and ratios taken round by round.

A ratio of two medians mixes rounds in which the machine was busy with rounds in which it was not. Here each round gives
one ratio of two measurements taken next to each other, and the median of those is reported with the lowest and highest.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from data.errors import PotstillError


@dataclass(frozen=True)
class Spread:
    """The median of several numbers, with the lowest and the highest."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> "Spread":
        if not values:
            raise PotstillError("no round was measured", hint="--rounds 5")
        return Spread(statistics.median(values), min(values), max(values))

    def to_dict(self) -> dict[str, float]:
        return {name: round(value, 6) for name, value in asdict(self).items()}

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.low:.3g}–{self.high:.3g})"


def rates_of(rounds: Sequence[dict[str, Any]], arm: str, *, per: str = "rate") -> dict[int, float]:
    """Round number -> rows a second of one arm, the cold round (0) left out. per: rate, or cpu_rate (CPU seconds)."""
    return {entry["round"]: entry[per] for entry in rounds if entry["arm"] == arm and entry["round"] > 0}


def ratio(rounds: Sequence[dict[str, Any]], ours: str, rival: str, *, per: str = "rate") -> Spread:
    """How many times faster `ours` was than `rival`, round by round."""
    mine, theirs = rates_of(rounds, ours, per=per), rates_of(rounds, rival, per=per)
    return Spread.of([mine[number] / theirs[number] for number in sorted(mine.keys() & theirs.keys())])


def slope(sizes: Sequence[float], times: Sequence[float]) -> float:
    """Slope of log time over log size, least squares: 1 is linear, 2 quadratic."""
    if len(sizes) != len(times) or len(sizes) < 2:
        raise PotstillError(f"a slope needs two points or more: {len(sizes)} sizes, {len(times)} times")
    xs, ys = [math.log(size) for size in sizes], [math.log(time) for time in times]
    mean_x, mean_y = statistics.fmean(xs), statistics.fmean(ys)
    above = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return above / sum((x - mean_x) ** 2 for x in xs)
