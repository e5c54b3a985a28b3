"""Time and memory against rows: each size in a fresh process, 10,000 to 1,000,000 rows."""

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.race.arm import Arm, Running
from benchmarks.race.ratios import slope

SIZES = (10_000, 31_600, 100_000, 316_000, 1_000_000)
QUICK_SIZES = (256, 512, 1024)


def grow(arm_of: Callable[[int], Arm], sizes: Sequence[int], *, threads: int, repeats: int = 1) -> list[dict[str, Any]]:
    """Measure an arm at each size in a fresh process: rows, first and best seconds of `repeats`, peak of its memory."""
    found = []
    for size in sizes:
        running = Running(arm_of(size), threads=threads)
        answers = [answer for _ in range(repeats) if (answer := running.ask())]
        running.close()
        if not answers:
            print(f"  {running.arm.name} at {size:,}: {running.error}", flush=True)
            continue
        best = min(answers, key=lambda answer: answer["seconds"])
        entry = {"size": size, **best, "anonymous_mb": max(answer.get("anonymous_mb", 0.0) for answer in answers)}
        entry["first_seconds"] = answers[0]["seconds"]
        entry.pop("sums", None)
        print(f"  {running.arm.name} at {size:,}: {entry['seconds']:.2f} s, {entry['anonymous_mb']:.0f} MB", flush=True)
        found.append(entry)
    return found


def slope_of(points: list[dict[str, Any]]) -> float:
    """Log-log slope of time over rows; what a run of a few rows costs anyway is taken off first."""
    times = [point["seconds"] - point.get("fixed", 0.0) for point in points]
    return slope([point["rows"] for point in points], times)


def growth(points: list[dict[str, Any]]) -> float:
    """Peak anonymous memory of the largest size against the smallest."""
    return points[-1]["anonymous_mb"] / points[0]["anonymous_mb"]
