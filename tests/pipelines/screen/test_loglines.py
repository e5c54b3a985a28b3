"""Progress where nobody watches: few lines, each with rate and time left."""

import pytest

from pipelines.screen.loglines import LogLines, duration, number


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def logged(clock: Clock) -> tuple[LogLines, list[str]]:
    lines: list[str] = []
    return LogLines(lambda line: lines.append(line.partition(" ")[2]), clock=clock), lines


def test_a_line_is_due_every_ten_seconds_and_tells_rate_and_time_left(clock: Clock) -> None:
    log, lines = logged(clock)
    log.start("cache", total=1000, unit="rows")
    for _ in range(22):  # 10 rows a second
        clock.now += 1
        log.advance(10)
    assert lines == [
        "cache: 1,000 rows",
        "cache: 100/1,000 rows (10%), 10.0 rows/s, 1 min 30 s left",
        "cache: 200/1,000 rows (20%), 10.0 rows/s, 1 min 20 s left",
    ]


def test_quarters_are_said_when_passed(clock: Clock) -> None:
    log, lines = logged(clock)
    log.start("train", total=100, unit="steps")
    for _ in range(10):
        clock.now += 2
        log.advance(10, "loss 0.31")
    log.finish()
    assert [line.split()[1] for line in lines] == ["100", "30/100", "50/100", "80/100", "100"]
    assert lines[1].endswith("14 s left, loss 0.31")
    assert lines[-1] == "train: 100 steps in 20 s, 5 steps/s"


def test_short_work_says_its_beginning_and_its_end_only(clock: Clock) -> None:
    log, lines = logged(clock)
    log.start("read", total=4, unit="texts")
    for _ in range(4):
        clock.now += 0.1
        log.advance(1)
    log.finish()
    assert lines == ["read: 4 texts", "read: 4 texts in 0.4 s, 10.0 texts/s"]


def test_an_unknown_total_shows_no_share_and_no_time_left(clock: Clock) -> None:
    log, lines = logged(clock)
    log.start("read", total=None, unit="texts")
    clock.now += 12
    log.advance(60)
    assert lines == ["read: texts", "read: 60 texts, 5 texts/s"]


def test_work_inside_work_comes_back_to_the_outer_one(clock: Clock) -> None:
    log, lines = logged(clock)
    log.start("seeds", total=2, unit="students")
    log.start("seed 0", total=1, unit="steps")
    log.advance(1)
    log.finish()
    log.advance(1)
    log.finish()
    assert lines[-1] == "seeds: 1 students in 0.0 s"


@pytest.mark.parametrize(("seconds", "text"), [(0.31, "0.3 s"), (42, "42 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_seconds_are_written_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("value", "text"), [(12345.6, "12,346"), (34.56, "34.6"), (0.12345, "0.123")])
def test_numbers_keep_the_digits_that_matter(value: float, text: str) -> None:
    assert number(value) == text
