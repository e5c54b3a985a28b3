"""What an input is: content, and how it is read; never a name or a place."""

import shutil
from pathlib import Path

import pytest

from data import store
from data.errors import BAD_DATA, NO_INPUT, PotstillError
from data.manifest import Manifest, write_manifest
from data.readers.identity import fingerprint, of_model, of_source
from data.readers.source import Source
from data.tasks.task import Task

TASK = Task("classify", ("a", "b"))
TABLE = "text\tlabel\tremark\nfine\tgood\tso so\nawful\tbad\twell\n"


def write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_a_file_is_its_bytes(tmp_path: Path) -> None:
    first = fingerprint(write(tmp_path / "a.tsv", "a"))
    assert first == store.sha256_file(tmp_path / "a.tsv")
    assert fingerprint(write(tmp_path / "a.tsv", "bb")) != first


def test_the_same_bytes_under_another_name_are_the_same_source(tmp_path: Path) -> None:
    one, other = write(tmp_path / "one.tsv", TABLE), write(tmp_path / "b" / "other.tsv", TABLE)
    assert of_source(Source(one)) == of_source(Source(other))
    assert of_source(Source(write(other, TABLE + "more\tgood\tx\n"))) != of_source(Source(one))


def test_columns_count_as_they_are_resolved_and_other_columns_are_another_source(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", TABLE)
    assert of_source(Source(path, text="text", label="label")) == of_source(Source(path))
    assert of_source(Source(path, text="remark", label="label")) != of_source(Source(path))
    assert of_source(Source(path, format="tsv")) == of_source(Source(path))


def test_a_sealed_directory_is_its_root_whatever_else_lies_in_it(tmp_path: Path) -> None:
    manifest = Manifest("examples", TASK, made_from={"train": "1"})
    write_manifest(tmp_path, manifest)
    write(tmp_path / "note.txt", "x")
    assert fingerprint(tmp_path) == manifest.root


@pytest.mark.parametrize("text", ["[]", "7", "{}", '{"kind": 3, "root": []}', "{", "[" * 50_000])
def test_a_seal_of_another_form_is_named(tmp_path: Path, text: str) -> None:
    write(tmp_path / "MANIFEST.json", text)
    with pytest.raises(PotstillError, match=r"MANIFEST\.json") as error:
        fingerprint(tmp_path)
    assert error.value.code == BAD_DATA


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_model_is_the_bytes_of_its_files_sealed_or_not(tmp_path: Path, sealed: bool, name: str) -> None:
    model = tmp_path / "model"
    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        write(model / file, "{}")
    if sealed:
        write_manifest(model, Manifest("teacher", TASK))
    copy = shutil.copytree(model, tmp_path / "other name")
    assert of_model(model) == fingerprint(model) == fingerprint(copy)
    write(model / "README.md", "a card is not the model")
    assert fingerprint(model) == fingerprint(copy)
    write(model / name, "{ }")
    assert fingerprint(model) != fingerprint(copy)


def test_a_data_set_on_disk_is_its_tables(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")

    def save(name: str, texts: list[str]) -> str:
        shutil.rmtree(tmp_path / name, ignore_errors=True)
        datasets.Dataset.from_dict({"text": texts, "label": [0, 1]}).save_to_disk(tmp_path / name)
        return f"disk:{tmp_path / name}"

    first = of_source(Source(save("one", ["fine", "awful"])))
    assert of_source(Source(save("two", ["fine", "awful"]))) == first
    assert of_source(Source(save("one", ["fine", "awfuk"]))) != first


def test_a_hub_model_is_the_files_of_its_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(hub))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    repository = hub / "models--some--bge-v1.5"
    for revision, weights in (("a" * 40, "x"), ("b" * 40, "y"), ("c" * 40, "x")):
        write(repository / "snapshots" / revision / "config.json", "{}")
        write(repository / "snapshots" / revision / "model.safetensors", weights)
    found = []
    for revision in "abc":
        write(repository / "refs" / "main", revision * 40)
        monkeypatch.setattr(
            "huggingface_hub.snapshot_download", lambda *_, r=revision, **__: repository / "snapshots" / (r * 40)
        )
        found.append(fingerprint("some/bge-v1.5"))
    assert found[0] != found[1] and found[0] == found[2]


def test_what_is_not_there_is_refused_and_a_pipe_has_no_content_to_name(tmp_path: Path) -> None:
    import os

    for name in ("missing/train.tsv", "./nothing", str(tmp_path / "nothing")):
        with pytest.raises(PotstillError, match="is not there") as error:
            fingerprint(name)
        assert error.value.code == NO_INPUT
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PotstillError, match="a pipe"):
        fingerprint(tmp_path / "pipe")
