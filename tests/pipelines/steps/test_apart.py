"""A phase in a process of its own: results, measurements and errors come back."""

import os
import signal
import time
from typing import Any

import pytest

from data.errors import INTERNAL, STALE, PotstillError
from pipelines.steps.apart import run_apart

MEGABYTE = 1 << 20


def answers(*, value: int, progress: Any) -> dict[str, int]:
    block = bytearray(300 * MEGABYTE)  # a peak that the system's high-water mark shows
    return {"value": value + len(block) // (300 * MEGABYTE)}


def refuses(*, progress: Any) -> None:
    raise PotstillError("the cache is stale", hint="make it again", code=STALE)


def breaks(*, progress: Any) -> None:
    raise ZeroDivisionError("division by zero")


def dies(*, progress: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def is_interrupted(*, progress: Any) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)


def test_the_result_comes_back_with_time_and_peak_memory() -> None:
    measured = run_apart(answers, {"value": 1}, quiet=True)
    assert measured.result == {"value": 2}
    assert measured.seconds > 0
    assert measured.peak_bytes > 300 * MEGABYTE


def test_a_refusal_comes_back_with_its_hint_and_code() -> None:
    with pytest.raises(PotstillError, match="the cache is stale") as error:
        run_apart(refuses, {}, quiet=True)
    assert (error.value.hint, error.value.code) == ("make it again", STALE)


def test_a_bug_comes_back_as_a_bug() -> None:
    with pytest.raises(PotstillError, match="ZeroDivisionError: division by zero") as error:
        run_apart(breaks, {}, quiet=True)
    assert error.value.code == INTERNAL


def test_a_killed_phase_is_told_from_a_refusal() -> None:
    with pytest.raises(PotstillError, match="killed by signal 9") as error:
        run_apart(dies, {}, quiet=True)
    assert "out of memory" in error.value.hint


def test_a_phase_that_is_told_to_stop_ends_as_interrupted() -> None:
    with pytest.raises(KeyboardInterrupt):
        run_apart(is_interrupted, {}, quiet=True)
