"""The learning rate's way over the steps of a run."""

import math

import pytest

from data.errors import PotstillError
from student_train.loop.schedule import rate_at


def rates(schedule: str, warmup: float = 0.2, total: int = 10) -> list[float]:
    return [rate_at(step, total, peak=1.0, warmup=warmup, schedule=schedule) for step in range(total)]


def test_warm_up_rises_to_the_peak_in_equal_steps() -> None:
    assert rates("constant", warmup=0.4)[:5] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    assert rates("constant", warmup=0.0) == [1.0] * 10


def test_linear_falls_towards_zero() -> None:
    assert rates("linear") == pytest.approx([0.5, 1.0, 1.0, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8])


def test_cosine_falls_towards_zero() -> None:
    falling = [0.5 * (1 + math.cos(math.pi * place / 8)) for place in range(8)]
    assert rates("cosine") == pytest.approx([0.5, 1.0, *falling], abs=1e-6)


def test_a_run_of_one_step_has_a_rate() -> None:
    for schedule in ("constant", "linear", "cosine"):
        assert rate_at(0, 1, peak=2.0, warmup=0.02, schedule=schedule) == 2.0


def test_an_unknown_schedule_is_refused() -> None:
    with pytest.raises(PotstillError, match=r"no schedule 'step'(?s:.)*constant, linear, cosine"):
        rate_at(5, 10, peak=1.0, warmup=0.0, schedule="step")
