"""One tiny teacher, one examples directory, one server of writers; and the table of what was tried.

Run: `make faults`. Replay: `POTSTILL_FAULT_SEED=… make faults` (times of `kill -9 at random` are drawn from it too).
"""

import os
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from data.example import Example, example_id
from data.examples import write_parts
from data.manifest import Manifest, read_manifest, write_manifest
from tests.faults.survival import Tries
from tests.faults.writers import Server, World
from tests.teacher_cache.conftest import SENTIMENT, TEXTS, examples, heard, make_examples, make_teacher, teacher

__all__ = ["examples", "heard", "make_examples", "make_teacher", "teacher"]  # fixtures

ENV = "POTSTILL_FAULT_SEED"
PART_ROWS = 3


def pytest_configure(config: pytest.Config) -> None:
    os.environ.setdefault(ENV, str(random.SystemRandom().randrange(10**6)))  # the same in xdist's workers


@pytest.fixture(scope="session")
def seed() -> int:
    return int(os.environ[ENV])


@pytest.fixture
def luck(seed: int, request: pytest.FixtureRequest) -> random.Random:
    """A source of random numbers of each test's own, so that one test can be replayed alone."""
    return random.Random(f"{seed} {request.node.name}")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("ends"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def world(make_teacher: Any, server: Server, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Eight texts in three parts, a random teacher, and the root of an undisturbed run."""
    folder = tmp_path_factory.mktemp("world")
    examples = folder / "examples"
    examples.mkdir()
    rows = [Example(example_id("classify", text, None), text) for text in TEXTS]
    parts = write_parts(examples, rows, SENTIMENT, part_rows=PART_ROWS)
    write_manifest(examples, Manifest("examples", SENTIMENT, tuple(parts)))
    world = World(examples, make_teacher())
    end = server.run(world, folder / "undisturbed")
    assert end.code == 0, end.message
    assert end.root == read_manifest(folder / "undisturbed", "cache").root
    return replace(world, root=end.root, undisturbed=folder / "undisturbed", steps=end.steps)


@pytest.fixture
def tries(request: pytest.FixtureRequest, record_property: Any, seed: int) -> Iterator[Tries]:
    """Counts what was tried and what survived; a try that did not survive fails the test at its end."""
    tries = Tries()
    yield tries
    for fault, (tried, survived) in tries.table.items():
        record_property("fault", (fault, tried, survived))
    if tries.failures:
        pytest.fail(f"{ENV}={seed}\n" + "\n".join(tries.failures[:8]), pytrace=False)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table (fault, tries, survived)."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    noted = [row for report in reports if getattr(report, "when", "") == "teardown" for row in report.user_properties]
    table: dict[str, list[int]] = {}
    for fault, *counts in (row for name, row in noted if name == "fault"):
        table[fault] = [old + new for old, new in zip(table.get(fault, [0, 0]), counts, strict=True)]
    if not table:
        return
    table["all"] = [sum(counts) for counts in zip(*table.values(), strict=True)]
    width = max(map(len, table))
    terminalreporter.section(f"{ENV}={os.environ[ENV]}")
    for fault, (tried, survived) in {"fault": ("tries", "survived"), **table}.items():
        terminalreporter.write_line(f"{fault:<{width}}  {tried:>5}  {survived:>8}")
    for check, count in (row for name, row in noted if name == "check"):
        terminalreporter.write_line(f"flipped bits found by {check}: {count}")
