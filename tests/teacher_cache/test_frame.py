"""The frame's numbers are numpy's, row by row, and it shows only what belongs together."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from data.errors import BAD_DATA, STALE, PotstillError
from data.manifest import read_manifest
from data.tasks.task import Task
from teacher_cache.build import build
from teacher_cache.config import CacheConfig
from teacher_cache.frame import matrix, open_frame, square
from teacher_cache.view.tables import summary

CONFIG = CacheConfig(signals=("cls", "mean.1"), dtype="float32", device="cpu")
TEXTS = ["a good movie", "the plot is dull", "great", "not a good film !", "", "a very bad actor"]
LABELS = [1, 0, None, 1, 1, 0]
OPS = [None, "mask", "pos+ngram", "mask", None, None]


@pytest.fixture
def cache(teacher: Path, make_examples, heard, tmp_path: Path) -> Path:
    examples = make_examples(TEXTS, labels=LABELS, ops=OPS, part_rows=4)
    build(CONFIG, examples, teacher, tmp_path / "cache", progress=heard)
    return tmp_path / "cache"


def stored(cache: Path, name: str) -> list[Any]:
    return [value for part in sorted(cache.glob("part-*")) for value in pq.read_table(part)[name].to_pylist()]


def test_examples_and_answers_stand_side_by_side(cache: Path) -> None:
    frame = open_frame(cache).collect()
    assert frame["text"].to_list() == TEXTS and frame["label"].to_list() == LABELS
    assert frame["id"].to_list() == stored(cache, "id") and frame["n_tokens"].to_list() == stored(cache, "n_tokens")
    assert frame.schema["logits"] == pl.Array(pl.Float32, 2)


def test_probabilities_entropy_margin_and_prediction_are_those_of_numpy(cache: Path) -> None:
    frame = open_frame(cache).filter(pl.col("status") == "ok").collect()
    logits = frame["logits"].to_numpy().astype(np.float64)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(frame["probabilities"].to_numpy(), p, atol=1e-12)
    np.testing.assert_allclose(frame["entropy"].to_numpy(), -(p * np.log(p)).sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(frame["margin"].to_numpy(), np.abs(p[:, 0] - p[:, 1]), atol=1e-12)
    assert frame["prediction"].to_list() == [("negative", "positive")[best] for best in logits.argmax(axis=1)]
    agrees = [
        None if label is None else label == best for label, best in zip(frame["label"], logits.argmax(1), strict=True)
    ]
    assert frame["agrees"].to_list() == agrees


def test_a_certain_teacher_has_no_entropy_and_no_nan(cache: Path) -> None:
    from teacher_cache.view.classify import class_columns

    logits = pl.Series([[0.0, 2000.0, -2000.0], [1.0, 1.0, 1.0]], dtype=pl.Array(pl.Float32, 3))
    rows = pl.LazyFrame({"logits": logits, "label": [1, 0], "status": ["ok", "ok"]})
    frame = class_columns(rows, Task("classify", ("a", "b", "c"))).collect()
    assert frame["entropy"].to_list() == [0.0, pytest.approx(np.log(3))]
    assert frame["margin"].to_list() == [1.0, pytest.approx(0.0)] and frame["prediction"][0] == "b"


def test_a_row_without_an_answer_shows_nothing(cache: Path) -> None:
    row = open_frame(cache).filter(pl.col("text") == "").collect().row(0, named=True)
    assert row["status"] == "rejected:empty"
    assert [row[name] for name in ("probabilities", "prediction", "entropy", "margin", "agrees")] == [None] * 5


def test_vectors_are_numbers(cache: Path) -> None:
    frame = open_frame(cache).select("cls.3", "mean.1").collect()
    assert frame.schema["cls.3"] == pl.Array(pl.Float16, 16)
    wanted = np.stack([np.frombuffer(value, "<f2") for value in stored(cache, "cls.3")])
    np.testing.assert_array_equal(frame["cls.3"].to_numpy(), wanted)


def test_states_of_sub_words_are_unpacked_one_row_at_a_time(
    teacher: Path, make_examples, heard, tmp_path: Path
) -> None:
    examples = make_examples(TEXTS, part_rows=4)
    signals = ("input_ids", "embedding", "qkv.1", "gram.0")
    out = tmp_path / "packed"
    build(CacheConfig(signals=signals, dtype="float32", device="cpu"), examples, teacher, out, progress=heard)
    frame = open_frame(out).select("n_tokens", "input_ids", "hidden.0", "q.1", "gram.0").collect()
    assert frame.schema["input_ids"] == pl.List(pl.Int32) and frame.schema["hidden.0"] == pl.Binary
    for row in frame.iter_rows(named=True):
        states, products = matrix(row["hidden.0"], 16), square(row["gram.0"])
        assert len(row["input_ids"]) == len(states) == len(matrix(row["q.1"], 16)) == row["n_tokens"]
        np.testing.assert_allclose(products, states.astype(np.float32) @ states.T.astype(np.float32), atol=0.1)
        np.testing.assert_array_equal(products, products.T)


def test_a_square_of_any_side_is_found() -> None:
    for side in range(6):
        packed = np.arange(side * (side + 1) / 2, dtype=np.float32)
        full = square(packed.tobytes())
        assert full.shape == (side, side) and (full[np.tril_indices(side)] == packed).all() and (full == full.T).all()


def test_a_regression_has_score_and_error(make_teacher, make_examples, heard, tmp_path: Path) -> None:
    task = Task("regress", pair=True)
    examples = make_examples(["good", "bad"], pairs=["great", "film"], labels=[4.5, None], task=task)
    teacher = make_teacher(labels=("LABEL_0",))
    build(CacheConfig(dtype="float32", device="cpu"), examples, teacher, tmp_path / "cache", progress=heard)
    frame = open_frame(tmp_path / "cache").collect()
    scores = [logits[0] for logits in stored(tmp_path / "cache", "logits")]
    assert frame["score"].to_list() == pytest.approx(scores)
    assert frame["error"].to_list() == [pytest.approx(scores[0] - 4.5), None]
    tables = summary(open_frame(tmp_path / "cache"), task)
    assert tables["largest errors"][0]["pair"] == "great" and len(tables["largest errors"]) == 1


def test_answers_in_another_order_are_refused(cache: Path) -> None:
    (shard,) = cache.glob("part-00000-*.parquet")
    table = pq.read_table(shard)
    pq.write_table(table.take([1, 0, 2, 3]), shard)
    manifest = json.loads((cache / "MANIFEST.json").read_text())
    manifest["parts"][0]["bytes"] = shard.stat().st_size  # as if sealed so
    changed = read_manifest_root(manifest)
    (cache / "MANIFEST.json").write_text(json.dumps(manifest | {"root": changed}))
    with pytest.raises(PotstillError, match="does not hold the ids of") as caught:
        open_frame(cache)
    assert caught.value.code == BAD_DATA


def read_manifest_root(values: dict[str, Any]) -> str:
    from data import store

    content = {name: values[name] for name in ("version", "kind", "task", "parts", "made_from")}
    return store.digest_of(content)


def test_changed_examples_are_refused(cache: Path, make_examples, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "examples")
    make_examples(["good"])
    with pytest.raises(PotstillError, match="was made from examples") as caught:
        open_frame(cache)
    assert caught.value.code == STALE


def test_the_summary_counts_every_row_once(cache: Path) -> None:
    tables = summary(open_frame(cache), read_manifest(cache, "cache").task)
    rows = tables["rows by split and operation"]
    assert {row["op"]: row["rows"] for row in rows} == {"original": 3, "mask": 2, "ngram+pos": 1}
    assert tables["status"] == [{"status": "ok", "rows": 5}, {"status": "rejected:empty", "rows": 1}]
    histogram = tables["entropy in nats"]
    assert len(histogram) == 10 and sum(row["rows"] for row in histogram) == 5
    assert histogram[-1]["to"] == pytest.approx(np.log(2), abs=1e-4)


def test_mistakes_are_sorted_by_confidence_and_carry_their_text(cache: Path) -> None:
    frame = open_frame(cache).collect()
    tables = summary(open_frame(cache), read_manifest(cache, "cache").task)
    wrong = frame.filter(pl.col("agrees").not_()).sort("margin", descending=True)
    assert [row["text"] for row in tables["most confident mistakes"]] == wrong["text"].to_list()
    assert all(row["label"] != row["prediction"] for row in tables["most confident mistakes"])


def test_operations_of_a_pair_are_named_whichever_text_they_hit() -> None:
    from teacher_cache.view.shared import FAMILY

    ops = pl.DataFrame({"op": ["A:mask|B:pos", "B:mask", "A:pos+ngram|B:ngram", None]})
    assert ops.select(FAMILY)["op"].to_list() == ["mask+pos", "mask", "ngram+pos", "original"]
