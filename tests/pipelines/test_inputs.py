"""From names to files: embedded data, hashes, plain text among tables."""

from pathlib import Path

import pytest

from data import store
from data.errors import NO_INPUT, PotstillError
from data.manifest import Manifest, write_manifest
from data.tasks.task import Task
from pipelines.inputs import Reading, fingerprint, locate, locate_teacher, sealed, texts_of


def test_embedded_data_has_short_names() -> None:
    assert Path(locate("demo:dev")).name == "dev.tsv"
    with pytest.raises(PotstillError, match="no embedded data 'demo:tset'"):
        locate("demo:tset")


def test_a_folder_named_demo_is_taken_before_the_offline_teacher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("demo").mkdir()
    assert locate_teacher("demo") == "demo"
    assert locate_teacher("answerdotai/ModernBERT-base") == "answerdotai/ModernBERT-base"


def test_a_file_is_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("a")
    first = fingerprint(tmp_path / "a.tsv")
    assert first == store.sha256_file(tmp_path / "a.tsv")
    (tmp_path / "a.tsv").write_text("bb")
    assert fingerprint(tmp_path / "a.tsv") != first


def test_a_sealed_directory_is_its_root_whatever_else_lies_in_it(tmp_path: Path) -> None:
    manifest = Manifest("examples", Task("classify", ("a", "b")), made_from={"train": "1"})
    write_manifest(tmp_path, manifest)
    (tmp_path / "note.txt").write_text("x")
    assert fingerprint(tmp_path) == manifest.root
    assert sealed(tmp_path) == manifest


def test_a_model_folder_is_its_files(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    first = fingerprint(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"x")
    assert fingerprint(tmp_path) != first


def test_a_hub_name_is_its_name_and_a_missing_path_is_refused() -> None:
    assert fingerprint("hf:glue:sst2") == "name:hf:glue:sst2"
    assert fingerprint("prajjwal1/bert-tiny") == "name:prajjwal1/bert-tiny"
    with pytest.raises(PotstillError, match="is not there") as error:
        fingerprint("missing/train.tsv")
    assert error.value.code == NO_INPUT


def test_an_unfinished_directory_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(PotstillError, match="not a finished directory"):
        sealed(tmp_path)


def test_columns_are_asked_of_tables_and_not_of_plain_text(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("one more film\nand another\n")
    (tmp_path / "train.tsv").write_text("review\tstars\nfine\tgood\nawful\tbad\n")
    reading = Reading(text="review", label="stars")
    task = reading.task(reading.source(str(tmp_path / "train.tsv")))
    sources = [reading.unlabelled(str(tmp_path / name)) for name in ("train.tsv", "more.txt")]
    texts = [example.text for example in texts_of(sources, task, split="unlabelled")]
    assert texts == ["fine", "awful", "one more film", "and another"]
