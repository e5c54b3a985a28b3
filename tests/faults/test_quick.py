"""The most telling faults of this suite, in this process: what a writer leaves at a step, and the run after it."""

import os
from pathlib import Path
from typing import Any

import pytest

from data import store
from data.progress import Silent
from data.running.claims import attending
from teacher_cache.build import build
from teacher_cache.config import CacheConfig
from teacher_cache.repair.verify import verify
from teacher_cache.shards import shelf

PLAIN = CacheConfig(dtype="float32", device="cpu", threads=1)


class Killed(BaseException):
    """Stands for a `kill -9`: nothing that the process would do afterwards happens."""


def killed_at(monkeypatch: pytest.MonkeyPatch, call: str, name: str) -> None:
    """Die at the first `call` (link, replace) that would give this name."""
    real = getattr(os, call)

    def dies(source: Any, target: Any, **options: Any) -> None:
        if name in Path(target).name and ".tmp-" not in Path(target).name:
            monkeypatch.setattr(os, "unlink", lambda path: None)  # a killed process tidies nothing up
            raise Killed
        real(source, target, **options)

    monkeypatch.setattr(os, call, dies)


@pytest.mark.parametrize(
    ("call", "name"),
    [("link", "PLAN.json"), ("link", "part-00001"), ("link", "00001.json"), ("replace", "MANIFEST.json")],
)
def test_a_killed_writer_is_followed_by_the_same_cache(
    teacher: Path, examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, name: str
) -> None:
    root = build(PLAIN, examples, teacher, tmp_path / "undisturbed", progress=Silent()).root
    with monkeypatch.context() as patched, pytest.raises(Killed):
        killed_at(patched, call, name)
        build(PLAIN, examples, teacher, tmp_path / "out", progress=Silent())
    assert list((tmp_path / "out").rglob("*.tmp-*")), "a killed writer leaves its temporary files"
    assert build(PLAIN, examples, teacher, tmp_path / "out", progress=Silent()).root == root
    assert verify(tmp_path / "out", progress=Silent()) == []
    assert not list((tmp_path / "out").rglob("*.tmp-*"))


def test_a_name_reserved_for_the_plan_by_a_killed_writer_is_taken_over(
    teacher: Path, examples: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "PLAN.json").touch()  # as `store.add` leaves it where there are no hard links
    assert build(PLAIN, examples, teacher, tmp_path / "out", progress=Silent()) is not None
    assert verify(tmp_path / "out", progress=Silent()) == []


def test_what_a_writer_killed_behind_the_seal_left_is_removed(teacher: Path, examples: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(PLAIN, examples, teacher, out, progress=Silent())
    (out / "status.json.tmp-12-0123abcd").touch()
    assert verify(out, progress=Silent())
    build(PLAIN, examples, teacher, out, progress=Silent())
    assert verify(out, progress=Silent()) == []


def test_what_a_killed_writer_left_is_removed_by_the_one_that_seals(
    teacher: Path, examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, real = tmp_path / "out", shelf.write_manifest

    def seal(*values: Any) -> None:
        (out / "commits" / "00001.json.tmp-12-0123abcd").touch()
        real(*values)

    monkeypatch.setattr(shelf, "write_manifest", seal)
    build(PLAIN, examples, teacher, out, progress=Silent())
    assert verify(out, progress=Silent()) == []


def test_beside_a_finished_cache_nothing_is_removed_while_another_writes(
    teacher: Path, examples: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    build(PLAIN, examples, teacher, out, progress=Silent())
    with attending(out, lambda: None):
        (out / "status.json.tmp-12-0123abcd").touch()
        build(PLAIN, examples, teacher, out, progress=Silent())
        assert (out / "status.json.tmp-12-0123abcd").exists()


@pytest.mark.parametrize("field", [b'"kind": "c', b'"version": 2', b'"token_budget', b'"reused'])
def test_a_flipped_bit_of_a_finished_cache_s_seal_is_mended_by_the_next_run(
    teacher: Path, examples: Path, tmp_path: Path, field: bytes
) -> None:
    """Whatever the seal says then: config and report, too, which its root leaves out."""
    out = tmp_path / "out"
    root = build(PLAIN, examples, teacher, out, progress=Silent()).root
    content = bytearray((out / "MANIFEST.json").read_bytes())
    content[content.index(field) + len(field) - 1] ^= 1
    (out / "MANIFEST.json").write_bytes(bytes(content))
    assert verify(out, progress=Silent())
    assert build(PLAIN, examples, teacher, out, progress=Silent()).root == root
    assert verify(out, progress=Silent()) == []


def test_one_changed_byte_of_a_record_shows(tmp_path: Path) -> None:
    path, values = tmp_path / "record.json", {"rows": 3, "seconds": 1e-05, "name": "ä", "report": {"1": None}}
    content = store.to_record(values)
    path.write_bytes(content)
    assert store.read_record(path, values) == values
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 32]) + content[place + 1 :])
        with pytest.raises(store.PotstillError, match=r"record\.json"):
            store.read_record(path, values)


def test_a_sweep_leaves_files_of_others(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "a.json.tmp-12-0123abcd", tmp_path / "thesis.tmp-final"
    for path in (ours, theirs):
        path.touch()
    assert store.sweep(tmp_path) == 1 and theirs.exists() and not ours.exists()
