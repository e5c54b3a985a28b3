"""The seal: what it notices, and the exit code of each case."""

import itertools
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from data import store
from data.errors import BAD_DATA, NO_INPUT, STALE, USAGE, PotstillError
from data.example import Example
from data.examples import write_parts
from data.layout import MANIFEST
from data.manifest import Manifest, check_files, check_made_from, check_part, read_manifest, seal_of, write_manifest
from data.progress import Silent
from data.tasks.task import Task

TASK = Task("classify", ("neg", "pos"))


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    parts = write_parts(tmp_path, [Example(f"{i:032d}", f"text {i}", label=i % 2) for i in range(5)], TASK, part_rows=2)
    made_from = {"train.tsv": "ab" * 32}
    write_manifest(tmp_path, Manifest("examples", TASK, tuple(parts), made_from, {"seed": 0}, {"seconds": 1.5}))
    return tmp_path


def refused(directory: Path, kind: str = "examples") -> PotstillError:
    with pytest.raises(PotstillError) as error:
        read_manifest(directory, kind)
    return error.value


def edit(directory: Path, **changes: object) -> None:
    path = directory / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_sealed_directory_opens_as_it_was_written(sealed: Path) -> None:
    manifest = read_manifest(sealed, "examples")
    assert manifest.rows == 5
    assert [part.rows for part in manifest.parts] == [2, 2, 1]
    assert (manifest.task, manifest.config, manifest.report) == (TASK, {"seed": 0}, {"seconds": 1.5})


def test_the_root_speaks_of_the_content_only() -> None:
    manifest = Manifest("examples", TASK, made_from={"train": "a"})
    assert replace(manifest, config={"workers": 2}, report={"seconds": 9}).root == manifest.root
    changed = [
        replace(manifest, kind="cache"),
        replace(manifest, task=Task("classify", ("pos", "neg"))),
        replace(manifest, made_from={"train": "b"}),
    ]
    assert len({manifest.root, *(other.root for other in changed)}) == 4


def test_an_edited_manifest_is_refused(sealed: Path) -> None:
    edit(sealed, made_from={"train.tsv": "cd" * 32})
    assert "was edited" in refused(sealed).message
    assert refused(sealed).code == BAD_DATA


def test_a_torn_manifest_is_refused(sealed: Path) -> None:
    path = sealed / MANIFEST
    path.write_bytes(path.read_bytes()[:100])
    assert refused(sealed).code == BAD_DATA


@pytest.mark.parametrize("changes", [{"parts": [{"name": "x"}]}, {"task": {}}])
def test_a_manifest_of_another_shape_is_refused(sealed: Path, changes: dict[str, object]) -> None:
    edit(sealed, **changes)
    assert "is not a manifest" in refused(sealed).message


def test_a_truncated_part_is_refused(sealed: Path) -> None:
    part = sealed / "part-00001.parquet"
    size = part.stat().st_size
    part.write_bytes(part.read_bytes()[:-1])
    error = refused(sealed)
    assert f"part-00001.parquet has {size - 1} bytes, its manifest says {size}" in error.message
    assert error.code == BAD_DATA


def test_a_missing_part_is_refused(sealed: Path) -> None:
    (sealed / "part-00002.parquet").unlink()
    assert "part-00002.parquet is missing" in refused(sealed).message


def test_a_flipped_byte_is_found_by_the_whole_check(sealed: Path) -> None:
    part = read_manifest(sealed, "examples").parts[0]
    check_part(sealed, part, whole=True)
    content = bytearray((sealed / part.name).read_bytes())
    content[len(content) // 2] ^= 1
    (sealed / part.name).write_bytes(content)
    check_part(sealed, part)  # the size alone does not tell
    with pytest.raises(PotstillError, match="is damaged: its sha256 differs"):
        check_part(sealed, part, whole=True)


def test_an_unfinished_directory_is_no_input_and_the_command_is_named(sealed: Path) -> None:
    (sealed / MANIFEST).unlink()
    error = refused(sealed)
    assert (error.code, "not a finished examples directory" in error.message) == (NO_INPUT, True)
    assert "potstill augment" in error.hint
    assert refused(sealed / "none", "cache").code == NO_INPUT
    assert "potstill cache" in refused(sealed / "none", "cache").hint


def test_a_directory_of_another_kind_is_refused(sealed: Path) -> None:
    error = refused(sealed, "cache")
    assert "holds examples, not cache" in error.message
    assert error.code == USAGE


@pytest.mark.parametrize("hashed", [True, False])  # a version may have other fields, or no hash of its own
def test_another_format_version_is_stale(sealed: Path, hashed: bool) -> None:
    values = json.loads((sealed / MANIFEST).read_text()) | {"version": 0, "more": 1}
    del values[store.CHECK]
    (sealed / MANIFEST).write_bytes(store.to_record(values) if hashed else store.to_json(values))
    error = refused(sealed)
    assert error.code == STALE == 78
    assert "format version 0" in error.message


def test_a_flipped_bit_is_damage_whatever_the_seal_says_then(sealed: Path) -> None:
    """Its kind and its version are no other kind and version because a bit of them is."""
    content = (sealed / MANIFEST).read_bytes()
    for field in (b'"kind": "examples"', b'"version": 2'):
        start = content.index(field)
        for place, bit in itertools.product(range(start, start + len(field)), range(8)):
            (sealed / MANIFEST).write_bytes(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])
            assert refused(sealed).code == BAD_DATA
            assert check_files(sealed, "examples", progress=Silent())


def test_half_of_a_surrogate_pair_is_damage(sealed: Path) -> None:
    edit(sealed, report={"device": "\ud800"})
    assert "was edited" in check_files(sealed, "examples", progress=Silent())[0]


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        ("examples", "potstill augment"),
        ("teacher", "make the cache again: potstill cache"),
        ("encoder", "move its MANIFEST.json away"),
        ("student", "potstill train"),
    ],
)
def test_a_directory_of_format_1_is_refused_with_what_to_do(sealed: Path, kind: str, hint: str) -> None:
    """Its kind `teacher` was a cache and its `encoder` a teacher: neither may be taken for what the word means now."""
    values = json.loads((sealed / MANIFEST).read_text()) | {"version": 1, "kind": kind}
    del values[store.CHECK]
    (sealed / MANIFEST).write_bytes(store.to_record(values))
    for read in (seal_of, partial(read_manifest, kind="cache"), partial(read_manifest, kind="teacher")):
        with pytest.raises(PotstillError, match="format version 1, this potstill reads 2") as error:
            read(sealed)
        assert error.value.code == STALE and hint in error.value.hint


def test_a_changed_input_makes_its_output_stale(sealed: Path) -> None:
    manifest = read_manifest(sealed, "examples")
    check_made_from(sealed, manifest, "train.tsv", "ab" * 32)
    for role, root in (("train.tsv", "cd" * 32), ("dev.tsv", "ab" * 32)):
        with pytest.raises(PotstillError, match="was made from") as error:
            check_made_from(sealed, manifest, role, root)
        assert error.value.code == STALE == 78


def part(**changes: object) -> list[dict[str, object]]:
    return [{"name": "a", "rows": 1, "bytes": 1, "sha256": "", "ids": ""} | changes]


@pytest.mark.parametrize(
    ("field", "value"),
    [("parts", value) for value in (3, [3], [{}], None, part(rows="3"), part(bytes=True), part(sha256=[]))]
    + [("parts", part(name=name)) for name in ("../a", "/etc/passwd", "", 3)]
    + [("made_from", value) for value in ([], {"train": 3}, None)]
    + [("task", value) for value in (3, [], {}, {"kind": [], "labels": [], "pair": False}, {"kind": "x", "labels": 5})]
    + [("task", {"kind": "x", "labels": [], "pair": False})]
    + [("config", []), ("report", 3), ("kind", 3), ("kind", []), ("version", "x"), ("version", [])],
)
def test_hostile_values_of_a_seal_are_named_and_no_bug(sealed: Path, field: str, value: object) -> None:
    edit(sealed, **{field: value})
    error = refused(sealed)
    assert str(sealed) in error.message and error.code in (BAD_DATA, STALE)
