"""Caches at odd places: names of all alphabets, links, read-only places, names that try to lead elsewhere."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from data.errors import IO_ERROR, NO_INPUT, NO_PERMISSION, USAGE
from data.progress import Silent
from pipelines import cli
from teacher_cache.repair.verify import verify
from tests.faults.survival import Tries, check_survived, check_whole, copy_of
from tests.faults.writers import Server, World

pytestmark = pytest.mark.slow

NAMES = (
    "naïve ☃ 缓存 عربي",
    "two  blanks",
    " ",
    'it\'s "quoted"',
    "-o",
    "a\nline",
    "%s {x} $HOME",
    "*?[a]",
    "x" * 255,
    ".hidden",
)


@contextmanager
def read_only(directory: Path) -> Iterator[None]:
    """Mount a directory over itself, read-only: root may write where the modes of files forbid it."""
    if os.geteuid() or subprocess.run(["mount", "--bind", directory, directory], check=False).returncode:
        pytest.skip("a read-only mount can be made by root only")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", directory], check=True)
        yield
    finally:
        subprocess.run(["umount", directory], check=True)


def test_names_of_every_kind(server: Server, world: World, tries: Tries, tmp_path: Path) -> None:
    for name in NAMES:
        with tries.of("odd names", repr(name)[:20]):
            out = tmp_path / name / "out"
            server.run(world, out, kill_before=40)
            check_survived(server, world, out)
            check_survived(server, world, out, "repair")


def test_links_to_inputs_and_output(server: Server, world: World, tries: Tries, tmp_path: Path) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "out").symlink_to(tmp_path / "real" / "deep")
    (tmp_path / "examples").symlink_to(world.examples)
    (tmp_path / "teacher").symlink_to(world.teacher)
    linked = replace(world, examples=tmp_path / "examples", teacher=tmp_path / "teacher")
    with tries.of("symbolic links"):
        assert server.run(linked, tmp_path / "out", kill_before=60).code == -9
        check_survived(server, linked, tmp_path / "out")
        next((tmp_path / "real" / "deep").glob("part-00001-*")).write_bytes(b"")
        check_survived(server, linked, tmp_path / "out", "repair")  # finds examples and teacher from its plan
        check_survived(server, linked, tmp_path / "real" / "deep", "repair")


@pytest.mark.parametrize("place", ["a file", "a dangling link", "a name too long"])
def test_outputs_that_cannot_be(server: Server, world: World, tries: Tries, tmp_path: Path, place: str) -> None:
    out = tmp_path / ("x" * 300 if place == "a name too long" else "out")
    if place == "a file":
        out.write_text("precious")
    elif place == "a dangling link":
        out.symlink_to(tmp_path / "nowhere" / "at all")
    with tries.of("outputs that cannot be", place):
        end = server.run(world, out)
        assert end.code in (USAGE, IO_ERROR, NO_INPUT), f"exit code {end.code}: {end.message}"
        assert place != "a file" or out.read_text() == "precious"


def test_readers_of_a_cache_that_may_only_be_read(server: Server, world: World, tries: Tries) -> None:
    from teacher_cache.frame import open_frame

    out = copy_of(world, "read-only")
    with read_only(out), tries.of("read-only cache"):
        check_whole(world, out)
        end = server.run(world, out)
        assert (end.code, end.root, end.steps) == (0, world.root, ()), end.message
        assert len(open_frame(out).collect()) == 8


def test_writers_where_nothing_may_be_written(server: Server, world: World, tries: Tries) -> None:
    out = copy_of(world, "unfinished")
    (out / "MANIFEST.json").unlink()
    before = sorted(out.rglob("*"))
    with tries.of("read-only output"):
        with read_only(out):
            for action in ("build", "repair"):
                end = server.run(world, out, action)
                assert end.code == NO_PERMISSION, f"{action}: {end.code}: {end.message}"
            assert sorted(out.rglob("*")) == before
        check_survived(server, world, out)


@pytest.mark.parametrize(
    "name", ["../../x", "hf:../../x", "disk:../../x", "demo:../../x", "/etc/passwd", "hf:a/../../x"]
)
def test_names_of_data_sets_lead_nowhere(
    tries: Tries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    work = tmp_path / "a" / "b"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with tries.of("data set names such as ../../x", name):
        code = cli.run(["augment", name, "-o", "out"])
        assert code in (64, 65, 66), code
        there = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
        assert not {path for path in there if "passwd" in path or path.endswith("x")}, there


def test_files_of_others_are_never_swept(server: Server, world: World, tries: Tries, tmp_path: Path) -> None:
    out = tmp_path / "out"
    theirs = [out / "notes.tmp-1", out / "deep" / "thesis.tmp-final", out / "commits" / "a.tmp-12-old"]
    for path in theirs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("precious")
    with tries.of("files of others beside the cache"):
        assert server.run(world, out).code == 0
        assert [path.read_text() for path in theirs] == ["precious"] * 3
        assert verify(out, progress=Silent())
