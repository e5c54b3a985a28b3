"""The real command, as cron and schedulers run it: asked to stop it ends with 75, and the same command then seals."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from data.errors import OK, TRY_AGAIN
from data.manifest import read_manifest
from data.progress import Silent
from teacher_cache.repair.verify import verify
from tests.faults.survival import Tries, whole_shards
from tests.faults.writers import ROOT, THREADS, World

pytestmark = pytest.mark.slow
PARTS = 400  # so many that a signal meets the command at work


@pytest.fixture
def many(make_examples: Any) -> Path:
    return make_examples([f"a good movie {number}" for number in range(PARTS)], part_rows=1, name="many")


class Command:
    def __init__(self, world: World, examples: Path, out: Path, *options: str) -> None:
        self.out = out
        words = ["cache", str(examples), "-t", str(world.teacher), "-o", str(out), "--json", *options]
        place = ["--device", "cpu", "--dtype", "float32", "--threads", "1"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.cli", *words, *place],
            cwd=ROOT,
            env=os.environ | THREADS,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def at_work(self) -> None:
        """Wait for the first shard."""
        for _ in range(3000):
            if any((self.out / "commits").glob("*.json")):
                return
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.1)
        raise AssertionError("no shard within five minutes")

    def end(self) -> tuple[int, dict[str, Any]]:
        told, _ = self.process.communicate(timeout=300)
        return self.process.returncode, json.loads(told.splitlines()[-1]) if told else {}


def check_rerun(world: World, examples: Path, out: Path) -> None:
    whole = whole_shards(out)
    code, told = Command(world, examples, out).end()
    assert code == OK and told["sealed"] and told["rows"] == PARTS, told
    assert whole <= whole_shards(out) and verify(out, progress=Silent()) == []
    assert read_manifest(out, "cache").root == told["root"]


@pytest.mark.parametrize(("name", "times"), [("SIGTERM", 1), ("SIGINT", 1), ("SIGUSR1", 1), ("SIGTERM", 2)])
def test_the_command_is_asked_to_stop(
    world: World, many: Path, tries: Tries, tmp_path: Path, name: str, times: int
) -> None:
    with tries.of("the command, SIGTERM, SIGINT, SIGUSR1", f"{name} {times} times"):
        command = Command(world, many, tmp_path / "out")
        command.at_work()
        for _ in range(times):
            command.process.send_signal(signal.Signals[name])
        code, told = command.end()
        assert code == told["code"] == TRY_AGAIN, (code, told)
        assert not (tmp_path / "out" / "MANIFEST.json").exists()
        check_rerun(world, many, tmp_path / "out")


def test_a_worker_is_killed(world: World, many: Path, tries: Tries, tmp_path: Path) -> None:
    with tries.of("a worker killed (--workers 2)"):
        command = Command(world, many, tmp_path / "out", "--workers", "2")
        command.at_work()
        os.kill(workers_of(command.process.pid)[0], signal.SIGKILL)
        code, told = command.end()
        assert code == told["code"] == TRY_AGAIN and "died" in told["error"], (code, told)
        check_rerun(world, many, tmp_path / "out")


def test_the_parent_of_workers_is_killed(world: World, many: Path, tries: Tries, tmp_path: Path) -> None:
    with tries.of("the parent of two workers killed"):
        command = Command(world, many, tmp_path / "out", "--workers", "2")
        command.at_work()
        workers = workers_of(command.process.pid)
        command.process.kill()
        command.process.communicate()
        for _ in range(600):  # they end by themselves
            if not any(Path(f"/proc/{worker}").exists() for worker in workers):
                break
            time.sleep(0.1)
        check_rerun(world, many, tmp_path / "out")


def workers_of(parent: int) -> list[int]:
    """Processes that compute for a command; multiprocessing's tracker is not one."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
