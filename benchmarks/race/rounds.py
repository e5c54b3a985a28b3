"""Let arms take turns: one cold round, then `rounds` warm ones, each time beginning with another arm."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.race.arm import Arm, Running
from benchmarks.watch.machine import load


@dataclass(frozen=True)
class Race:
    """What came of it. rounds: one entry per arm and round, round 0 cold; skipped: arm -> why it is not there."""

    rounds: list[dict[str, Any]]
    skipped: dict[str, str]

    def of(self, arm: str) -> list[dict[str, Any]]:
        return [entry for entry in self.rounds if entry["arm"] == arm]


def race(arms: Sequence[Arm], *, rounds: int, threads: int) -> Race:
    """Measure all arms side by side; an arm that fails is left out from then on and named."""
    entries: list[dict[str, Any]] = []
    running: list[Running] = []
    try:
        for arm in arms:  # one after the other: their imports must not disturb each other's cold time
            running.append(Running(arm, threads=threads))
            entries += _ask(running[-1], 0, say=True)
        for number in range(1, rounds + 1):
            for one in _rotated(running, number):
                entries += _ask(one, number)
    finally:
        for one in running:
            one.close()
    skipped = {one.arm.name: one.error for one in running if one.error}
    return Race([entry for entry in entries if entry["arm"] not in skipped], skipped)


def _ask(one: Running, number: int, *, say: bool = False) -> Iterable[dict[str, Any]]:
    before = load()
    answer = one.ask()
    if answer is None:
        print(f"  {one.arm.name}: left out, {one.error}", flush=True) if say or number else None
        return []
    entry = {"arm": one.arm.name, "round": number, "load": before, **answer}
    entry["rate"] = answer["rows"] / answer["seconds"]
    entry["cpu_rate"] = answer["rows"] / max(answer["cpu_seconds"], 1e-3)
    if number == 0:
        entry["cold_seconds"] = round(time.perf_counter() - one.started, 3)
    took = f"{answer['seconds']:.2f} s, {answer['cpu_seconds']:.2f} of CPU"
    print(f"  round {number} {one.arm.name}: {entry['rate']:,.0f} rows/s ({took})", flush=True)
    return [entry]


def _rotated(running: list[Running], number: int) -> list[Running]:
    """Begin each round with another arm, so that none always runs on the warmest or the coolest processor."""
    alive = [one for one in running if not one.error]
    turn = number % len(alive) if alive else 0
    return alive[turn:] + alive[:turn]
