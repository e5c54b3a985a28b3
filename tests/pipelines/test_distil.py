"""`potstill distil` with stand-ins for the phases, and once as it is, on 60 reviews with a teacher of one layer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data import errors
from data.demo.files import demo_files
from data.progress import Silent
from data.tasks.metrics import SeedScores
from pipelines import cli, phases, run
from pipelines.steps import tried
from tests.pipelines.test_run import ALL, Rooms, here, stand_ins


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> Rooms:
    made = stand_ins(monkeypatch)
    monkeypatch.setattr(run.execute, "__kwdefaults__", run.execute.__kwdefaults__ | {"runner": here})
    return made


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    for split, rows in (("train", 60), ("dev", 30)):
        lines = demo_files()[split].read_text("utf-8").splitlines(keepends=True)
        (tmp_path / f"{split}.tsv").write_text("".join(lines[: rows + 1]), "utf-8")
    yield tmp_path


def distil(*more: str) -> int:
    return cli.run(["distil", "train.tsv", "--dev", "dev.tsv", "-m", "scratch:1x32", "-o", "runs/x", *more])


def test_one_command_makes_everything_and_a_second_call_does_nothing(rooms: Rooms, files: Path) -> None:
    assert distil() == 0
    students = {name for name in rooms.calls if name.startswith("student-")}
    assert set(rooms.calls) - students == {name for name in ALL if not name.startswith("student-")} | {"check", "trial"}
    assert len(students) >= 2 and any(name.startswith("student-labels-") for name in students)
    done = list(rooms.calls)
    assert distil() == 0 and rooms.calls == done
    assert (files / "runs" / "x" / "recipe-chosen.toml").is_file()
    assert cli.run(["run", "runs/x/recipe-chosen.toml", "-o", "runs/x"]) == 0 and rooms.calls == done


def test_it_says_what_it_chooses_and_why_before_it_starts(
    rooms: Rooms, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert distil("--dry-run") == 0
    said = capsys.readouterr().out
    assert "60 labelled and 0 unlabelled texts, 2 classes" in said
    assert "teach.epochs" in said and "steps an epoch" in said and "about minutes" in said
    assert rooms.calls == [] and not (files / "runs").exists()


def test_what_is_set_by_hand_is_not_chosen(rooms: Rooms, files: Path) -> None:
    assert distil("--set", "teach.epochs=2", "--set", "augment.n_iter=3", "--for", "speed", "--budget", "9") == 0
    chosen = json.loads((files / "runs/x/recipe-chosen.json").read_text("utf-8"))["choices"]
    assert "teach.epochs" not in chosen and "teach.lr" in chosen
    assert json.loads((files / "runs/x/phases.json").read_text("utf-8"))["augment"]["config"]["n_iter"] == 3


def test_other_data_stop_before_any_work_and_leave_what_was_chosen(rooms: Rooms, files: Path) -> None:
    assert distil() == 0
    kept, done = (files / "runs/x/recipe-chosen.json").read_bytes(), list(rooms.calls)
    with (files / "train.tsv").open("a", encoding="utf-8") as stream:
        stream.write("a new one\tpositive\n")
    assert distil() == errors.STALE
    assert (files / "runs/x/recipe-chosen.json").read_bytes() == kept and rooms.calls == done


def test_a_finished_teacher_is_not_taught_again(rooms: Rooms, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from data.progress import Silent
    from pipelines.inputs.files import Files
    from pipelines.inputs.reading import Reading
    from student_train.config import TeachConfig
    from student_train.teach import teach

    reading = Reading()
    files_of = Files(reading, reading.source("train.tsv"), reading.source("dev.tsv"))
    config = TeachConfig(epochs=1, threads=1, device="cpu")
    task = reading.task(files_of.train)
    assert files_of.dev is not None
    teach(config, task, files_of.train, files_of.dev, "scratch:1x32", files / "mine", progress=Silent())
    assert cli.run(["distil", "train.tsv", "--dev", "dev.tsv", "-m", "mine", "-o", "runs/x"]) == 0
    assert "teacher" not in rooms.calls and "cache" in rooms.calls
    assert "teach." not in capsys.readouterr().out.replace("potstill teach", "")


def test_where_no_student_is_advised_the_next_step_is_the_report(
    rooms: Rooms, files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def rivals(*, sources: Any, **_: Any) -> dict[str, Any]:
        return {"TF-IDF on labels": dict.fromkeys(sources, SeedScores({"rival": {"accuracy": 0.95}}))}

    assert distil() == 0
    assert "potstill predict runs/x/student-" in capsys.readouterr().out
    monkeypatch.setattr(phases, "rivals", rivals)
    assert distil("-o", "runs/y") == 0
    assert "next: look into runs/y/report.html" in capsys.readouterr().out


def test_the_other_spelling_is_the_same_command(rooms: Rooms, files: Path) -> None:
    assert cli.run(["distill", "train.tsv", "--dev", "dev.tsv", "-m", "scratch:1x32", "-o", "runs/x", "--dry-run"]) == 0


@pytest.mark.parametrize(("score", "warned"), [(0.5, 2), (0.7, 1), (0.99, 0)])
def test_a_teacher_below_tfidf_is_warned_of_before_its_answers_are_asked_for(
    tmp_path: Path, score: float, warned: int
) -> None:
    from data.manifest import Manifest, write_manifest
    from data.readers.source import Source
    from tests.pipelines.scores.test_rivals import CLASSES, make_examples

    rows = [(f"a {'good' if number % 2 else 'bad'} film {number}", None, number % 2) for number in range(40)]
    examples = make_examples(tmp_path / "examples", rows, CLASSES)
    dev = tmp_path / "dev.tsv"
    dev.write_text("text\tlabel\n" + "".join(f"{text}\t{CLASSES.labels[label]}\n" for text, _, label in rows[:30]))
    with dev.open("a", encoding="utf-8") as stream:
        stream.write("a good film, not\tbad\na bad film, not\tgood\n")
    write_manifest(tmp_path / "teacher", Manifest("teacher", CLASSES, (), report={"dev": {"accuracy": score}}))
    heard: list[str] = []

    class Notes(Silent):
        def note(self, message: str) -> None:
            heard.append(message)

    found = tried.check(examples=examples, teacher=tmp_path / "teacher", dev=Source(dev), progress=Notes())
    assert len(found["warnings"]) == len(heard) == warned
    assert found["scores"]["TF-IDF on labels"] == 30 / 32


@pytest.mark.slow
def test_it_runs_as_it_stands(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small: Any = [
        *("--set", "teach.epochs=1", "--set", "augment.n_iter=1", "--set", "train.steps=20", "--set", "train.dense=8"),
        *("--set", "train.dimensions=8", "--set", "augment.workers=1", "--set", "augment.tagger=none"),
    ]
    assert distil("-q", *small) == 0
    said = capsys.readouterr().out
    assert "Take " in said or "Look for a better teacher first" in said
    assert (files / "runs/x/trial.json").is_file() and not (files / "runs/x/trial").exists()
    assert "without augmented rows" in (files / "runs/x/report.md").read_text("utf-8")
    assert "most frequent class" in said and "TF-IDF" in said and "report:" in said
