"""Where a cache is kept, in a directory or in a store: of two plans the first counts; what is done, and for whom."""

from dataclasses import replace
from pathlib import Path

import pytest

from data import store as to
from data.errors import STALE, PotstillError
from data.progress import Silent
from data.running.share import Share
from teacher_cache.build import build
from teacher_cache.config import CacheConfig, Launch
from teacher_cache.job import open_job
from teacher_cache.shards.plan import Plan, read_plan
from teacher_cache.shards.remote import open_shelf
from teacher_cache.shards.shelf import Shelf
from tests.teacher_cache.conftest import Heard
from tests.teacher_cache.shards.test_object_store import s3, server

__all__ = ["s3", "server"]  # fixtures

PLAIN = CacheConfig(dtype="float32", device="cpu", threads=1)


@pytest.fixture(params=["directory", "store"])
def store(request: pytest.FixtureRequest) -> str:
    """Where caches are kept besides their directory: nowhere, or in a store."""
    return "" if request.param == "directory" else request.getfixturevalue("s3").url


@pytest.fixture
def cache(teacher: Path, examples: Path, tmp_path: Path, store: str) -> Path:
    build(PLAIN, examples, teacher, tmp_path / "out", launch=Launch(store=store), progress=Silent())
    return tmp_path / "out"


@pytest.fixture
def shelf(cache: Path, examples: Path, teacher: Path, store: str) -> Shelf:
    """The shelf of a finished cache of three shards."""
    return open_shelf(open_job(PLAIN, examples, teacher, cache), store)


def plan_of(shelf: Shelf) -> Plan:
    plan = shelf.plan()
    assert plan is not None
    return plan


def flip_a_bit(cache: Path, index: int) -> Path:
    (shard,) = cache.glob(f"part-{index:05d}-*.parquet")
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    return shard


def test_of_two_plans_the_first_one_counts(shelf: Shelf, teacher, examples, tmp_path: Path, store: str) -> None:
    first, place = plan_of(shelf), f"{store}/new" if store else ""
    new = open_shelf(open_job(PLAIN, examples, teacher, tmp_path / "new"), place)
    assert new.plan() is None and new.begin(first)
    assert not new.begin(replace(first, token_budget=64)) and new.plan() == first
    new.resume(first)
    with pytest.raises(PotstillError, match="token_budget: 4096 there, 64 now") as caught:
        new.resume(replace(first, token_budget=64))
    assert caught.value.code == STALE


def test_a_plan_that_a_job_cannot_resume_is_refused(shelf, cache, teacher, examples, store: str) -> None:
    other = open_shelf(open_job(replace(PLAIN, max_length=64), examples, teacher, cache), store)
    for ask in (other.plan, lambda: other.sealed(Silent())):
        with pytest.raises(PotstillError, match="max_length: 128 there, 64 now") as caught:
            ask()
        assert caught.value.code == STALE


def test_a_plan_in_the_store_alone_is_compared_too(shelf, teacher, examples, tmp_path: Path, store: str) -> None:
    if store:
        other = open_shelf(open_job(replace(PLAIN, max_length=64), examples, teacher, tmp_path / "elsewhere"), store)
        with pytest.raises(PotstillError, match="cache was made by another plan") as caught:
            other.plan()
        assert caught.value.hint == "name another prefix of the store"


def test_only_the_shards_of_a_share_are_compared_byte_by_byte(shelf, cache: Path, heard: Heard, store: str) -> None:
    plan, shard = plan_of(shelf), flip_a_bit(cache, 1)
    assert set(shelf.done(plan, heard)) == set(shelf.done(plan, heard, Share(0, 3))) == {0, 1, 2}
    assert not heard.notes and shard.exists()
    left = {0, 1, 2} if store else {0, 2}  # the store has that shard whole
    assert set(shelf.done(plan, heard, Share(1, 3))) == left and not shard.exists()
    assert "shard 1 is computed again" in heard.notes[0]
    assert set(shelf.done(plan, heard)) == left


def test_a_record_without_its_measurements_is_a_damaged_one(shelf, cache: Path, heard: Heard, store: str) -> None:
    path = cache / "commits" / "00001.json"
    values = {name: value for name, value in to.read_json(path).items() if name != to.CHECK}
    to.write_bytes(path, to.to_record(values | {"report": {"seconds": 1.0}}))  # its own hash is right
    assert set(shelf.done(plan_of(shelf), heard, Share(1, 3))) == ({0, 1, 2} if store else {0, 2})
    assert "00001.json is not a commit record: KeyError" in heard.notes[0] and not path.exists()


def test_a_shard_that_is_done_or_held_is_not_claimed(shelf, cache: Path) -> None:
    plan = plan_of(shelf)
    assert shelf.claim(plan, 1) is None
    (cache / "commits" / "00001.json").unlink()
    held = shelf.claim(plan, 1)
    assert held is not None and shelf.claim(plan, 1) is None
    held.release()
    assert shelf.claim(plan, 1) is not None


def test_a_seal_counts_only_over_what_is_whole(shelf, cache: Path, heard: Heard, store: str) -> None:
    sealed = shelf.sealed(heard)
    assert sealed is not None and len(sealed.parts) == 3 and not heard.notes
    (cache / "files" / "tokenizer.json").unlink()
    again = shelf.sealed(heard)
    assert (again is not None) == bool(store) and not (cache / "MANIFEST.json").exists()
    assert "files is not whole: set aside" in heard.notes[0]
    assert shelf.has_files() == bool(store) == (cache / "files" / "tokenizer.json").exists()


def test_a_seal_without_its_plan_is_no_finished_cache(shelf, cache: Path, store: str) -> None:
    (cache / "PLAN.json").unlink()
    assert (shelf.sealed(Silent()) is None) == (not store) and (cache / "MANIFEST.json").exists()
    assert read_plan(cache) is None
