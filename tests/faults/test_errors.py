"""The disk says no: full, too large, broken, without links or locks. The writer says so, the next goes on."""

import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from data.errors import IO_ERROR, NO_PERMISSION
from tests.faults.survival import Tries, check_survived
from tests.faults.writers import Server, World

pytestmark = pytest.mark.slow
WRITES = ("write", "parquet", "mkdir", "link", "replace", "reserve")


@pytest.mark.parametrize(
    ("fault", "error", "steps", "torn"),
    [
        ("EIO at each step", errno.EIO, (), False),
        ("disk full (ENOSPC) at each write", errno.ENOSPC, WRITES, True),
        ("EDQUOT at each write", errno.EDQUOT, ("write", "parquet"), False),
        ("EACCES at each new name", errno.EACCES, ("mkdir", "link", "replace"), False),
    ],
)
def test_an_error_at_every_step(
    server: Server,
    world: World,
    tries: Tries,
    tmp_path: Path,
    fault: str,
    error: int,
    steps: tuple[str, ...],
    torn: bool,
) -> None:
    codes = (NO_PERMISSION,) if error == errno.EACCES else (IO_ERROR,)
    for number, name in enumerate(world.steps):
        if steps and not name.startswith(steps):
            continue
        out = tmp_path / f"out{number}"
        with tries.of(fault, f"{number} {name}"):
            end = server.run(world, out, fail_at=number, error=error, torn=torn)
            assert end.code in codes, f"exit code {end.code}: {end.message}"
            check_survived(server, world, out)
        shutil.rmtree(out, ignore_errors=True)


def test_no_hard_links_and_no_locks(server: Server, world: World, tries: Tries, tmp_path: Path) -> None:
    for links, locks in ((False, True), (True, False), (False, False)):
        out = tmp_path / f"{links}{locks}"
        with tries.of("no hard links, no locks", f"links {links}, locks {locks}"):
            assert server.run(world, out, no_links=not links, no_locks=not locks).code == 0
            check_survived(server, world, out)


def test_files_may_not_grow(server: Server, world: World, tries: Tries, tmp_path: Path) -> None:
    largest = max(path.stat().st_size for path in world.undisturbed.rglob("*") if path.is_file())
    for limit in (max(1, largest * tenth // 10) for tenth in range(10)):
        out = tmp_path / f"out{limit}"
        with tries.of("file-size limit (RLIMIT_FSIZE)", f"{limit} bytes"):
            end = server.run(world, out, file_bytes=limit)
            assert end.code == IO_ERROR, f"exit code {end.code}: {end.message}"
            check_survived(server, world, out)


def test_a_full_file_system(server: Server, world: World, tries: Tries, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False).returncode:
        pytest.skip("a tmpfs can be mounted by root only")
    try:
        needed = sum(1 + path.stat().st_size // 4096 for path in world.undisturbed.rglob("*") if path.is_file())
        for pages in range(1, needed + 3):
            subprocess.run(["mount", "-o", f"remount,size={4 * pages}k", disk], check=True)
            with tries.of("disk full (tmpfs)", f"{4 * pages} kB"):
                end = server.run(world, disk / "out")
                assert end.code in (IO_ERROR, 0), f"exit code {end.code}: {end.message}"
                subprocess.run(["mount", "-o", "remount,size=4m", disk], check=True)
                check_survived(server, world, disk / "out")
            shutil.rmtree(disk / "out", ignore_errors=True)
    finally:
        subprocess.run(["umount", disk], check=True)
