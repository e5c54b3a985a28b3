"""What was changed after its seal is refused by whoever opens it, and made again by the command that made it."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data.errors import BAD_DATA, PotstillError
from data.layout import MANIFEST
from data.manifest import read_manifest, write_manifest
from data.progress import Silent
from data.readers.source import Source
from student_train.config import TrainConfig
from student_train.measure.bench import bench
from student_train.measure.opened import open_model
from student_train.student import Student
from student_train.teach import teach
from student_train.train import train
from teacher_cache.teacher.files import inspect_teacher
from tests.student_train.conftest import evaluate
from tests.student_train.test_teach import QUICK

Cache = tuple[list[Path], Source]
STUDENT = ("model.safetensors", "config.json", "vocabulary.json", "tokenizer.json", MANIFEST)
TEACHER = ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", MANIFEST)


class Notes(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.fixture
def copied(trained: Any, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained.out, tmp_path / "student"))


@pytest.fixture
def encoder(taught: Any, tmp_path: Path) -> Path:
    return Path(shutil.copytree(taught.out, tmp_path / "teacher"))


def flip(path: Path) -> None:
    """Change one bit in the middle, which leaves size and form as they are."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def refused(act: Callable[[], object], match: str) -> None:
    with pytest.raises(PotstillError, match=match) as caught:
        act()
    assert caught.value.code == BAD_DATA


@pytest.mark.parametrize("name", STUDENT)
def test_a_student_with_a_flipped_bit_is_refused_by_all_who_open_it(copied: Path, trained: Any, name: str) -> None:
    flip(copied / name)
    for act in (
        lambda: Student.load(copied),
        lambda: open_model(copied),
        lambda: evaluate(copied, trained.dev, progress=Silent()),
        lambda: bench([copied], texts=["a film"], progress=Silent()),
    ):
        refused(act, name.replace(".", r"\."))


def test_swapped_labels_are_refused_and_the_manifest_says_what_the_classes_are(copied: Path) -> None:
    values = json.loads((copied / "config.json").read_text())
    values["task"]["labels"] = values["task"]["labels"][::-1]
    (copied / "config.json").write_text(json.dumps(values))
    refused(lambda: Student.load(copied), r"config\.json")


def test_swapped_labels_in_the_manifest_are_refused(copied: Path) -> None:
    values = json.loads((copied / MANIFEST).read_text())
    values["task"]["labels"] = values["task"]["labels"][::-1]
    (copied / MANIFEST).write_text(json.dumps(values))
    refused(lambda: Student.load(copied), "was edited")


def test_a_file_put_beside_a_sealed_student_is_not_read(copied: Path) -> None:
    manifest = read_manifest(copied, "student")
    parts = tuple(part for part in manifest.parts if part.name != "tokenizer.json")
    write_manifest(copied, dataclasses.replace(manifest, parts=parts))
    refused(lambda: Student.load(copied), "tokenizer.json was put there after the student was sealed")


def test_a_seed_replaced_by_another_student_is_refused(
    small: TrainConfig, sentiment: Cache, trained: Any, tmp_path: Path
) -> None:
    config = dataclasses.replace(small, seeds=(0, 1), max_steps=2)
    train(config, *sentiment, tmp_path / "s", progress=Silent())
    best = read_manifest(tmp_path / "s", "students").report["best"]
    shutil.rmtree(tmp_path / "s" / best)
    shutil.copytree(trained.out, tmp_path / "s" / best)
    for act in (
        lambda: Student.load(tmp_path / "s"),
        lambda: evaluate(tmp_path / "s", sentiment[1], progress=Silent()),
    ):
        refused(act, f"{best} is not the student that")


@pytest.mark.parametrize("name", TEACHER)
def test_a_teacher_with_a_flipped_bit_is_refused_by_the_cache_and_by_evaluate(encoder: Path, name: str) -> None:
    flip(encoder / name)
    refused(lambda: inspect_teacher(encoder), "damaged|edited|readable")
    refused(lambda: open_model(encoder), "damaged|edited|readable")


def test_a_damaged_teacher_is_not_fine_tuned_further(taught: Any, encoder: Path, tmp_path: Path) -> None:
    flip(encoder / "model.safetensors")
    files = (Source(taught.out.parent / "train.tsv"), taught.dev, str(encoder))
    refused(lambda: teach(QUICK, taught.manifest.task, *files, tmp_path / "t", progress=Silent()), "is damaged")


def test_a_changed_teacher_is_used_once_its_seal_is_removed(encoder: Path) -> None:
    path = encoder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"note": "mine"}))
    refused(lambda: inspect_teacher(encoder), f"if the change is meant, remove {encoder / MANIFEST}")
    (encoder / MANIFEST).unlink()
    assert inspect_teacher(encoder).width == 32


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "word_embeddings.safetensors"])
@pytest.mark.parametrize("change", [flip, Path.unlink])
def test_a_student_does_not_start_from_files_that_are_not_those_of_the_cache(
    small: TrainConfig, sentiment: Cache, tmp_path: Path, name: str, change: Callable[[Path], None]
) -> None:
    cache = Path(shutil.copytree(sentiment[0][0].parent, tmp_path / "copy")) / "cache"
    manifest = read_manifest(cache, "cache")
    from data import store

    names = ("tokenizer.json", "tokenizer_config.json", "word_embeddings.safetensors")
    files = {file: store.sha256_file(cache / "files" / file) for file in names}
    write_manifest(cache, dataclasses.replace(manifest, config=manifest.config | {"files": files}))
    change(cache / "files" / name)
    refused(
        lambda: train(small, [cache], sentiment[1], tmp_path / "s", progress=Silent()),
        rf"{name} is (damaged|missing)(?s:.)*potstill repair",
    )
    words = dataclasses.replace(small, vocabulary="words", max_steps=1)
    assert train(words, [cache], sentiment[1], tmp_path / "s", progress=Silent())  # which needs none of them


@pytest.mark.parametrize("name", STUDENT)
def test_training_again_mends_a_damaged_student_and_deletes_nothing(
    small: TrainConfig, sentiment: Cache, tmp_path: Path, name: str
) -> None:
    config, out = dataclasses.replace(small, max_steps=2), tmp_path / "s"
    first, progress = train(config, *sentiment, out, progress=Silent()), Notes()
    flip(out / name)
    damaged = (out / name).read_bytes()
    assert train(config, *sentiment, out, progress=progress).root == first.root
    assert Student.load(out)
    (folder,) = (out / "quarantine").iterdir()
    assert (folder / name).read_bytes() == damaged and any("made again" in note for note in progress.notes)
    assert train(config, *sentiment, out, progress=Silent()).root == first.root
    assert len(list((out / "quarantine").iterdir())) == 1


def test_a_damaged_student_of_another_run_is_not_touched(small: TrainConfig, sentiment: Cache, copied: Path) -> None:
    flip(copied / "model.safetensors")
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    with pytest.raises(PotstillError, match="holds a student of another run: epochs"):
        train(small, *sentiment, copied, progress=Silent())
    assert before == {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}


@pytest.mark.parametrize("place", ["seed-1/model.safetensors", MANIFEST])
def test_training_again_mends_one_seed_and_the_manifest_over_all(
    small: TrainConfig, sentiment: Cache, tmp_path: Path, place: str
) -> None:
    config, out = dataclasses.replace(small, seeds=(0, 1), max_steps=2), tmp_path / "s"
    first = train(config, *sentiment, out, progress=Silent())
    untouched = (out / "seed-0" / "model.safetensors").stat().st_mtime_ns
    flip(out / place)
    assert train(config, *sentiment, out, progress=Silent()).root == first.root
    assert (out / "seed-0" / "model.safetensors").stat().st_mtime_ns == untouched
    assert Student.load(out)


def test_teaching_again_mends_a_damaged_teacher(taught: Any, encoder: Path) -> None:
    config = dataclasses.replace(QUICK, epochs=6, batch_size=16, lr=2e-3)
    flip(encoder / "model.safetensors")
    files = (Source(taught.out.parent / "train.tsv"), taught.dev, str(taught.start))
    assert teach(config, taught.manifest.task, *files, encoder, progress=Silent()).root == taught.manifest.root
    assert open_model(encoder)
