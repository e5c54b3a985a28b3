"""Writers killed by `kill -9`, at random times, at every step, in pairs, and with the power of the machine."""

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.faults.survival import Tries, check_survived, check_whole, copy_of, whole_shards
from tests.faults.writers import Server, World

pytestmark = pytest.mark.slow


def test_kill_at_random_times(server: Server, world: World, tries: Tries, luck: random.Random, tmp_path: Path) -> None:
    length = min(server.run(world, tmp_path / f"timed{turn}").seconds for turn in range(3))
    for turn in range(100):
        out, wait = tmp_path / f"out{turn}", luck.uniform(0, length)
        with tries.of("kill -9 at a random time", f"after {wait:.4f} s"):
            process = server.start(world, out)
            time.sleep(wait)
            os.kill(process, signal.SIGKILL)
            assert server.wait(process).code in (-signal.SIGKILL, 0)
            check_survived(server, world, out)
        shutil.rmtree(out, ignore_errors=True)


@pytest.mark.parametrize("side", ["before", "after"])
def test_kill_at_every_step(server: Server, world: World, tries: Tries, tmp_path: Path, side: str) -> None:
    for number, name in enumerate(world.steps):
        out = tmp_path / f"out{number}"
        with tries.of(f"kill -9 {side} each step", f"{number} {name}"):
            end = server.run(world, out, **{f"kill_{side}": number})
            assert end.code == -signal.SIGKILL, f"was not killed: {end.code}"
            check_survived(server, world, out)
        shutil.rmtree(out, ignore_errors=True)


def test_kill_in_the_middle_of_every_write(server: Server, world: World, tries: Tries, tmp_path: Path) -> None:
    for number, name in enumerate(world.steps):
        if not name.startswith("write"):
            continue
        out = tmp_path / f"out{number}"
        with tries.of("kill -9 with half a file written", f"{number} {name}"):
            assert server.run(world, out, kill_before=number, torn=True).code == -signal.SIGKILL
            check_survived(server, world, out)


def test_power_lost_at_every_step(
    server: Server, world: World, tries: Tries, luck: random.Random, tmp_path: Path
) -> None:
    for number, name in enumerate(world.steps):
        out, drawn = tmp_path / f"out{number}", luck.randrange(10**6)
        with tries.of("power lost at each step", f"{number} {name}, luck {drawn}"):
            assert server.run(world, out, kill_before=number, power=True, seed=drawn).code == -signal.SIGKILL
            check_survived(server, world, out)
        shutil.rmtree(out, ignore_errors=True)


def test_killed_again_while_it_recovers(
    server: Server, world: World, tries: Tries, luck: random.Random, tmp_path: Path
) -> None:
    for turn in range(20):
        out, at = tmp_path / f"out{turn}", [luck.randrange(len(world.steps)) for _ in range(4)]
        with tries.of("kill -9 four times over", str(at)):
            before: set[str] = set()
            for number in at:
                server.run(world, out, kill_after=number)
                before |= whole_shards(out)
            check_survived(server, world, out, before=before)


def test_kill_where_there_are_no_hard_links(server: Server, world: World, tries: Tries, tmp_path: Path) -> None:
    steps = server.run(world, tmp_path / "undisturbed", no_links=True).steps
    check_whole(world, tmp_path / "undisturbed")
    for number, name in enumerate(steps):
        if not name.startswith(("link", "reserve", "replace")):
            continue  # the other steps are those of a file system with links
        out = tmp_path / f"out{number}"
        with tries.of("kill -9, no hard links", f"{number} {name}"):
            assert server.run(world, out, kill_after=number, no_links=True).code in (-signal.SIGKILL, 0)
            check_survived(server, world, out, no_links=True)


def test_kill_at_every_step_of_a_repair(server: Server, world: World, tries: Tries) -> None:
    def damaged(name: str) -> Path:
        out = copy_of(world, name)
        next(iter(sorted(out.glob("part-*")))).write_bytes(b"PAR1")
        (out / "commits" / "00001.json").unlink()
        (out / "commits" / "00002.json").write_text("{")
        (out / "PLAN.json").write_bytes((out / "PLAN.json").read_bytes()[:-20])
        return out

    steps = server.run(world, whole := damaged("steps"), "repair").steps
    check_whole(world, whole)
    for number, name in enumerate(steps):
        out = damaged(f"repair{number}")
        before = whole_shards(out)
        with tries.of("kill -9 at each step of a repair", f"{number} {name}"):
            assert server.run(world, out, "repair", kill_before=number).code == -signal.SIGKILL
            check_survived(server, world, out, "repair", before=before)
        shutil.rmtree(out, ignore_errors=True)


def test_two_writers_with_kills(
    server: Server, world: World, tries: Tries, luck: random.Random, tmp_path: Path
) -> None:
    for turn in range(20):
        out, locks = tmp_path / f"out{turn}", turn % 2 == 0
        links = turn % 4 < 2
        faults = {"pause": 0.002, "no_locks": not locks, "no_links": not links}
        about = f"locks {locks}, links {links}"
        with tries.of("two writers at once, one killed" if links else "two writers, one killed, no hard links", about):
            writers = [server.start(world, out, **faults) for _ in range(2)]
            time.sleep(luck.uniform(0.1, 0.6))
            os.kill(luck.choice(writers), signal.SIGKILL)
            ends = [server.wait(writer).code for writer in writers]
            assert set(ends) <= {0, 75, -signal.SIGKILL}, ends
            check_survived(server, world, out)


def test_three_writers_without_locks_make_one_cache(server: Server, world: World, tries: Tries, tmp_path: Path) -> None:
    for turn in range(6):
        out = tmp_path / f"out{turn}"
        with tries.of("three writers at once, no locks"):
            writers = [server.start(world, out, pause=0.002, no_locks=True) for _ in range(3)]
            ends = [server.wait(writer) for writer in writers]
            assert [end.code for end in ends] == [0, 0, 0], [end.message for end in ends]
            check_survived(server, world, out)
