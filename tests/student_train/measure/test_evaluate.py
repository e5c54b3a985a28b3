"""Students and teachers measured on files, and side by side for size and speed."""

import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from data.errors import BAD_DATA, NO_INPUT, PotstillError
from data.progress import Silent
from data.readers.source import Source
from data.tasks.task import Task
from student_train.measure import bench as module
from student_train.measure.bench import bench
from student_train.measure.evaluate import _agreement, evaluate_all
from student_train.measure.opened import open_model
from student_train.student import Student
from tests.student_train.conftest import evaluate


def test_a_student_is_measured_by_what_it_predicts(trained: Any) -> None:
    lines = [line.split("\t") for line in Path(trained.dev.path).read_text().splitlines()[1:]]
    answers = Student.load(trained.out).predict([text for text, _ in lines])
    wanted = np.mean([answer["label"] == label for answer, (_, label) in zip(answers, lines, strict=True)])
    assert evaluate(trained.out, trained.dev, progress=Silent())["accuracy"] == pytest.approx(wanted)
    assert wanted == pytest.approx(trained.manifest.report["dev"]["accuracy"])


def test_a_teacher_is_measured_alike(taught: Any) -> None:
    found = evaluate_all({"it": taught.out}, {"dev": taught.dev}, progress=Silent())["it"]["dev"]
    assert found.seeds["teacher"]["accuracy"] == found.mean("accuracy") > 0.95
    assert found.std("accuracy") == 0


def test_rows_without_a_label_are_left_out(trained: Any, tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("text\tlabel\na good film\tpos\na bad film\t\na bad plot\tneg\n")
    assert evaluate(trained.out, Source(tmp_path / "t.tsv"), progress=Silent())["accuracy"] == 1.0
    (tmp_path / "u.tsv").write_text("text\tlabel\na good film\t\n")
    with pytest.raises(PotstillError, match="no labelled row to measure on"):
        evaluate(trained.out, Source(tmp_path / "u.tsv"), progress=Silent())


def test_agreement_is_the_share_of_equal_answers_whatever_the_labels_say(
    trained: Any, taught: Any, tmp_path: Path
) -> None:
    texts = ["a good film", "a bad film", "a plot and a scene", "very very very", "the music is bad good"]
    lines = [f"{text}\t{label}" for text, label in zip(texts, ["pos", "neg", "pos", "pos", "neg"], strict=True)]
    (tmp_path / "t.tsv").write_text("\n".join(["text\tlabel", *lines]) + "\n")
    models, sources = {"student": trained.out, "big": taught.out}, {"test": Source(tmp_path / "t.tsv")}
    found = evaluate_all(models, sources, teacher="big", progress=Silent())
    student, teacher = (open_model(place).logits(texts).argmax(axis=1) for place in models.values())
    assert list(found) == ["student", "big"]
    assert found["student"]["test"].seeds["student"]["agreement"] == pytest.approx((student == teacher).mean())
    assert found["student"]["test"].std("agreement") == 0
    assert "agreement" not in found["big"]["test"].metrics
    alone = evaluate_all({"student": trained.out}, sources, teacher="big", progress=Silent())
    assert "agreement" not in alone["student"]["test"].metrics


def test_agreement_of_scores_is_their_rank_correlation() -> None:
    scores = np.array([[0.0], [1.0], [2.0], [3.0]])
    task = Task("regress")
    assert _agreement(scores, task, (scores**3, task))["agreement"] == pytest.approx(1.0)
    assert _agreement(scores, task, (-scores, task))["agreement"] == pytest.approx(-1.0)


def test_agreement_is_of_equal_classes_only() -> None:
    logits = np.eye(2)
    here, there = Task("classify", ("neg", "pos")), Task("classify", ("POS", "NEG"))
    assert _agreement(logits, here, (logits, Task("classify", ("NEG", "POS")))) == {"agreement": 1.0}
    assert _agreement(logits, here, (logits, there)) == {"agreement": 0.0}  # the same classes, in another order
    assert _agreement(logits, here, (logits[::-1], there)) == {"agreement": 1.0}
    assert _agreement(logits, here, (logits, Task("classify", ("neg", "neutral")))) == {}


def test_an_encoder_without_our_manifest_is_measured_as_what_it_is_said_to_be_for(taught: Any, tmp_path: Path) -> None:
    plain = shutil.copytree(taught.out, tmp_path / "plain", ignore=shutil.ignore_patterns("MANIFEST.json", "examples"))
    wanted = evaluate(taught.out, taught.dev, progress=Silent())
    found = evaluate_all({"it": plain}, {"dev": taught.dev}, tasks={"it": taught.manifest.task}, progress=Silent())
    assert found["it"]["dev"].seeds["plain"] == wanted
    assert open_model(plain, taught.manifest.task).vocabulary.feed.backend.truncation["max_length"] == 64  # type: ignore[attr-defined]


def test_an_encoder_without_a_head_of_its_own_is_refused(tmp_path: Path, save_bert: Any) -> None:
    plain = save_bert(tmp_path / "bert", Task("classify", ("neg", "pos")))
    tensors = load_file(plain / "model.safetensors")
    save_file({n: t for n, t in tensors.items() if "classifier" not in n}, plain / "model.safetensors")
    with pytest.raises(PotstillError, match=r"is not a trained classifier: its weights lack classifier\.") as caught:
        open_model(plain, Task("classify", ("neg", "pos")))
    assert caught.value.code == BAD_DATA


def test_a_directory_of_nothing_is_refused(tmp_path: Path, trained: Any) -> None:
    with pytest.raises(PotstillError, match="is no student and no teacher") as caught:
        evaluate(tmp_path, trained.dev, progress=Silent())
    assert caught.value.code == NO_INPUT


def test_size_and_speed_are_measured_side_by_side(trained: Any, taught: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROUNDS", 1)
    monkeypatch.setattr(module, "SINGLES", 2)
    rows = bench([trained.out, taught.out], texts=["a good film", "bad"] * 4, threads=1, progress=Silent())
    assert [row["name"] for row in rows] == ["student", "teacher"]
    for row in rows:
        for name in ("parameters", "embedding_parameters", "megabytes", "p50_ms", "p95_ms", "rows_per_second"):
            assert math.isfinite(row[name])
            assert row[name] > 0
        assert row["p50_ms"] <= row["p95_ms"]
        assert row["threads"] == 1
    assert rows[0]["parameters"] == trained.manifest.report["parameters"]
    assert sum(rows[1][name] for name in ("parameters", "embedding_parameters")) == taught.manifest.report["parameters"]


def test_arms_take_turns_and_the_first_round_only_warms_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def arm(directory: Path, task: Any) -> Any:
        def ask(texts: list[str], pairs: list[str] | None) -> np.ndarray:
            asked.append((directory.name, len(texts)))
            return np.zeros((len(texts), 2))

        return ask, {"name": directory.name}

    monkeypatch.setattr(module, "_open", arm)
    monkeypatch.setattr(module, "ROUNDS", 2)
    monkeypatch.setattr(module, "SINGLES", 2)
    rows = bench([Path("a"), Path("b")], texts=["x", "y", "z"], progress=Silent())
    assert asked == [("a", 1), ("a", 1), ("a", 3), ("b", 1), ("b", 1), ("b", 3)] * 3
    assert [row["name"] for row in rows] == ["a", "b"]


COUNTED = """
import os, threading
from pathlib import Path
from tokenizers import Tokenizer, models, pre_tokenizers
from student_train.measure.bench import held

made = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
made.pre_tokenizer = pre_tokenizers.Whitespace()
with held(THREADS):
    before = len(list(Path("/proc/self/task").iterdir()))
    made.encode_batch(["a a a"] * 1000)
    print(len(list(Path("/proc/self/task").iterdir())) - before)
print(os.environ.get("RAYON_NUM_THREADS"))
"""


@pytest.mark.parametrize(("threads", "pool"), [(1, 0), (3, 3)])
def test_the_tokenizer_works_on_the_threads_that_are_measured(threads: int, pool: int) -> None:
    """In a process of its own, where no pool of threads is there yet; the environment is as before afterwards."""
    environment = {name: value for name, value in os.environ.items() if "RAYON" not in name and "TOKENIZ" not in name}
    done = subprocess.run(
        [sys.executable, "-c", COUNTED.replace("THREADS", str(threads))],
        capture_output=True,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[3],
        check=True,
    )
    assert done.stdout.split() == [str(pool), "None"]
