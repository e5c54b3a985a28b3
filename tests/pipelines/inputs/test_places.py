"""From names to files: embedded data, plain text among tables."""

from pathlib import Path

import pytest

from data import store
from data.errors import PotstillError
from data.manifest import Manifest, write_manifest
from data.readers.identity import of_model
from data.tasks.task import Task
from pipelines.inputs.places import locate, locate_base, locate_teacher, sealed, texts_of
from pipelines.inputs.reading import Reading


def test_embedded_data_has_short_names() -> None:
    assert Path(locate("demo:dev")).name == "dev.tsv"
    with pytest.raises(PotstillError, match="no embedded data 'demo:tset'"):
        locate("demo:tset")


def test_a_model_in_a_folder_named_demo_is_taken_before_the_offline_teacher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("data.demo.files.demo_teacher", lambda: Path("offline"))
    Path("demo").mkdir()  # as many a project has one, with something else in it
    assert locate_teacher("demo") == "offline"
    (Path("demo") / "config.json").touch()
    assert locate_teacher("demo") == "demo"
    assert locate_teacher("answerdotai/ModernBERT-base") == "answerdotai/ModernBERT-base"


def test_the_encoder_that_a_teacher_was_fine_tuned_from_is_found_while_it_is_the_same(tmp_path: Path) -> None:
    base, teacher = tmp_path / "base", tmp_path / "teacher"
    for folder in (base, teacher):
        folder.mkdir()
    (base / "config.json").write_text("{}")
    store.write_text(teacher / "potstill.toml", f'[teach]\nmodel = "{base}"\n')
    assert locate_base(str(teacher)) is None  # no manifest says what it was made from
    task = Task("classify", ("bad", "good"))
    write_manifest(teacher, Manifest("teacher", task, (), {"model": of_model(base)}))
    assert locate_base(str(teacher)) == str(base)
    (base / "config.json").write_text('{"other": 1}')
    assert locate_base(str(teacher)) is None
    assert locate_base("any/hub-model") is None


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


def test_the_depth_of_an_encoder_is_read_from_its_config_or_its_name(tmp_path: Path) -> None:
    from pipelines.inputs.encoders import depth_of

    assert (depth_of("scratch"), depth_of("scratch:3x64")) == (4, 3)
    for key, depth in (("num_hidden_layers", 12), ("n_layers", 6)):
        (tmp_path / "config.json").write_text(f'{{"{key}": {depth}}}')
        assert depth_of(str(tmp_path)) == depth
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(PotstillError, match="names no number of layers"):
        depth_of(str(tmp_path))
