"""Training from a cache, end to end: what is learnt, what is written, what is left alone and what is refused."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from data.errors import BAD_DATA, STALE, PotstillError
from data.examples import write_parts
from data.manifest import Manifest, read_manifest, write_manifest
from data.progress import Silent
from data.readers.source import Source
from student_train import train as module
from student_train.config import TrainConfig
from student_train.models.precision import choose_device, choose_precision
from student_train.student import Student
from student_train.train import train

Cache = tuple[list[Path], Source]


def made(directory: Path, build: Any, rows: Any, write_source: Any, *, seed: int = 1) -> Cache:
    """A cache of 480 rows and a dev file of 60 others."""
    return [build(directory, rows(480))], write_source(directory / "dev.tsv", rows(60, seed))


def test_a_student_of_one_text_learns_its_task(trained: Any) -> None:
    assert trained.manifest.report["dev"]["accuracy"] > 0.95


@pytest.mark.parametrize(
    "changes",
    [
        {"losses": {"kl": {"temperature": 2.0}}},
        {"losses": {"ce": 1.0, "ce_argmax": 1.0}},
        {"losses": {"ce": 1.0}, "rows": "original", "vocabulary": "words", "dimensions": 16},
        {"optimizer": "adadelta", "lr": 1.0, "multichannel": True, "losses": {"logit_mse": {"reduction": "sum"}}},
        {"precision": "bfloat16", "vocabulary": "subwords", "dimensions": 16},
    ],
)
def test_every_objective_and_input_learns(
    changes: dict[str, Any], small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    config = dataclasses.replace(small, **({"epochs": 12, "dropout": 0.0} | changes))
    assert train(config, *sentiment, tmp_path / "s", progress=Silent()).report["dev"]["accuracy"] > 0.95


def test_numbers_of_a_loss_that_move_are_spelled_out_and_stand_on_the_card(
    small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    kl = {"weight": {"start": 1, "end": 0.5}, "temperature": {"start": 4, "end": 1}}
    config = dataclasses.replace(small, losses={"kl": kl, "ce": 0.1})
    manifest = train(config, *sentiment, tmp_path / "s", progress=Silent())
    assert manifest.config["losses"] == {"kl": kl | {"preset": "hinton"}, "ce": {"weight": 0.1}}
    assert "kl × 1 → 0.5, ce × 0.1" in (tmp_path / "s" / "README.md").read_text()
    before = (tmp_path / "s" / "model.safetensors").stat().st_mtime_ns
    short = dataclasses.replace(config, losses={"kl": kl | {"preset": "hinton"}, "ce": {"weight": 0.1}})
    assert train(short, *sentiment, tmp_path / "s", progress=Silent()) == manifest  # another spelling of the same run
    assert (tmp_path / "s" / "model.safetensors").stat().st_mtime_ns == before


def test_a_siamese_student_learns_whether_two_texts_say_the_same(
    small: TrainConfig, tmp_path: Path, make_cache: Any, pair_rows: Any, write_source: Any
) -> None:
    cache = made(tmp_path, make_cache, pair_rows, write_source)
    # By loss: the first step that has all dev rows right is hardly trained, and what it answers is chance.
    config = dataclasses.replace(small, epochs=20, hidden=12, dropout=0.0, best_by="loss")
    manifest = train(config, *cache, tmp_path / "s", progress=Silent())
    assert manifest.config["model"] == "siamese_bilstm"
    assert manifest.report["dev"]["accuracy"] > 0.95
    answers = Student.load(tmp_path / "s").predict(["the film was good"] * 2, ["a good plot", "a bad plot"])
    assert [answer["label"] for answer in answers] == ["same", "other"]


def test_a_student_of_scores_learns_them(
    small: TrainConfig, tmp_path: Path, make_cache: Any, score_rows: Any, write_source: Any
) -> None:
    cache = made(tmp_path, make_cache, score_rows, write_source)
    config = dataclasses.replace(small, epochs=12, dropout=0.0, losses={"logit_mse": 1.0, "ce": 0.5})
    report = train(config, *cache, tmp_path / "s", progress=Silent()).report
    assert report["dev"]["pearson"] > 0.95
    low, high = Student.load(tmp_path / "s").predict(["bad bad bad bad", "good good good good"])
    assert set(low) == {"score"}
    assert high["score"] > low["score"] + 0.2  # the best rank correlation need not have the scale yet


def test_training_needs_nothing_of_the_teacher_but_its_cache(
    taught: Any, small: TrainConfig, tmp_path: Path, sentiment_rows: Any
) -> None:
    from teacher_cache.build import build
    from teacher_cache.config import CacheConfig

    teacher, task = shutil.copytree(taught.out, tmp_path / "bert"), taught.manifest.task
    parts = write_parts(tmp_path / "examples", sentiment_rows(240).examples, task)
    write_manifest(tmp_path / "examples", Manifest("examples", task, tuple(parts)))
    config = CacheConfig(dtype="float32", device="cpu", max_length=32, threads=1)
    build(config, tmp_path / "examples", teacher, tmp_path / "cache", progress=Silent())
    shutil.rmtree(teacher)
    config = dataclasses.replace(small, vocabulary="teacher", epochs=10)
    manifest = train(config, [tmp_path / "cache"], taught.dev, tmp_path / "s", progress=Silent())
    assert manifest.report["dev"]["accuracy"] > 0.9
    shutil.rmtree(tmp_path / "cache")
    shutil.rmtree(tmp_path / "examples")
    assert Student.load(tmp_path / "s").predict(["a good film"])[0]["label"] == "pos"


def content(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_a_finished_student_is_returned_at_once_and_unchanged(
    small: TrainConfig, sentiment: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(small, seeds=(0, 1), max_steps=2)
    first = train(config, *sentiment, tmp_path / "many", progress=Silent())
    one = train(small, *sentiment, tmp_path / "one", progress=Silent())
    before = content(tmp_path)
    monkeypatch.delattr(module, "build_vocabulary")
    assert train(config, *sentiment, tmp_path / "many", progress=Silent()) == first
    assert train(small, *sentiment, tmp_path / "one", progress=Silent()) == one
    assert content(tmp_path) == before


def test_a_student_of_another_run_is_refused_with_what_changed(
    small: TrainConfig, trained: Any, sentiment: Cache, tmp_path: Path, sentiment_rows: Any, write_source: Any
) -> None:
    before = content(trained.out)
    with pytest.raises(PotstillError, match=r"epochs 8 → 2, hidden 8 → 9") as caught:
        train(dataclasses.replace(small, hidden=9), *sentiment, trained.out, progress=Silent())
    assert caught.value.code == STALE
    other = write_source(tmp_path / "dev.tsv", sentiment_rows(60, 9))
    with pytest.raises(PotstillError, match=r"of another run: dev \w+ → \w+\n") as caught:
        train(dataclasses.replace(small, epochs=8), sentiment[0], other, trained.out, progress=Silent())
    assert caught.value.code == STALE
    assert content(trained.out) == before


def test_one_student_is_not_put_where_several_are_nor_the_other_way(
    small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    config = dataclasses.replace(small, max_steps=1)
    train(config, *sentiment, tmp_path / "one", progress=Silent())
    several = dataclasses.replace(config, seeds=(0, 1))
    train(several, *sentiment, tmp_path / "many", progress=Silent())
    for wrong, out in ((several, "one"), (config, "many")):
        before = content(tmp_path / out)
        with pytest.raises(PotstillError, match=r"holds (one student|students of several seeds), this run") as caught:
            train(wrong, *sentiment, tmp_path / out, progress=Silent())
        assert caught.value.code == STALE
        assert content(tmp_path / out) == before


def test_a_seed_more_is_trained_beside_the_finished_ones(small: TrainConfig, sentiment: Cache, tmp_path: Path) -> None:
    config = dataclasses.replace(small, seeds=(0, 1), max_steps=2)
    train(config, *sentiment, tmp_path / "s", progress=Silent())
    before = content(tmp_path / "s" / "seed-1")
    manifest = train(dataclasses.replace(config, seeds=(0, 1, 2)), *sentiment, tmp_path / "s", progress=Silent())
    assert [values["role"] for values in manifest.report["files"]] == ["dev"]
    assert all("files" not in numbers for numbers in manifest.report["seeds"].values())
    assert list(manifest.report["seeds"]) == ["seed-0", "seed-1", "seed-2"]
    assert content(tmp_path / "s" / "seed-1") == before


def test_what_auto_stood_for_is_written_down(
    trained: Any, small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    assert trained.manifest.config["model"] == "bilstm"
    config = dataclasses.replace(small, lr=0.0, max_steps=1)
    made = train(config, *sentiment, tmp_path / "s", progress=Silent())
    assert made.config["lr"] == 2e-3
    auto = dataclasses.replace(config, precision="auto", device="auto", threads=0)
    assert train(auto, *sentiment, tmp_path / "s", progress=Silent()) == made  # what stands there is one of any
    spelled = train(auto, *sentiment, tmp_path / "auto", progress=Silent()).config
    device = choose_device("auto")
    precision = str(choose_precision("auto", device)).removeprefix("torch.")
    assert (spelled["precision"], spelled["device"]) == (precision, str(device))
    assert spelled["threads"] == (torch.get_num_threads() if device.type == "cpu" else 0)
    with pytest.raises(PotstillError, match="of another run: precision float32 → bfloat16"):
        train(dataclasses.replace(config, precision="bfloat16"), *sentiment, tmp_path / "s", progress=Silent())


def test_the_chain_of_manifests_leads_to_the_cache(trained: Any) -> None:
    assert trained.manifest.made_from["cache"] == read_manifest(trained.start, "cache").root


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"losses": {"mse": 1.0}}, r"no loss 'mse'"),
        ({"model": "gru"}, r"no student 'gru'"),
        ({"model": "siamese_bilstm"}, r"reads 2 text\(s\), the task's rows have 1"),
        ({"optimizer": "sgd"}, r"no optimizer 'sgd'"),
        ({"seeds": ()}, r"seeds is empty"),
        ({"seeds": (1, 2, 1)}, r"seeds 1, 2, 1 are not different whole numbers from 0 on"),
        ({"seeds": (-1,)}, r"seeds -1 are not"),
        ({"rows": "some"}, r"no rows 'some'"),
        ({"losses": {"kl": {"preset": "x"}}}, r"no kl preset"),
    ],
)
def test_choices_that_are_not_there_are_refused_before_anything_is_written(
    changes: dict[str, Any], message: str, small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    with pytest.raises(PotstillError, match=message):
        train(dataclasses.replace(small, **changes), *sentiment, tmp_path / "s", progress=Silent())
    assert not (tmp_path / "s").exists()


def test_a_dev_file_without_labels_is_refused(small: TrainConfig, sentiment: Cache, tmp_path: Path) -> None:
    (tmp_path / "dev.tsv").write_text("text\tlabel\na film\t\n")
    with pytest.raises(PotstillError, match="the dev file has no labelled row"):
        train(small, sentiment[0], Source(tmp_path / "dev.tsv"), tmp_path / "s", progress=Silent())


def test_a_damaged_shard_ends_the_run_with_its_name(small: TrainConfig, sentiment: Cache, tmp_path: Path) -> None:
    shutil.copytree(sentiment[0][0].parent, tmp_path / "copy")
    path = tmp_path / "copy" / "cache" / "part-00001.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 8] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(PotstillError, match=r"part-00001\.parquet") as caught:
        train(small, [tmp_path / "copy" / "cache"], sentiment[1], tmp_path / "s", progress=Silent())
    assert caught.value.code == BAD_DATA
