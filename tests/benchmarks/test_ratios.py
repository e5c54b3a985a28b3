"""The numbers under the tables: medians of per-round ratios, and slopes."""

import pytest

from benchmarks.race.ratios import Spread, ratio, slope
from data.errors import PotstillError


def rounds(**rates: list[float]) -> list[dict]:
    return [
        {"arm": arm, "round": number, "rate": rate}
        for arm, values in rates.items()
        for number, rate in enumerate(values)
    ]


def test_the_ratio_is_the_median_of_the_ratios_of_each_round() -> None:
    # The machine was busy in round 2: both arms are slow, their ratio is not disturbed.
    found = ratio(rounds(ours=[1, 80, 20, 90], rival=[1, 10, 2, 10]), "ours", "rival")
    assert found == Spread(9.0, 8.0, 10.0)


def test_the_cold_round_is_left_out() -> None:
    assert ratio(rounds(ours=[1000, 4, 4], rival=[1, 2, 2]), "ours", "rival").high == 2.0


def test_only_rounds_that_both_arms_have_are_compared() -> None:
    assert ratio(rounds(ours=[1, 4, 6], rival=[1, 2]), "ours", "rival") == Spread(2.0, 2.0, 2.0)


def test_nothing_measured_is_refused() -> None:
    with pytest.raises(PotstillError, match="no round was measured"):
        ratio(rounds(ours=[1, 4], rival=[]), "ours", "rival")


def test_a_slope_of_one_is_linear_and_of_two_quadratic() -> None:
    assert slope([10, 100, 1000], [1, 10, 100]) == pytest.approx(1.0)
    assert slope([10, 100, 1000], [1, 100, 10_000]) == pytest.approx(2.0)


def test_a_slope_needs_two_points() -> None:
    with pytest.raises(PotstillError, match="two points"):
        slope([10], [1])


def test_what_the_last_layer_is_spared_is_what_it_would_do_for_the_tokens_behind_the_first() -> None:
    from benchmarks.watch.gpu_speed import spared_flops

    width, intermediate, length = 4, 16, 10
    weights = 4 * 4 + 4 * 4 + 4 * 16 + 16 * 4  # query, attention output, feed-forward in and out
    scores_and_sums = 2 * length * width + 2 * length * width
    assert spared_flops(width, intermediate, length) * length == pytest.approx(9 * (2 * weights + scores_and_sums))
    assert spared_flops(width, intermediate, 1) == 0
