"""A student's directory is not trusted either: what lies in it is refused before anything is allocated or run."""

import dataclasses
import json
import os
import pickle
import shutil
import struct
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from data.errors import BAD_DATA, PotstillError
from data.examples import describe
from data.layout import CHECKPOINT, MANIFEST
from data.manifest import read_manifest, write_manifest
from data.tasks.task import Task
from student_train.loop.checkpoint import load_training
from student_train.models.encoders.encoder import load_encoder
from student_train.models.weights import check_weights
from student_train.student import Student

ONE = Task("classify", ("neg", "pos"))
OPENS_FILES = {
    "model": "hugging_face",
    "vocabulary": 0,
    "dimensions": 0,
    "classes": 2,
    "task": {},
    "source": "/",
    "longest": 9,
}


@pytest.fixture
def copied(trained: Any, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained.out, tmp_path / "student"))


def sealed_again(directory: Path) -> Path:
    """Make the manifest fit the edited files, as whoever edited them would."""
    manifest = read_manifest_unchecked(directory)
    parts = tuple(
        describe(directory / part.name, part.rows, part.ids) if (directory / part.name).is_file() else part
        for part in manifest.parts
    )
    write_manifest(directory, dataclasses.replace(manifest, parts=parts))
    return directory


def read_manifest_unchecked(directory: Path) -> Any:
    from data import manifest as module

    return module._from_values(directory, json.loads((directory / MANIFEST).read_text()))


def edit(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def refused(directory: Path, match: str) -> None:
    start = time.perf_counter()
    with pytest.raises(PotstillError, match=match) as caught:
        Student.load(sealed_again(directory))
    assert caught.value.code == BAD_DATA
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("name", ["hidden", "dimensions", "dense", "vocabulary", "classes"])
@pytest.mark.parametrize("value", [10**9, 10**12, 10**30, -8, "8", 0.5])
def test_a_shape_that_is_not_that_of_the_weights_is_refused(copied: Path, name: str, value: Any) -> None:
    values = json.loads((copied / "config.json").read_text())
    edit(copied / "config.json", shape=values["shape"] | {name: value})
    refused(copied, "does not fit|describes no student that can be built")


@pytest.mark.parametrize("shape", [None, {}, [], {"model": "none"}, {"model": "bilstm", "code": "x"}, OPENS_FILES])
def test_a_config_that_is_none_is_refused(copied: Path, shape: Any) -> None:
    edit(copied / "config.json", shape=shape)
    refused(copied, "is no student that can be opened")


@pytest.mark.parametrize("content", ["", "[]", '{"a":' * 100_000])
@pytest.mark.parametrize("name", ["config.json", "vocabulary.json", "tokenizer.json"])
def test_json_that_is_none_is_refused(copied: Path, name: str, content: str) -> None:
    (copied / name).write_text(content)
    refused(copied, "readable JSON|holds no JSON object|no student")


def test_weights_that_lie_or_are_a_pickle_are_refused(copied: Path, tmp_path: Path) -> None:
    (copied / "model.safetensors").write_bytes(struct.pack("<Q", 1 << 40) + b"{}")
    refused(copied, "not a sound safetensors file")
    header = json.dumps({"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 4]}}).encode()
    (copied / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"1234")
    refused(copied, "its range has 4")
    (copied / "model.safetensors").write_bytes(pickle.dumps({"a": 1}))
    refused(copied, "not a sound safetensors file")


def test_weights_of_other_shapes_or_names_are_refused(copied: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    name = min(weights)
    save_file(weights | {name: weights[name][:1].contiguous()}, copied / "model.safetensors")
    refused(copied, "does not fit")
    save_file({f"x{name}": value for name, value in weights.items()}, copied / "model.safetensors")
    refused(copied, "does not fit")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "vocabulary.json", "tokenizer.json"])
def test_links_out_of_the_directory_and_pipes_are_refused(copied: Path, name: str) -> None:
    (copied / name).rename(copied.parent / "outside")
    (copied / name).symlink_to(copied.parent / "outside")
    refused(copied, "is a link out of the model directory")
    (copied / name).unlink()
    os.mkfifo(copied / name)
    with pytest.raises(PotstillError) as caught:
        Student.load(copied)
    assert caught.value.code == BAD_DATA


def test_a_best_student_elsewhere_is_not_opened(copied: Path, tmp_path: Path) -> None:
    several = tmp_path / "several"
    one = read_manifest(copied, "student")
    report = {"best": "../student", "seeds": {"../student": {}}}
    write_manifest(several, dataclasses.replace(one, kind="students", parts=(), report=report))
    with pytest.raises(PotstillError, match="lies outside of it") as caught:
        Student.load(several)
    assert caught.value.code == BAD_DATA


def test_a_vocabulary_of_other_ids_is_refused(copied: Path) -> None:
    values = json.loads((copied / "vocabulary.json").read_text())
    edit(copied / "vocabulary.json", kept=[*values["kept"][:-1], 10**6])
    refused(copied, "keeps sub-words that its tokenizer does not have")
    edit(copied / "vocabulary.json", kept=[*values["kept"][:-1], -1])
    refused(copied, "keeps sub-words that its tokenizer does not have")
    edit(copied / "vocabulary.json", kept=values["kept"][:-1])
    refused(copied, "the student has")
    edit(copied / "vocabulary.json", kept=values["kept"], longest=10**12)
    refused(copied, "texts of 1000000000000")


def test_pickles_and_code_beside_a_student_are_not_opened(copied: Path, tmp_path: Path) -> None:
    (copied / "model.pt").write_bytes(pickle.dumps({"a": 1}))
    (copied / "modeling.py").write_text(f"import os; os.mkdir({str(tmp_path / 'ran')!r})")
    assert len(Student.load(copied).predict(["a good film"])) == 1
    assert not (tmp_path / "ran").exists()


def test_a_resume_state_that_lies_is_refused(tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(struct.pack("<Q", 1 << 40) + b"{}")
    with pytest.raises(PotstillError, match="not a sound safetensors file"):
        load_training(SimpleNamespace(out=tmp_path))  # type: ignore[arg-type]


def test_comparing_shapes_allocates_nothing(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(2, 2)}, tmp_path / "model.safetensors")
    with pytest.raises(PotstillError, match=r"weight is \(2, 2\), the student's config makes it \(1000000, 1000000\)"):
        check_weights(tmp_path / "model.safetensors", lambda: torch.nn.Linear(10**6, 10**6, bias=False))


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"auto_map": {"AutoModel": "mine.Model"}}, "asks to run code of its own"),
        ({"hidden_size": 10**9}, "hidden_size 1000000000, expected a dimension"),
        ({"intermediate_size": 2**30}, "describes a model several times larger"),
        ({"_attn_implementation": "kernels-community/x"}, "asks for the attention kernel"),
    ],
)
def test_an_encoder_to_be_fine_tuned_is_checked_like_a_teacher(
    tmp_path: Path, save_bert: Any, values: dict[str, Any], match: str
) -> None:
    path = save_bert(tmp_path / "bert", ONE)
    assert load_encoder(str(path), ONE)[1].is_fast
    edit(path / "config.json", **values)
    with pytest.raises(PotstillError, match=match) as caught:
        load_encoder(str(path), ONE)
    assert caught.value.code == BAD_DATA
