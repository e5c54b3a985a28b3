"""Every exit code that a scheduler acts on, through the real command; with --json the last line is one object."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data import errors
from data.running.claims import claim
from pipelines import cli, phases

Potstill = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def potstill(capsys: pytest.CaptureFixture[str]) -> Potstill:
    """Run a command line with --json; return its exit code and the object on the last line of stdout."""

    def call(*arguments: object) -> tuple[int, dict[str, Any]]:
        code = cli.run([*map(str, arguments), "--json"])
        return code, json.loads(capsys.readouterr().out.splitlines()[-1])

    return call


@pytest.fixture
def command(examples: Path, teacher: Path, tmp_path: Path) -> tuple[object, ...]:
    place = ("cache", examples, "-t", teacher, "-o", tmp_path / "out")
    return (*place, "--device", "cpu", "--dtype", "float32", "--threads", "1")


def fails_with(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let the first new name on the disk fail."""

    def link(source: Any, target: Any) -> None:
        raise OSError(number, os.strerror(number), str(target))

    monkeypatch.setattr(os, "link", link)


def test_0_sealed_and_sealed_again(potstill: Potstill, command: tuple[object, ...]) -> None:
    for _ in range(2):
        code, told = potstill(*command)
        assert code == errors.OK and told["command"] == "cache" and told["sealed"] is True


def test_64_a_wrong_option(potstill: Potstill, command: tuple[object, ...]) -> None:
    code, told = potstill(*command, "--max-length", "1")
    assert code == told["code"] == errors.USAGE


def test_65_damage_found_and_texts_that_no_teacher_can_answer(
    potstill: Potstill, command: tuple[object, ...], make_examples: Any, teacher: Path, tmp_path: Path
) -> None:
    assert potstill(*command)[0] == errors.OK
    next((tmp_path / "out").glob("part-*")).write_bytes(b"PAR1")
    code, told = potstill("verify", tmp_path / "out")
    assert code == told["code"] == errors.BAD_DATA and "potstill repair" in told["hint"]
    empty = make_examples([" " * n for n in range(1, 12)], name="empty", part_rows=20)
    code, told = potstill("cache", empty, "-t", teacher, "-o", tmp_path / "other", "--device", "cpu")
    assert code == told["code"] == errors.BAD_DATA


def test_66_an_input_that_is_not_there(potstill: Potstill, teacher: Path, tmp_path: Path) -> None:
    code, told = potstill("cache", tmp_path / "nothing", "-t", teacher, "-o", tmp_path / "out")
    assert code == told["code"] == errors.NO_INPUT and "nothing" in told["error"]


def test_70_a_bug(potstill: Potstill, command: tuple[object, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phases, "cache", lambda **values: 1 // 0)
    code, told = potstill(*command)
    assert code == told["code"] == errors.INTERNAL and "ZeroDivisionError" in told["error"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_74_the_disk_is_full_or_broken(
    potstill: Potstill, command: tuple[object, ...], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    fails_with(monkeypatch, number)
    code, told = potstill(*command)
    assert code == told["code"] == errors.IO_ERROR
    assert ("the disk is full" in told["error"]) == (number != errno.EIO)


def test_75_another_process_holds_a_shard(potstill: Potstill, command: tuple[object, ...], tmp_path: Path) -> None:
    hold = claim(tmp_path / "out", 1)
    assert hold is not None
    code, told = potstill(*command)
    assert code == told["code"] == errors.TRY_AGAIN and "same command again" in told["hint"]
    hold.release()
    assert potstill(*command)[0] == errors.OK


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_77_a_place_that_may_not_be_written(
    potstill: Potstill, command: tuple[object, ...], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    fails_with(monkeypatch, number)
    code, told = potstill(*command)
    assert code == told["code"] == errors.NO_PERMISSION


def test_78_a_cache_of_another_plan(potstill: Potstill, command: tuple[object, ...]) -> None:
    assert potstill(*command)[0] == errors.OK
    code, told = potstill(*command, "--max-length", "32")
    assert code == told["code"] == errors.STALE and "max_length: 128 there, 32 now" in told["error"]
