"""A model directory is not trusted, and its classes must be those of the task, in that order."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from data.errors import NO_INPUT, PotstillError
from data.tasks.task import Task
from teacher_cache.teacher.files import inspect_teacher
from tests.teacher_cache.conftest import load_teacher

SENTIMENT = Task("classify", ("negative", "positive"))


@pytest.fixture
def copied(teacher: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(teacher, tmp_path / "model"))


def edit(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_files_size_and_hash_are_noted(teacher: Path) -> None:
    files = inspect_teacher(teacher)
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= set(files.files)
    assert files.files["config.json"]["bytes"] == (teacher / "config.json").stat().st_size
    assert (files.width, files.depth, files.outputs, files.labels) == (16, 3, 2, ("negative", "positive"))


def test_one_changed_byte_is_another_teacher(copied: Path) -> None:
    before = inspect_teacher(copied).digest
    with (copied / "model.safetensors").open("r+b") as stream:
        stream.seek(-1, 2)
        stream.write(b"\x7f")
    assert inspect_teacher(copied).digest != before


def test_a_loaded_teacher_is_in_eval_mode_with_its_tokenizer(teacher: Path) -> None:
    loaded = load_teacher(teacher, task=SENTIMENT, dtype="bfloat16")
    assert not loaded.model.training and loaded.model.dtype == torch.bfloat16 and loaded.tokenizer.is_fast


def test_pickled_weights_are_not_read(copied: Path) -> None:
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    with pytest.raises(PotstillError, match=r"only pytorch_model.bin: pickled weights can run code"):
        inspect_teacher(copied)


def test_a_directory_with_code_of_its_own_is_refused(copied: Path) -> None:
    edit(copied / "config.json", auto_map={"AutoModel": "mine.Model"})
    with pytest.raises(PotstillError, match=r"config.json asks to run code of its own \(auto_map\)"):
        inspect_teacher(copied)


def test_a_tokenizer_with_code_of_its_own_is_refused(copied: Path) -> None:
    edit(copied / "tokenizer_config.json", auto_map={"AutoTokenizer": ["mine.Tokenizer", None]})
    with pytest.raises(PotstillError, match=r"tokenizer_config.json asks to run code"):
        inspect_teacher(copied)


def test_a_link_out_of_the_directory_is_refused(copied: Path, tmp_path: Path) -> None:
    (copied / "model.safetensors").rename(tmp_path / "elsewhere.safetensors")
    (copied / "model.safetensors").symlink_to(tmp_path / "elsewhere.safetensors")
    with pytest.raises(PotstillError, match=r"model.safetensors is a link out of the model directory"):
        inspect_teacher(copied)


def test_links_into_the_hubs_own_store_are_followed(copied: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "models--some--bert" / "snapshots" / "abc"
    blobs = tmp_path / "models--some--bert" / "blobs"
    snapshot.parent.mkdir(parents=True)
    copied.rename(snapshot)
    blobs.mkdir()
    (snapshot / "model.safetensors").rename(blobs / "1")
    (snapshot / "model.safetensors").symlink_to("../../blobs/1")
    assert inspect_teacher(snapshot).depth == 3


def test_an_adapter_is_refused(copied: Path) -> None:
    (copied / "adapter_config.json").write_text("{}")
    with pytest.raises(PotstillError, match="adapter over another model"):
        inspect_teacher(copied)


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/model", "a/b/c"])
def test_a_path_that_is_not_there_is_not_looked_for_on_the_hub(name: str) -> None:
    with pytest.raises(PotstillError, match="is not a directory") as caught:
        inspect_teacher(name)
    assert caught.value.code == NO_INPUT


def test_a_hub_name_is_fetched_without_pickles(teacher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def snapshot(name: str, *, allow_patterns: list[str]) -> str:
        asked[name] = allow_patterns
        return str(teacher)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    assert inspect_teacher("some/bert").path == teacher
    assert "*.safetensors" in asked["some/bert"] and not any(".bin" in pattern for pattern in asked["some/bert"])


def test_an_unknown_hub_name_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(name: str, **options: Any) -> str:
        raise ConnectionError("no network")

    monkeypatch.setattr("huggingface_hub.snapshot_download", offline)
    with pytest.raises(PotstillError, match="'some/bert' is no directory here and could not be had") as caught:
        inspect_teacher("some/bert")
    assert caught.value.code == NO_INPUT


def test_a_directory_without_config_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(PotstillError, match=r"has no config.json"):
        inspect_teacher(tmp_path)


def test_an_encoder_without_a_trained_head_is_refused(copied: Path) -> None:
    weights = {name: value for name, value in load_file(copied / "model.safetensors").items() if "classif" not in name}
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(PotstillError, match=r"not a trained classifier: its weights lack classifier.bias"):
        load_teacher(copied, task=SENTIMENT)
