"""Where a phase may write: never over what another phase, another run or somebody else made."""

import json
import subprocess
from pathlib import Path

import pytest

from data import store
from data.errors import STALE, USAGE, PotstillError
from data.layout import CLAIMS, MANIFEST
from data.manifest import Manifest, write_manifest
from data.running import output
from data.running.claims import EVERYONE
from data.running.output import NAMES, kind_of, refuse_foreign
from data.tasks.task import Task

KINDS = ("examples", "cache", "teacher", "student", "run")
TASK = Task("classify", ("a", "b"))


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def refused(out: Path, kind: str) -> PotstillError:
    before = tree(out)
    with pytest.raises(PotstillError) as error:
        refuse_foreign(out, kind)
    assert tree(out) == before
    return error.value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sealed", NAMES)
def test_a_sealed_directory_is_written_by_its_own_kind_of_phase_only(tmp_path: Path, sealed: str, kind: str) -> None:
    write_manifest(tmp_path, Manifest(sealed, TASK))
    assert kind_of(tmp_path) == sealed
    if sealed.removesuffix("s") == kind.removesuffix("s"):
        refuse_foreign(tmp_path, kind)
    else:
        assert refused(tmp_path, kind).code == STALE


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_written_within_a_sealed_directory(tmp_path: Path, kind: str) -> None:
    write_manifest(tmp_path, Manifest("cache", TASK))
    assert "lies within" in refused(tmp_path / "a" / "b", kind).message


def older(directory: Path, kind: str) -> None:
    """Write a manifest of format 1."""
    write_manifest(directory, Manifest(kind, TASK))
    values = json.loads((directory / MANIFEST).read_text())
    del values[store.CHECK]
    (directory / MANIFEST).write_bytes(store.to_record(values | {"version": 1}))


@pytest.mark.parametrize("kind", KINDS[:-1])
@pytest.mark.parametrize("sealed", ["teacher", "encoder"])
def test_a_directory_of_format_1_is_written_by_nobody(tmp_path: Path, sealed: str, kind: str) -> None:
    older(tmp_path, sealed)
    error = refused(tmp_path, kind)
    assert error.code == STALE and "format version 1" in error.message


def test_a_run_of_format_1_is_refused_and_is_made_anew_once_it_is_moved_away(tmp_path: Path) -> None:
    run = tmp_path / "the run"
    older(run / "encoder", "encoder")
    older(run / "teacher", "teacher")
    error = refused(run, "run")
    assert error.code == STALE and f"{run / 'encoder'} has format version 1" in error.message
    subprocess.run(error.hint.partition(": ")[2], shell=True, check=True)
    refuse_foreign(run, "run")


def test_a_run_whose_teacher_is_an_unfinished_cache_of_format_1_is_refused(tmp_path: Path) -> None:
    store.write_json(tmp_path / "teacher" / "PLAN.json", {})
    error = refused(tmp_path, "run")
    assert error.code == STALE and f"{tmp_path / 'teacher'} holds a teacher's cache" in error.message
    assert error.hint.partition(": ")[2].startswith("mv ")


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_a_directory_of_somebody_else_is_refused(tmp_path: Path, kind: str) -> None:
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    error = refused(tmp_path, kind)
    assert error.code == STALE and "config.json" in error.message


def test_a_writer_of_ours_that_begins_while_we_look_is_not_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_too_early(directory: Path) -> str | None:
        found = kind_of(directory)
        (directory / "work").mkdir()
        return found

    monkeypatch.setattr(output, "kind_of", look_too_early)
    refuse_foreign(tmp_path, "examples")


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_place_is_free_and_so_is_one_with_hidden_files_and_logs(tmp_path: Path, kind: str) -> None:
    refuse_foreign(tmp_path / "new", kind)
    (tmp_path / ".gitkeep").touch()
    (tmp_path / "cron.log").touch()
    (tmp_path / "a.json.tmp-12-0123abcd").touch()
    refuse_foreign(tmp_path, kind)


@pytest.mark.parametrize(
    ("begun", "kind"),
    [("PLAN.json", "cache"), ("work", "examples"), ("examples", "teacher"), ("metrics.jsonl", "student")],
)
def test_what_a_phase_began_is_its_own_and_no_other_s(tmp_path: Path, begun: str, kind: str) -> None:
    (tmp_path / begun).mkdir()
    for other in KINDS[:-1]:
        if other == kind:
            refuse_foreign(tmp_path, kind)
        else:
            assert refused(tmp_path, other).code == STALE


def test_a_lock_alone_tells_of_one_of_ours_and_not_of_which(tmp_path: Path) -> None:
    (tmp_path / CLAIMS).mkdir()
    (tmp_path / CLAIMS / EVERYONE).touch()
    for kind in KINDS:
        refuse_foreign(tmp_path, kind)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"kind": "students"}', ""])
@pytest.mark.parametrize(
    ("beside", "kind"), [("commits", "cache"), ("part-00000.parquet", "examples"), ("vocabulary.json", "student")]
)
def test_a_torn_seal_hides_no_kind(tmp_path: Path, beside: str, kind: str, text: str) -> None:
    (tmp_path / "MANIFEST.json").write_text(text)
    (tmp_path / beside).mkdir()
    assert kind_of(tmp_path) == kind
    refuse_foreign(tmp_path, kind)
    refused(tmp_path, "examples" if kind == "cache" else "cache")


def test_a_manifest_of_somebody_else_is_no_seal(tmp_path: Path) -> None:
    (tmp_path / "MANIFEST.json").write_text('{"kind": "plugin", "root": "/"}')
    refuse_foreign(tmp_path / "below", "cache")
    assert refused(tmp_path, "cache").code == STALE


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PotstillError, match="is a file") as error:
        refuse_foreign(tmp_path / "file", "cache")
    assert error.value.code == USAGE


def test_a_run_may_go_on_in_its_folder_whatever_lies_in_it(tmp_path: Path) -> None:
    for name in ("examples", "cache", "teacher", "student"):
        (tmp_path / name).mkdir()
    (tmp_path / "phases.json").touch()
    refuse_foreign(tmp_path, "run")


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_a_folder_with_a_set_of_its_own_is_no_teacher_to_go_on_with(tmp_path: Path, kind: str) -> None:
    """`teach -o runs/x` would write its rows over `runs/x/examples`."""
    (tmp_path / "examples").mkdir()
    write_manifest(tmp_path / "examples", Manifest("examples", TASK, config={"n_iter": 20}))
    assert refused(tmp_path, kind).code == STALE
    refuse_foreign(tmp_path, "run")
    write_manifest(tmp_path / "examples", Manifest("examples", TASK))  # the rows that a teacher learns from
    refuse_foreign(tmp_path, "teacher")
