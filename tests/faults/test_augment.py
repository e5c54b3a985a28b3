"""The augmenter under the faults that a cache is under: after each a rerun ends with the set of an undisturbed run."""

import errno
import os
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from data import store
from data.errors import IO_ERROR, TRY_AGAIN
from data.layout import MANIFEST
from data.manifest import check_files, read_manifest
from data.progress import Silent
from tests.faults.survival import Tries
from tests.faults.writers import End, Server, World

pytestmark = pytest.mark.slow
WRITES = ("write", "parquet", "mkdir", "link", "replace", "reserve")
NOTHING = World(Path("none"), Path("none"))


@pytest.fixture(scope="module")
def undisturbed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> End:
    end = augment(server, tmp_path_factory.mktemp("augmented") / "out")
    assert end.code == 0, end.message
    return end


def augment(server: Server, out: Path, **faults: Any) -> End:
    return server.run(NOTHING, out, "augment", **faults)


def check_survived(server: Server, out: Path, root: str, **faults: Any) -> None:
    end = augment(server, out, **faults)
    assert end.code == 0, f"the rerun ended with {end.code}: {end.message}"
    assert check_files(out, "examples", progress=Silent()) == []
    assert read_manifest(out, "examples").root == root
    assert not store.leftovers(out) and not (out / "work").exists()


@pytest.mark.parametrize(("side", "power"), [("before", False), ("after", False), ("before", True)])
def test_kill_at_every_step(
    server: Server, undisturbed: End, tries: Tries, tmp_path: Path, seed: int, side: str, power: bool
) -> None:
    for number, name in list(enumerate(undisturbed.steps))[:: 3 if power or side == "after" else 1]:
        out = tmp_path / f"out{number}"
        fault = "augment: loss of power at each step" if power else f"augment: kill -9 {side} each step"
        with tries.of(fault, f"{number} {name}"):
            end = augment(server, out, **{f"kill_{side}": number}, torn=not power, power=power, seed=seed)
            assert end.code == -signal.SIGKILL
            check_survived(server, out, undisturbed.root)
        shutil.rmtree(out, ignore_errors=True)


@pytest.mark.parametrize(
    ("fault", "error", "steps"),
    [("augment: EIO at each step", errno.EIO, ()), ("augment: disk full at each write", errno.ENOSPC, WRITES)],
)
def test_an_error_at_every_step(
    server: Server, undisturbed: End, tries: Tries, tmp_path: Path, fault: str, error: int, steps: tuple[str, ...]
) -> None:
    chosen = [step for step in enumerate(undisturbed.steps) if not steps or step[1].startswith(steps)]
    for number, name in chosen[:: 2 if steps else 4]:
        out = tmp_path / f"out{number}"
        with tries.of(fault, f"{number} {name}"):
            end = augment(server, out, fail_at=number, error=error, torn=bool(steps))
            sealed = (out / MANIFEST).exists()
            assert end.code == IO_ERROR or (sealed and end.code == 0), f"exit code {end.code}: {end.message}"
            check_survived(server, out, undisturbed.root)
        shutil.rmtree(out, ignore_errors=True)


def test_asked_to_stop(server: Server, undisturbed: End, tries: Tries, tmp_path: Path) -> None:
    for number in range(3, len(undisturbed.steps), 4):
        out = tmp_path / f"out{number}"
        with tries.of("augment: SIGTERM", f"{number} {undisturbed.steps[number]}"):
            end = augment(server, out, signals=(number, int(signal.SIGTERM), 1))
            assert end.code in (TRY_AGAIN, 0), f"exit code {end.code}: {end.message}"
            check_survived(server, out, undisturbed.root)


def test_two_writers_one_killed(
    server: Server, undisturbed: End, tries: Tries, luck: random.Random, tmp_path: Path
) -> None:
    for turn in range(12):
        out, faults = tmp_path / f"out{turn}", {"no_locks": turn % 2 == 0, "no_links": turn % 4 < 2}
        with tries.of("augment: two writers at once, one killed", str(faults)):
            both = [server.start(NOTHING, out, "augment", workers=n, pause=0.002, **faults) for n in (0, 1)]
            time.sleep(luck.uniform(0.0, 0.4))
            os.kill(luck.choice(both), signal.SIGKILL)
            ends = [server.wait(writer) for writer in both]
            assert {end.code for end in ends} <= {0, TRY_AGAIN, -signal.SIGKILL}, [end.message for end in ends]
            check_survived(server, out, undisturbed.root, no_links=faults["no_links"])


def test_every_flipped_bit_is_found_and_mended(
    server: Server, undisturbed: End, tries: Tries, luck: random.Random, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert augment(server, out).code == 0
    for turn in range(60):
        path = out / (MANIFEST if turn % 2 else "part-00000.parquet")
        content = path.read_bytes()
        # Every fourth one in what a seal says of its kind and version, which are not another kind and version then.
        first = content.index((b'"kind"', b'"version"')[turn // 4 % 2]) if turn % 4 == 3 else 0
        place, bit = luck.randrange(first, first + 12 if first else len(content)), luck.randrange(8)
        with tries.of("augment: bit flip in a part or the seal", f"{path.name} byte {place} bit {bit}"):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])
            assert check_files(out, "examples", progress=Silent()), "not found"
            check_survived(server, out, undisturbed.root)
        path.write_bytes(content)
