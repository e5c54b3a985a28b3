"""Arms in processes of their own, taking turns, and what is written of them."""

import json
from pathlib import Path

import pytest

from benchmarks.race.arm import Arm, environment
from benchmarks.race.options import Options
from benchmarks.race.results import add_aim, add_race, finish, result_of, table_of
from benchmarks.race.rounds import race
from benchmarks.watch.memory import Peak
from data.errors import PotstillError

PLACE = "tests.benchmarks.arms"


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(rounds=2, threads=1, rows=8, data=tmp_path, out=tmp_path / "results", work=tmp_path, quick=True)


def test_arms_take_turns_and_a_broken_one_is_named_not_fatal(options: Options) -> None:
    arms = [
        Arm("ours", f"{PLACE}:sleeping", {"seconds": 0.001, "rows": 8}, about="fast"),
        Arm("slow", f"{PLACE}:sleeping", {"seconds": 0.02, "rows": 8}),
        Arm("absent", f"{PLACE}:breaking"),
    ]
    found = race(arms, rounds=2, threads=1)
    assert found.skipped == {"absent": "ImportError: no module named rival"}
    turns = [(entry["round"], entry["arm"]) for entry in found.rounds]
    assert turns == [(0, "ours"), (0, "slow"), (1, "slow"), (1, "ours"), (2, "ours"), (2, "slow")]
    assert all(entry["cold_seconds"] > entry["seconds"] for entry in found.rounds if entry["round"] == 0)

    result = result_of("race", options)
    add_race(result, found, "ours", {"ours": "fast"})
    assert result["ratios"]["slow"]["median"] > 2
    assert list(result["ratios"]) == ["slow"] and result["skipped"] == found.skipped


def test_a_result_is_one_json_one_picture_and_a_table(options: Options) -> None:
    result = result_of("race", options)
    rounds = [
        {"arm": arm, "round": number, "rate": rate, "cpu_rate": rate, "rows": 8, "seconds": 8 / rate, "load": 0.1}
        for arm, rate in (("ours", 100.0), ("plain", 10.0))
        for number in range(3)
    ]
    from benchmarks.race.rounds import Race

    add_race(result, Race(rounds, {}), "ours", {"plain": "a loop"})
    add_aim(result, "ours / plain", 10.0, least=8)
    add_aim(result, "waste", 0.05, most=0.03)
    path = finish(result, options)

    written = json.loads(path.read_text("utf-8"))
    assert written["ratios"] == {"plain": {"median": 10.0, "low": 10.0, "high": 10.0}}
    assert {"machine", "versions", "threads", "load", "rounds", "arms", "date", "command"} <= written.keys()
    assert len(written["rounds"]) == 6 and written["machine"]["cores"] >= 1
    assert [aim["reached"] for aim in written["aims"].values()] == [True, False]
    assert path.with_suffix(".svg").stat().st_size < 100_000
    assert "| plain | 10 rows/s | 10× (10–10) | 10× |" in table_of(written)


def test_every_arm_gets_the_same_threads_and_no_network() -> None:
    found = environment(2)
    assert found["OMP_NUM_THREADS"] == found["RAYON_NUM_THREADS"] == "2" and found["HF_HUB_OFFLINE"] == "1"
    with pytest.raises(PotstillError, match="threads 0"):
        environment(0)


def test_the_peak_is_what_was_held_at_most() -> None:
    import time

    with Peak() as peak:
        held = bytearray(64_000_000)
        time.sleep(0.1)
        del held
    assert peak.megabytes - peak.before > 40
