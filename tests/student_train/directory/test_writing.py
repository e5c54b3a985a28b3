"""A model's directory: one writer at a time, and nothing of its own but with the seal; then it is tidied up."""

import dataclasses
import errno
import fcntl
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from data.errors import TRY_AGAIN, PotstillError
from data.layout import CHECKPOINT, MANIFEST, SEALING, WEIGHTS
from data.manifest import Manifest, read_manifest, write_manifest
from data.progress import Silent
from data.readers.source import Source
from data.running.claims import only_writer
from student_train import train as module
from student_train.config import TrainConfig
from student_train.directory.writing import sealing, writing
from student_train.loop import run as fit
from student_train.student import Student
from student_train.teach import teach
from student_train.train import train
from tests.student_train.conftest import SENTIMENT
from tests.student_train.test_teach import QUICK, sources

Cache = tuple[list[Path], Source]


class Killed(BaseException):
    """Stands for a `kill -9`: nothing that the process would do afterwards happens."""


class Counting(Silent):
    """Counts the training steps."""

    steps = 0
    training = False

    def start(self, name: str, *, total: int | None, unit: str) -> None:
        self.training = name.startswith("train")

    def advance(self, amount: int, info: str = "") -> None:
        self.steps += amount * self.training


def files(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def no_locks(*values: Any) -> None:
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def model_in(stage: Path, content: bytes) -> None:
    (stage / WEIGHTS).write_bytes(content)
    write_manifest(stage, Manifest("student", SENTIMENT, report={"content": content.decode()}))


def test_a_second_writer_is_told_to_come_back_and_changes_nothing(
    small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    for config in (small, dataclasses.replace(small, seeds=(0, 1))):
        out = tmp_path / f"s{len(config.seeds)}"
        with writing(out), pytest.raises(PotstillError, match="is in use by another process") as caught:
            train(config, *sentiment, out, progress=Silent())
        assert caught.value.code == TRY_AGAIN
        assert files(out) == {}


def test_a_seed_that_another_process_trains_alone_is_in_use_too(
    small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    config = dataclasses.replace(small, seeds=(0, 1), max_steps=2)
    with writing(tmp_path / "s" / "seed-1"), pytest.raises(PotstillError, match="seed-1 is in use") as caught:
        train(config, *sentiment, tmp_path / "s", progress=Silent())
    assert caught.value.code == TRY_AGAIN
    assert (tmp_path / "s" / "seed-0" / MANIFEST).exists()
    assert list(train(config, *sentiment, tmp_path / "s", progress=Silent()).report["seeds"]) == ["seed-0", "seed-1"]


def test_a_second_writer_of_a_teacher_is_told_to_come_back(
    save_bert: Any, sentiment_rows: Any, write_source: Any, tmp_path: Path
) -> None:
    both, start = sources(tmp_path, sentiment_rows, write_source), str(save_bert(tmp_path / "bert", SENTIMENT))
    with writing(tmp_path / "t"), pytest.raises(PotstillError, match="is in use by another process") as caught:
        teach(QUICK, SENTIMENT, *both, start, tmp_path / "t", progress=Silent())
    assert caught.value.code == TRY_AGAIN
    assert files(tmp_path / "t") == {}


def test_the_lock_leaves_no_file_and_is_free_after_an_error(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError), only_writer(tmp_path) as known:
            assert known
            raise RuntimeError
        assert not list(tmp_path.iterdir())


def test_without_locks_nobody_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", no_locks)
    with only_writer(tmp_path) as one, only_writer(tmp_path) as two:
        assert not one and not two


def test_without_locks_of_two_who_seal_one_wins_and_its_files_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", no_locks)
    with sealing(tmp_path) as one, sealing(tmp_path) as two:
        model_in(one, b"one")
        model_in(two, b"two")
    before = files(tmp_path)
    assert before[WEIGHTS] == b"two" and read_manifest(tmp_path, "student").report["content"] == "two"
    with sealing(tmp_path) as late:
        model_in(late, b"late")
    assert files(tmp_path) == before and set(before) == {WEIGHTS, MANIFEST}


@pytest.mark.parametrize("moved", [0, 1])
def test_who_finds_a_move_begun_ends_it(tmp_path: Path, moved: int) -> None:
    stage = tmp_path / "sealing-12-0123abcd"
    stage.mkdir()
    model_in(stage, b"one")
    (tmp_path / SEALING).write_text(stage.name)
    if moved:
        (stage / WEIGHTS).rename(tmp_path / WEIGHTS)
    with writing(tmp_path):
        assert set(files(tmp_path)) == {WEIGHTS, MANIFEST, ".lock"}
    assert read_manifest(tmp_path, "student").report["content"] == "one"


@pytest.mark.parametrize("name", ["", "sealing-12-0123abcd", "../elsewhere"])
def test_a_seal_that_names_nothing_is_forgotten(tmp_path: Path, name: str) -> None:
    (tmp_path / SEALING).write_text(name)
    with writing(tmp_path):
        pass
    assert files(tmp_path) == {}


def test_a_seal_that_another_writer_ends_meanwhile_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / SEALING).write_text("sealing-12-0123abcd")
    real = Path.read_text

    def gone(path: Path, *values: Any, **options: Any) -> str:
        if path.name == SEALING:
            path.unlink()
        return real(path, *values, **options)

    monkeypatch.setattr(Path, "read_text", gone)
    with writing(tmp_path):
        pass
    assert files(tmp_path) == {}


@pytest.mark.parametrize("where", ["stage", "last", "link", "manifest"])
def test_a_student_killed_behind_its_last_step_loses_no_step(
    small: TrainConfig, sentiment: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    whole = train(small, *sentiment, tmp_path / "whole", progress=Silent())
    real = {"link": os.link, "replace": os.replace}

    def dies(call: str, source: Any, target: Any) -> None:
        inside, name = "sealing-" in str(target), Path(target).name
        at = {
            "stage": inside and name == WEIGHTS,
            "last": not inside and Path(target).parent.name == "last",
            "link": name == SEALING,
            "manifest": not inside and name == MANIFEST,
        }
        if at[where]:
            raise Killed
        real[call](source, target)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        for call in real:
            patched.setattr(os, call, lambda *paths, call=call: dies(call, *paths))
        patched.setattr(shutil, "rmtree", lambda *values, **options: None)  # a killed process tidies nothing up
        train(small, *sentiment, tmp_path / "s", progress=Silent())
    assert not (tmp_path / "s" / MANIFEST).exists()
    progress = Counting()
    assert train(small, *sentiment, tmp_path / "s", progress=progress).root == whole.root
    assert progress.steps == 0
    there, wanted = files(tmp_path / "s"), files(tmp_path / "whole")
    assert there.keys() == wanted.keys()
    assert all(there[name] == wanted[name] for name in there if name.endswith((WEIGHTS, "config.json")))


def test_where_the_disk_takes_no_training_state_the_student_is_still_sealed(
    small: TrainConfig, sentiment: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*values: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(fit, "save_training", full)
    assert train(small, *sentiment, tmp_path / "s", progress=Silent()).kind == "student"


def test_until_the_seal_nothing_of_the_directory_s_own_is_written(
    small: TrainConfig, sentiment: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*values: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module, "seal_one", full)
    with pytest.raises(OSError, match="No space"):
        train(small, *sentiment, tmp_path / "s", progress=Silent())
    names = {name for name in files(tmp_path / "s") if not name.startswith("encoded/")}
    assert names == {CHECKPOINT, "metrics.jsonl"}


def test_what_a_writer_killed_behind_the_seal_left_is_removed(
    small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    train(small, *sentiment, tmp_path / "s", progress=Silent())
    before = files(tmp_path / "s")
    for name in (
        CHECKPOINT,
        "encoded/0123/000000.ids",
        f"{CHECKPOINT}.tmp-12-0123abcd",
        "sealing-12-0123abcd/x",
        SEALING,
    ):
        (tmp_path / "s" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "s" / name).touch()
    train(small, *sentiment, tmp_path / "s", progress=Silent())
    assert files(tmp_path / "s") == before
    assert Student.load(tmp_path / "s")


@pytest.mark.parametrize("sealed", [True, False])
def test_what_a_writer_killed_behind_the_seal_of_a_seed_left_is_removed(
    small: TrainConfig, sentiment: Cache, tmp_path: Path, sealed: bool
) -> None:
    """sealed: whether the seal over all seeds was written before."""
    two = dataclasses.replace(small, seeds=(0, 1), max_steps=2)
    train(two, *sentiment, tmp_path / "s", progress=Silent())
    before = files(tmp_path / "s")
    for name in (CHECKPOINT, f"{CHECKPOINT}.tmp-12-0123abcd", SEALING):
        (tmp_path / "s/seed-0" / name).touch()
    if not sealed:
        (tmp_path / "s" / MANIFEST).unlink()
    train(two, *sentiment, tmp_path / "s", progress=Silent())
    assert files(tmp_path / "s") == before


def test_a_sealed_student_keeps_its_bytes_beside_a_slower_writer_without_locks(
    small: TrainConfig, sentiment: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one trains and seals while this one is at its third step."""
    monkeypatch.setattr(fcntl, "flock", no_locks)

    sealed: dict[str, bytes] = {}

    class Other(Counting):
        def advance(self, amount: int, info: str = "") -> None:
            super().advance(amount)
            if self.training and self.steps == 3:
                train(small, *sentiment, tmp_path / "s", progress=Silent())
                sealed.update(files(tmp_path / "s"))

    progress = Other()
    train(small, *sentiment, tmp_path / "s", progress=progress)
    assert progress.steps == 16 and files(tmp_path / "s") == sealed
