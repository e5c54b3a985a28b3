"""A cache of all signals, made from end to end, holds what the teacher says of each text."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from data.errors import BAD_DATA, PotstillError
from data.manifest import read_manifest
from teacher_cache.build import build
from teacher_cache.config import CacheConfig
from teacher_cache.inference import windows
from tests.teacher_cache.conftest import SENTIMENT, TEXTS, load_teacher

SIGNALS = ("input_ids", "embedding", "cls.2", "hidden", "qkv.2", "gram.1")
CONFIG = CacheConfig(signals=SIGNALS, dtype="float32", device="cpu", threads=1)


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_all_signals_of_a_cache_are_the_teacher_s(
    family: str, make_teacher: Any, examples: Path, heard: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "WINDOW_BYTES", 2000)  # a row is some 1,500 bytes
    teacher, out = make_teacher(family=family), tmp_path / "out"
    manifest = build(CONFIG, examples, teacher, out, progress=heard)
    wanted = ("logits", "input_ids", "hidden.0", "cls.2", "hidden.3", "q.2", "k.2", "v.2", "gram.1")
    assert tuple(manifest.config["signals"]) == wanted
    loaded = load_teacher(teacher, task=SENTIMENT)
    files = [out / part.name for part in read_manifest(out, "cache").parts]
    assert pq.ParquetFile(files[0]).metadata.num_row_groups > 1
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    for text, row in zip(TEXTS, rows, strict=True):
        batch = loaded.tokenizer(text, return_tensors="pt", return_token_type_ids=family == "bert")
        with torch.inference_mode():
            said = loaded.model(**batch, output_hidden_states=True)
        assert row["input_ids"] == batch["input_ids"][0].tolist() and row["n_tokens"] == len(row["input_ids"])
        states, near = [state[0].numpy() for state in said.hidden_states], {"atol": 1e-5, "rtol": 2**-10}
        np.testing.assert_allclose(row["logits"], said.logits[0], atol=1e-5)
        np.testing.assert_allclose(np.frombuffer(row["cls.2"], "<f2"), states[2][0], **near)
        for layer in (0, 3):
            stored = np.frombuffer(row[f"hidden.{layer}"], "<f2").reshape(-1, 16)
            np.testing.assert_allclose(stored, states[layer], **near)
        gram = (states[1] @ states[1].T)[np.tril_indices(len(states[1]))]
        np.testing.assert_allclose(np.frombuffer(row["gram.1"], "<f4"), gram, atol=1e-4)
        assert {len(row[f"{name}.2"]) for name in "qkv"} == {32 * row["n_tokens"]}


def test_a_rerun_after_a_loss_gives_the_same_bytes(
    teacher: Path, examples: Path, heard: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "WINDOW_BYTES", 2000)
    first = build(CONFIG, examples, teacher, tmp_path / "out", progress=heard)
    (tmp_path / "out" / first.parts[1].name).unlink()
    again = build(CONFIG, examples, teacher, tmp_path / "out", progress=heard)
    assert again.root == first.root


def test_a_state_too_large_for_float16_stops_the_phase_with_its_layer(
    make_teacher: Any, examples: Path, heard: Any, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    teacher = make_teacher()
    weights = load_file(teacher / "model.safetensors")
    weights["bert.encoder.layer.1.output.LayerNorm.weight"] *= 1e6
    save_file(weights, teacher / "model.safetensors", metadata={"format": "pt"})
    config = CacheConfig(signals=("hidden.2",), dtype="float32", device="cpu")
    with pytest.raises(PotstillError, match=r"hidden.2 holds .* above 65504") as caught:
        build(config, examples, teacher, tmp_path / "out", progress=heard)
    assert caught.value.code == BAD_DATA and not list((tmp_path / "out").glob("part-*"))
