"""Asked to stop, once and twice; out of memory at a batch: what is done is kept, and the next run goes on."""

import json
import signal
from pathlib import Path

import pytest

from data.errors import TRY_AGAIN
from tests.faults.survival import Tries, check_survived, whole_shards
from tests.faults.writers import Server, World

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1"])
def test_asked_to_stop(server: Server, world: World, tries: Tries, tmp_path: Path, name: str) -> None:
    number = int(signal.Signals[name])
    first = next(at for at, step in enumerate(world.steps) if step.startswith("write status"))
    for at in range(first, len(world.steps), 9):
        for grace in (-1.0, 0.0):  # the shard is finished, or dropped
            out = tmp_path / f"out{at}{grace}"
            with tries.of(f"{name} once", f"at {at} {world.steps[at]}, grace {grace}"):
                end = server.run(world, out, signals=(at, number, 1), grace=grace)
                done = (out / "MANIFEST.json").exists()
                assert end.code == TRY_AGAIN or (done and end.code == 0), f"exit code {end.code}: {end.message}"
                if end.code:
                    assert f"stopped by {name}" in end.message
                    assert json.loads((out / "status.json").read_text())["state"] == "stopped"
                kept = whole_shards(out)
                assert check_survived(server, world, out).rows == 8 - rows_of(out, kept)


def rows_of(out: Path, shards: set[str]) -> int:
    """Rows that a rerun need not compute."""
    return sum({0: 3, 1: 3, 2: 2}[int(path.name[5:10])] for path in out.glob("part-*") if path.stem[-16:] in shards)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1"])
def test_asked_to_stop_twice(server: Server, world: World, tries: Tries, tmp_path: Path, name: str) -> None:
    number = int(signal.Signals[name])
    first = next(at for at, step in enumerate(world.steps) if step.startswith("write status"))
    for at in range(first, len(world.steps) - 12, 12):
        out = tmp_path / f"out{at}"
        with tries.of(f"{name} twice", f"at {at} {world.steps[at]}"):
            end = server.run(world, out, signals=(at, number, 2))
            assert end.code in (TRY_AGAIN, -number), f"exit code {end.code}: {end.message}"
            check_survived(server, world, out)


@pytest.mark.parametrize("kind", ["torch", "python", "cpu"])
def test_out_of_memory_at_a_batch(server: Server, world: World, tries: Tries, tmp_path: Path, kind: str) -> None:
    for batch in range(3):
        out = tmp_path / f"out{batch}"
        with tries.of("out of memory at a batch", f"{kind}, batch {batch}"):
            end = server.run(world, out, memory=(kind, batch))
            assert end.code == 0, f"exit code {end.code}: {end.message}"
            told = [
                json.loads(path.read_text())["report"].get("token_budget") for path in sorted(out.glob("commits/*"))
            ]
            assert told == [2048 if index == batch else None for index in range(3)], told
            check_survived(server, world, out)  # rows of one batch each: the numbers are the same


def test_no_memory_at_all(server: Server, world: World, tries: Tries, tmp_path: Path) -> None:
    with tries.of("out of memory at every batch"):
        end = server.run(world, tmp_path / "out", memory=("torch", -1))
        assert end.code == 70 and "memory" in end.message, f"exit code {end.code}: {end.message}"
        check_survived(server, world, tmp_path / "out")
