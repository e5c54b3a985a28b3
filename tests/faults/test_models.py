"""Teachers, students and runs whose makers are killed, meet a full disk or each other; bits flipped afterwards."""

import errno
import json
import os
import random
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from data import store
from data.errors import IO_ERROR, TRY_AGAIN, PotstillError
from data.layout import MANIFEST
from student_train.student import Student
from tests.faults.makers import RUN, SEEDS, TEACH, TRAIN, School, made_by
from tests.faults.survival import Tries
from tests.faults.test_damage import swap
from tests.faults.writers import End, Server
from tests.student_train.conftest import SENTIMENT, make_cache, save_bert, sentiment_rows, tokenizer, write_source

__all__ = ["make_cache", "save_bert", "sentiment_rows", "tokenizer", "write_source"]  # fixtures

pytestmark = pytest.mark.slow

WRITES = ("write", "mkdir", "link", "replace")
FLIPS = 400
# One step of so many is broken, begun at another place each time; `make faults` breaks every one.
STRIDE = int(os.environ.get("POTSTILL_FAULT_STRIDE", "8"))


@pytest.fixture(scope="module")
def school(
    tmp_path_factory: pytest.TempPathFactory, make_cache: Any, save_bert: Any, sentiment_rows: Any, write_source: Any
) -> School:
    """Ninety labelled texts, thirty for dev, a cache over the first, a BERT of one layer."""
    folder = tmp_path_factory.mktemp("school")
    rows = sentiment_rows(90)
    make_cache(folder, rows, group_rows=64, part_rows=64)
    write_source(folder / "train.tsv", rows)
    write_source(folder / "dev.tsv", sentiment_rows(30, seed=1))
    save_bert(folder / "bert", SENTIMENT, layers=1, width=16)
    return School(folder)


class Undisturbed(dict[tuple[str, bool], tuple[dict[str, str], End]]):
    """Of each action: what it makes where nothing disturbs it, and its steps."""


@pytest.fixture(scope="module")
def undisturbed(server: Server, school: School, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    found = Undisturbed()
    for action, often in ((TEACH, True), (TRAIN, True), (SEEDS, False), (RUN, False)):
        out = tmp_path_factory.mktemp(action) / "out"
        end = server.make(school, out, action, often=often)
        assert end.code == 0, end.message
        found[action, often] = made_by(out), end
    return found


def check_same(server: Server, school: School, out: Path, action: str, wanted: dict[str, str], **faults: Any) -> End:
    """Run again to the end, without the fault, and compare; then once more, which must train nothing."""
    end = server.make(school, out, action, **faults)
    assert end.code == 0, f"the rerun ended with {end.code}: {end.message}"
    assert made_by(out) == wanted
    left = [path.name for path in out.rglob("*") if path.name.startswith(("sealing-", "SEALING", "last.safetensors"))]
    assert not left and not store.leftovers(out), (left, store.leftovers(out))
    return end


def some(
    steps: tuple[str, ...], luck: random.Random, *, only: str | tuple[str, ...] = "", every: int = STRIDE
) -> list[tuple[int, str]]:
    """Numbers and names of the steps to break: one in `every` of those that begin with `only`, the first at random."""
    fitting = [(number, name) for number, name in enumerate(steps) if name.startswith(only)]
    return fitting[luck.randrange(every) % max(1, len(fitting)) :: every]


def is_over(steps: tuple[str, ...]) -> int:
    """The first step behind the training state of the last step: from here on nothing may be trained again."""
    return max(at for at, step in enumerate(steps) if step.startswith("replace last.safetensors")) + 2


@dataclass(frozen=True)
class Trial:
    """One test's tries: who makes models, of what, and what an undisturbed one is."""

    server: Server
    school: School
    undisturbed: Undisturbed
    tries: Tries
    luck: random.Random
    folder: Path

    def each(
        self,
        fault: str,
        action: str,
        *,
        often: bool = True,
        only: str | tuple[str, ...] = "",
        every: int = STRIDE,
        most: int | None = None,
        at: str = "kill_before",
        ends: tuple[int, ...] = (-signal.SIGKILL,),
        **faults: Any,
    ) -> None:
        """Break steps of making a model, one a try; after each, a run without the fault makes the undisturbed one.

        only, every   of the steps that begin so, one in so many
        most          so many of these at most, drawn by luck
        at            what happens at the step: `kill_before`, `fail_at`; ends: exit codes that it may have
        """
        wanted, whole = self.undisturbed[action, often]
        steps = some(whole.steps, self.luck, only=only, every=every)
        for number, name in sorted(self.luck.sample(steps, min(most, len(steps)))) if most else steps:
            out, drawn = self.folder / f"out{number}", self.luck.randrange(10**6)
            with self.tries.of(f"{action}: {fault}", f"{number} {name}, luck {drawn}"):
                end = self.server.make(self.school, out, action, often=often, seed=drawn, **{at: number}, **faults)
                assert end.code in ends, f"exit code {end.code}: {end.message}"
                again = check_same(self.server, self.school, out, action, wanted)
                over = often and number >= is_over(whole.steps)
                assert again.trained == 0 or not over, f"{again.trained} steps were trained again"
            shutil.rmtree(out, ignore_errors=True)


@pytest.fixture
def trial(
    server: Server, school: School, undisturbed: Undisturbed, tries: Tries, luck: random.Random, tmp_path: Path
) -> Trial:
    return Trial(server, school, undisturbed, tries, luck, tmp_path)


@pytest.mark.parametrize("action", [TEACH, TRAIN])
def test_kill_at_every_step_of_making_a_model(trial: Trial, action: str) -> None:
    trial.each("kill -9 at each step", action)


@pytest.mark.parametrize("action", [TEACH, TRAIN])
def test_kill_in_the_middle_of_every_write_of_a_model(trial: Trial, action: str) -> None:
    trial.each("kill -9 with half a file written", action, only="write", torn=True)


def test_kill_at_steps_of_several_seeds(trial: Trial) -> None:
    trial.each("kill -9", SEEDS, often=False, every=2 * STRIDE)


@pytest.mark.parametrize("action", [TEACH, TRAIN])
def test_power_lost_while_a_model_is_made(trial: Trial, action: str) -> None:
    trial.each("power lost", action, every=2 * STRIDE, power=True)


@pytest.mark.parametrize("action", [TEACH, TRAIN])
def test_disk_full_at_every_write_of_a_model(trial: Trial, action: str) -> None:
    full = {"at": "fail_at", "ends": (IO_ERROR, 0), "error": errno.ENOSPC, "torn": True}
    trial.each("disk full (ENOSPC) at each write", action, only=WRITES, **full)


def test_kill_at_any_step_of_a_run(trial: Trial) -> None:
    trial.each("kill -9 at any step", RUN, often=False, every=1, most=6)  # a run takes two seconds


@pytest.mark.parametrize("action", [TEACH, TRAIN, SEEDS])
@pytest.mark.parametrize("locks", [True, False])
def test_two_make_one_model_at_once(
    server: Server, school: School, undisturbed: Undisturbed, tries: Tries, tmp_path: Path, action: str, locks: bool
) -> None:
    wanted, _ = undisturbed[action, action != SEEDS]
    for turn in range(2):
        out = tmp_path / f"out{turn}"
        with tries.of(f"{action}: two at once" + ("" if locks else ", no locks")):
            faults = {"pause": 0.004, "no_locks": not locks}
            ends = [server.wait(one) for one in [server.start_making(school, out, action, **faults) for _ in range(2)]]
            codes = sorted(end.code for end in ends)
            assert codes in ([[0, 0], [0, TRY_AGAIN]] if locks else [[0, 0]]), [end.message for end in ends]
            check_same(server, school, out, action, wanted)


@pytest.fixture(scope="module")
def student(server: Server, school: School, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    out = tmp_path_factory.mktemp("student") / "out"
    assert server.make(school, out, TRAIN).code == 0
    yield out


def test_every_flipped_bit_of_a_finished_student_is_found(student: Path, tries: Tries, luck: random.Random) -> None:
    kinds = [
        student / name for name in ("model.safetensors", "config.json", "vocabulary.json", "tokenizer.json", MANIFEST)
    ]
    for turn in range(FLIPS):
        path = kinds[turn % len(kinds)]
        content = path.read_bytes()
        place, bit = luck.randrange(len(content)), luck.randrange(8)
        with tries.of(f"student: bit flip in {path.name}", f"byte {place} bit {bit}"):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])
            try:
                Student.load(student)
            except PotstillError:
                pass
            else:
                raise AssertionError("not found")
        path.write_bytes(content)
    assert Student.load(student)


def test_swapped_labels_and_files_of_a_finished_student_are_found(student: Path, tries: Tries, tmp_path: Path) -> None:
    def labels(name: str, out: Path) -> None:
        values = json.loads((out / name).read_text())
        values["task"]["labels"].reverse()
        (out / name).write_bytes(store.to_json(values))

    changes = {
        "labels swapped in config.json": lambda out: labels("config.json", out),
        "labels swapped in the manifest": lambda out: labels(MANIFEST, out),
        "weights of the last step": lambda out: swap(out / "model.safetensors", out / "last" / "model.safetensors"),
        "a file gone": lambda out: (out / "vocabulary.json").unlink(),
    }
    values = bytearray((student / "last" / "model.safetensors").read_bytes())
    for turn, (what, change) in enumerate(changes.items()):
        out = Path(shutil.copytree(student, tmp_path / str(turn)))
        values[-1] ^= 1  # the last step may be the best one
        (out / "last" / "model.safetensors").write_bytes(bytes(values))
        change(out)
        with tries.of("student: labels or files swapped", what), pytest.raises(PotstillError):
            Student.load(out)
