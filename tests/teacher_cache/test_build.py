"""What is stored is what the teacher says of each row alone, and only what is missing is computed."""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from data.errors import BAD_DATA, STALE, TRY_AGAIN, PotstillError
from data.layout import MANIFEST
from data.manifest import read_manifest
from data.row_groups import read_groups
from data.tasks.task import Task
from teacher_cache.build import build
from teacher_cache.config import CacheConfig
from teacher_cache.launch import session

PLAIN = CacheConfig(dtype="float32", device="cpu")
HIDDEN = CacheConfig(signals=("logits", "cls", "mean.0"), layers=(1, 3), dtype="float32", device="cpu")


@functools.cache
def loaded(teacher: Path) -> tuple[Any, Any]:
    model = AutoModelForSequenceClassification.from_pretrained(teacher, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(teacher)


def alone(teacher: Path, text: str, pair: str | None = None, *, max_length: int = 128) -> Any:
    """What transformers says of one row, with nothing of ours."""
    model, tokenizer = loaded(teacher)
    inputs = tokenizer(text, pair, return_tensors="pt", truncation="longest_first", max_length=max_length)
    with torch.inference_mode():
        return model(**inputs, output_hidden_states=True)


def column(out: Path, name: str) -> Any:
    """A column of all shards, numbers as [N, width]."""
    chunks = [pq.read_table(path)[name] for path in sorted(out.glob("part-*.parquet"))]
    values = [value for chunk in chunks for value in chunk.to_pylist()]
    if isinstance(values[0], bytes):
        return np.stack([np.frombuffer(value, "<f2") for value in values])
    return np.array(values) if isinstance(values[0], (list, int)) else values


def shard_of(out: Path, index: int) -> Path:
    (path,) = out.glob(f"part-{index:05d}-*.parquet")
    return path


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize("family", ["bert", "roberta"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_logits_are_those_of_the_row_alone(
    make_teacher, make_examples, heard, tmp_path: Path, family: str, attention: str
) -> None:
    teacher, examples = make_teacher(family=family), make_examples()
    config = CacheConfig(dtype="float32", device="cpu", attention=attention, token_budget=24)
    build(config, examples, teacher, tmp_path / "out", progress=heard)
    texts = [text for part in sorted(examples.glob("part-*")) for text in pq.read_table(part)["text"].to_pylist()]
    wanted = np.concatenate([alone(teacher, text).logits.numpy() for text in texts])
    np.testing.assert_allclose(column(tmp_path / "out", "logits"), wanted, atol=1e-5, rtol=0)
    assert heard.rows == 8


def test_pairs_are_read_as_pairs(teacher: Path, make_examples, heard, tmp_path: Path) -> None:
    texts, pairs = ["a good movie", "the film"], ["great", "the plot is dull , the actor is bad"]
    task = Task("classify", ("negative", "positive"), pair=True)
    build(PLAIN, make_examples(texts, pairs=pairs, task=task), teacher, tmp_path / "out", progress=heard)
    wanted = np.concatenate([alone(teacher, *row).logits.numpy() for row in zip(texts, pairs, strict=True)])
    np.testing.assert_allclose(column(tmp_path / "out", "logits"), wanted, atol=1e-5, rtol=0)


def test_vectors_are_the_hidden_states_rounded_to_float16(teacher: Path, examples, heard, tmp_path: Path) -> None:
    build(HIDDEN, examples, teacher, tmp_path / "out", progress=heard)
    texts = [text for part in sorted(examples.glob("part-*")) for text in pq.read_table(part)["text"].to_pylist()]
    states = [alone(teacher, text).hidden_states for text in texts]
    half = 2.0**-11  # relative rounding of float16
    for layer in (1, 3):
        wanted = np.stack([state[layer][0, 0].numpy() for state in states])
        np.testing.assert_allclose(column(tmp_path / "out", f"cls.{layer}"), wanted, atol=1e-5, rtol=2 * half)
    wanted = np.stack([state[0][0].mean(0).numpy() for state in states])
    np.testing.assert_allclose(column(tmp_path / "out", "mean.0"), wanted, atol=1e-5, rtol=2 * half)


def test_shards_keep_the_rows_and_row_groups_of_the_examples(teacher, examples, heard, tmp_path: Path) -> None:
    manifest = build(PLAIN, examples, teacher, tmp_path / "out", progress=heard)
    for part, asked in zip(manifest.parts, read_manifest(examples, "examples").parts, strict=True):
        ours, theirs = [list(read_groups(p)) for p in (tmp_path / "out" / part.name, examples / asked.name)]
        assert [group["id"].to_pylist() for group in ours] == [group["id"].to_pylist() for group in theirs]
        assert part.ids == asked.ids


def test_bf16_is_close_and_says_so(teacher: Path, examples, heard, tmp_path: Path) -> None:
    exact, rounded = tmp_path / "a", tmp_path / "b"
    build(PLAIN, examples, teacher, exact, progress=heard)
    manifest = build(CacheConfig(dtype="bfloat16", device="cpu"), examples, teacher, rounded, progress=heard)
    assert manifest.config["dtype"] == "bfloat16"
    assert manifest.config["device"] == manifest.report["device"] != "auto"
    difference = np.abs(column(exact, "logits") - column(rounded, "logits"))
    assert 0 < difference.max() < 0.3


def test_a_long_row_is_cut_and_flagged(teacher: Path, make_examples, heard, tmp_path: Path) -> None:
    texts = ["great", "a very very very very good movie"]
    config = CacheConfig(dtype="float32", device="cpu", max_length=6)
    manifest = build(config, make_examples(texts), teacher, tmp_path / "out", progress=heard)
    assert column(tmp_path / "out", "status") == ["ok", "truncated"]
    assert column(tmp_path / "out", "n_tokens").tolist() == [3, 6]
    assert manifest.report["status"] == {"ok": 1, "truncated": 1}
    wanted = alone(teacher, texts[1], max_length=6).logits[0].numpy()
    np.testing.assert_allclose(column(tmp_path / "out", "logits")[1], wanted, atol=1e-5)


def test_an_empty_row_is_kept_counted_and_has_no_numbers(teacher, make_examples, heard, tmp_path: Path) -> None:
    manifest = build(HIDDEN, make_examples(["good", "  ", "bad"]), teacher, tmp_path / "out", progress=heard)
    assert column(tmp_path / "out", "status") == ["ok", "rejected:empty", "ok"]
    assert np.isnan(column(tmp_path / "out", "logits")).tolist() == [[False] * 2, [True] * 2, [False] * 2]
    assert np.isnan(column(tmp_path / "out", "cls.3")[1]).all()
    assert manifest.report["status"] == {"ok": 2, "rejected:empty": 1}


def test_too_many_rows_without_an_answer_are_not_sealed(teacher, make_examples, heard, tmp_path: Path) -> None:
    examples = make_examples([" " * n for n in range(1, 12)], part_rows=20)
    with pytest.raises(PotstillError, match=r"11 of 11 rows have no answer \(rejected:empty 11\)") as caught:
        build(PLAIN, examples, teacher, tmp_path / "out", progress=heard)
    assert caught.value.code == BAD_DATA
    assert not (tmp_path / "out" / "MANIFEST.json").exists()


def test_the_manifest_says_where_everything_came_from(teacher, examples, heard, tmp_path: Path) -> None:
    manifest = build(PLAIN, examples, teacher, tmp_path / "run" / "teacher", progress=heard)
    assert manifest.made_from["examples"] == read_manifest(examples, "examples").root
    assert manifest.config["examples"] == "../../examples"
    assert manifest.config["signals"] == ["logits"] and manifest.config["attention"] in ("sdpa", "eager")
    report = manifest.report
    assert report["rows"] == 8 and report["tokens"] == sum(column(tmp_path / "run" / "teacher", "n_tokens"))
    assert report["bytes"] == sum(part.bytes for part in manifest.parts)
    assert {"rows_per_second", "padding_waste", "peak_memory_bytes", "versions", "device"} <= set(report)


def test_the_same_inputs_give_the_same_bytes(teacher: Path, examples, heard, tmp_path: Path) -> None:
    first, second = [build(HIDDEN, examples, teacher, tmp_path / name, progress=heard) for name in ("a", "b")]
    assert first.parts == second.parts and first.root == second.root


def test_a_finished_cache_loads_neither_teacher_nor_torch(teacher, examples, heard, tmp_path: Path) -> None:
    build(PLAIN, examples, teacher, tmp_path / "out", progress=heard)
    script = (
        "import sys; from pathlib import Path; from data.progress import Silent\n"
        "from teacher_cache.build import build; from teacher_cache.config import CacheConfig\n"
        "paths = [Path(name) for name in sys.argv[1:]]\n"
        "print(build(CacheConfig(), *paths, progress=Silent()).root, 'torch' in sys.modules)"
    )
    paths = [str(path) for path in (examples, teacher, tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", script, *paths], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [read_manifest(tmp_path / "out", "cache").root, "False"]


def test_a_broken_off_run_computes_only_the_missing_shards(
    teacher: Path, examples, heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = build(PLAIN, examples, teacher, tmp_path / "whole", progress=heard)
    out, write = tmp_path / "out", session.write

    def fails_at_the_last(opened, index, *rest, **options):
        if index == 2:
            raise OSError(28, "No space left on device")
        return write(opened, index, *rest, **options)

    monkeypatch.setattr(session, "write", fails_at_the_last)
    with pytest.raises(OSError, match="No space"):
        build(PLAIN, examples, teacher, out, progress=heard)
    monkeypatch.undo()
    assert names(out / "commits") == ["00000.json", "00001.json"]
    heard.rows = 0
    assert build(PLAIN, examples, teacher, out, progress=heard).root == whole.root
    assert heard.rows == 2  # the third part has two rows


def test_a_signal_to_stop_keeps_finished_shards(
    teacher: Path, examples, heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, write, calls = tmp_path / "out", session.write, []

    def asked_to_stop(*values, **options):
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return write(*values, **options)

    monkeypatch.setattr(session, "write", asked_to_stop)
    with pytest.raises(PotstillError, match="stopped by SIGTERM") as caught:
        build(PLAIN, examples, teacher, out, progress=heard)
    assert caught.value.code == TRY_AGAIN and "same command again" in caught.value.hint
    # The second shard fitted into the grace time; the third was not begun.
    assert names(out / "commits") == ["00000.json", "00001.json"] and not (out / "MANIFEST.json").exists()
    assert json.loads((out / "status.json").read_text())["state"] == "stopped"
    monkeypatch.undo()
    assert build(PLAIN, examples, teacher, out, progress=heard).rows == 8


def test_a_damaged_shard_is_found_named_and_computed_again(teacher, examples, heard, tmp_path: Path) -> None:
    out = tmp_path / "out"
    root = build(PLAIN, examples, teacher, out, progress=heard).root
    (out / "MANIFEST.json").unlink()  # as if broken off before the seal
    shard = shard_of(out, 1)
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    heard.rows = 0
    assert build(PLAIN, examples, teacher, out, progress=heard).root == root
    assert heard.rows == 3
    assert any(f"{shard.name} is damaged" in note and "shard 1" in note for note in heard.notes)
    assert [name.partition(".")[0] for name in names(out / "quarantine")] == ["00001", shard.stem]  # never deleted


def test_a_missing_shard_breaks_the_seal_and_is_computed_again(teacher, examples, heard, tmp_path: Path) -> None:
    root = build(PLAIN, examples, teacher, tmp_path / "out", progress=heard).root
    shard_of(tmp_path / "out", 2).unlink()
    heard.rows = 0
    assert build(PLAIN, examples, teacher, tmp_path / "out", progress=heard).root == root
    assert heard.rows == 2


def test_a_teacher_of_format_1_is_refused_and_works_as_a_plain_model_without_its_manifest(
    teacher: Path, examples: Path, tmp_path: Path, heard: Any
) -> None:
    taught = Path(shutil.copytree(teacher, tmp_path / "encoder"))
    values = {"version": 1, "kind": "encoder", "root": "0" * 64, "rows": 0}
    (taught / MANIFEST).write_text(json.dumps(values))
    with pytest.raises(PotstillError, match="format version 1") as error:
        build(PLAIN, examples, taught, tmp_path / "out", progress=heard)
    assert error.value.hint.startswith("move its MANIFEST.json away")
    (taught / MANIFEST).rename(tmp_path / "aside.json")
    assert build(PLAIN, examples, taught, tmp_path / "out", progress=heard) is not None


def test_another_plan_in_the_same_directory_is_refused_field_by_field(
    make_teacher, teacher: Path, examples, make_examples, heard, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    build(PLAIN, examples, teacher, out, progress=heard)
    stale = [
        (CacheConfig(dtype="float32", max_length=32), examples, teacher, "max_length: 128 there, 32 now"),
        (CacheConfig(dtype="bfloat16"), examples, teacher, "dtype: float32 there, bfloat16 now"),
        (HIDDEN, examples, teacher, r"signals: \['logits'\] there, \['logits', 'cls.1', 'cls.3', 'mean.0'\] now"),
        (PLAIN, examples, make_teacher(seed=1), r"teacher.model.safetensors.sha256: \w{12}… there, \w{12}… now"),
        (PLAIN, make_examples(["good"], name="other"), teacher, r"examples: \w{12}… there, \w{12}… now"),
    ]
    for config, asked, model, field in stale:
        with pytest.raises(PotstillError, match=field) as caught:
            build(config, asked, model, out, progress=heard)
        assert caught.value.code == STALE


def test_auto_keeps_what_the_cache_was_begun_with(teacher: Path, examples, heard, tmp_path: Path) -> None:
    begun = CacheConfig(dtype="float16", device="cpu", token_budget=100, attention="eager")
    build(begun, examples, teacher, tmp_path / "out", progress=heard)
    shard_of(tmp_path / "out", 0).unlink()
    manifest = build(CacheConfig(), examples, teacher, tmp_path / "out", progress=heard)
    kept = {name: manifest.config[name] for name in ("dtype", "token_budget", "attention")}
    assert kept == {"dtype": "float16", "token_budget": 100, "attention": "eager"}


def test_students_find_the_tokenizer_and_word_table_in_the_cache(teacher, examples, heard, tmp_path: Path) -> None:
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    out = tmp_path / "out"
    build(CacheConfig(dtype="bfloat16", device="cpu"), examples, teacher, out, progress=heard)
    table = load_file(out / "files" / "word_embeddings.safetensors")["weight"]
    stored = load_file(teacher / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    assert torch.equal(table, stored.half())  # of the file, not of the rounded model
    ours, theirs = Tokenizer.from_file(str(out / "files" / "tokenizer.json")), AutoTokenizer.from_pretrained(teacher)
    assert ours.encode("a good movie").ids == theirs("a good movie")["input_ids"]
    assert json.loads((out / "files" / "tokenizer_config.json").read_text())["mask_token"] == "[MASK]"
    (out / "files" / "word_embeddings.safetensors").unlink()
    heard.rows = 0
    build(CacheConfig(), examples, teacher, out, progress=heard)
    assert (out / "files" / "word_embeddings.safetensors").exists() and heard.rows == 0
