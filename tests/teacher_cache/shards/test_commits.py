"""Shards that get their names, and records that are read, while another process moves files away: without locks."""

from pathlib import Path

import pytest

from data import store
from data.errors import TRY_AGAIN, PotstillError
from data.layout import QUARANTINE
from data.manifest import Part
from teacher_cache.shards import commits
from teacher_cache.shards.commits import ShardReport, commit_path, commit_shard, give_name

REPORT = ShardReport(1.0, 3, 4, {"ok": 2})
SOURCE = Part("part-00000.parquet", 2, 10, "0" * 64, "ids")


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without hard links: a written file is renamed to its name, and its temporary name is gone."""

    def refuse(source: object, target: Path) -> None:
        if target.exists():
            raise FileExistsError(target)
        raise PermissionError(1, "no links")

    monkeypatch.setattr(store.os, "link", refuse)


@pytest.mark.usefixtures("no_links")
def test_a_record_set_aside_by_the_other_writer_is_put_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other writer has reserved the record's name and not yet filled it: the torn record goes, ours is put."""
    tmp = tmp_path / "shard.tmp"
    tmp.write_bytes(b"answers")
    record = commit_path(tmp_path, 0)
    record.parent.mkdir()
    record.touch()
    commit = commit_shard(tmp_path, 0, tmp, plan="plan", source=SOURCE, report=REPORT)
    assert store.read_record(record, commits.FIELDS)["name"] == commit.part.name
    assert (tmp_path / commit.part.name).read_bytes() == b"answers"
    assert [path.stat().st_size for path in (tmp_path / QUARANTINE).iterdir()] == [0]


@pytest.mark.usefixtures("no_links")
def test_a_shard_moved_away_once_it_had_its_name_is_for_another_run(tmp_path: Path) -> None:
    with pytest.raises(PotstillError, match="another process moved") as raised:
        give_name(tmp_path / "renamed.tmp", tmp_path / "shard", "0" * 64)
    assert raised.value.code == TRY_AGAIN


def test_other_bytes_under_the_name_of_a_shard_are_set_aside(tmp_path: Path) -> None:
    tmp, target = tmp_path / "shard.tmp", tmp_path / "shard"
    tmp.write_bytes(b"whole")
    target.write_bytes(b"torn")
    give_name(tmp, target, store.sha256_file(tmp))
    assert target.read_bytes() == b"whole"
    assert [path.read_bytes() for path in (tmp_path / QUARANTINE).iterdir()] == [b"torn"]


def test_a_folder_under_the_name_of_a_shard_is_set_aside(tmp_path: Path) -> None:
    tmp, target = tmp_path / "shard.tmp", tmp_path / "shard"
    tmp.write_bytes(b"whole")
    target.mkdir()
    give_name(tmp, target, store.sha256_file(tmp))
    assert target.read_bytes() == b"whole" and len([*(tmp_path / QUARANTINE).iterdir()]) == 1


def test_a_record_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that is moved away between two looks at it is not there, which is no error of the file system."""
    path = tmp_path / "record.json"
    path.write_bytes(store.to_record({"a": 1}))
    read = Path.read_bytes

    def then_gone(self: Path) -> bytes:
        content = read(self)
        self.unlink()
        return content

    monkeypatch.setattr(Path, "read_bytes", then_gone)
    assert store.read_record(path, ["a"]) == {"a": 1}
