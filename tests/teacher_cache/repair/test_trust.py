"""A cache can be checked, mended, shared between processes and continued from another one."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import NO_INPUT, STALE, TRY_AGAIN, PotstillError
from data.manifest import read_manifest
from data.progress import Silent
from data.running.share import Share
from teacher_cache.build import build
from teacher_cache.config import CacheConfig, Launch
from teacher_cache.repair.garbage import collect_garbage, find_garbage
from teacher_cache.repair.recompute import recompute
from teacher_cache.repair.repair import repair
from teacher_cache.repair.verify import verify
from tests.teacher_cache.conftest import TEXTS

PLAIN = CacheConfig(dtype="float32", device="cpu", threads=1)


@pytest.fixture
def cache(teacher: Path, examples: Path, tmp_path: Path) -> Path:
    build(PLAIN, examples, teacher, tmp_path / "out", progress=Silent())
    return tmp_path / "out"


def shard_of(out: Path, index: int) -> Path:
    (path,) = out.glob(f"part-{index:05d}-*.parquet")
    return path


def flip(path: Path, place: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if place < 0 else place] ^= 1
    path.write_bytes(content)


def rows_of(out: Path) -> list[dict]:
    return [row for path in sorted(out.glob("part-*.parquet")) for row in pq.read_table(path).to_pylist()]


def found(out: Path) -> list[tuple[str, str]]:
    return [(finding.kind, finding.path.name) for finding in verify(out, progress=Silent())]


def test_an_undisturbed_cache_is_clean(cache: Path) -> None:
    assert found(cache) == []
    assert recompute(cache, rows=8, teacher=None, seed=0, progress=Silent()) == []
    assert find_garbage(cache) == []


@pytest.mark.parametrize(
    "damage",
    ["flip", "cut", "empty", "gone", "record", "record gone", "torn record", "seal", "seal gone", "plan", "foreign"],
)
def test_damage_is_found_and_mended_to_the_same_root(cache: Path, damage: str) -> None:
    root, shard = read_manifest(cache, "cache").root, shard_of(cache, 1)
    record = cache / "commits" / "00001.json"
    if damage == "flip":
        flip(shard)
    elif damage == "cut":
        shard.write_bytes(shard.read_bytes()[:-100])
    elif damage == "empty":
        shard.write_bytes(b"")
    elif damage == "gone":
        shard.unlink()
    elif damage == "record":
        flip(record)
    elif damage == "record gone":
        record.unlink()
    elif damage == "torn record":
        record.write_text(record.read_text()[:40])
    elif damage == "seal":
        values = json.loads((cache / "MANIFEST.json").read_text())
        values["parts"][0]["rows"] += 1
        (cache / "MANIFEST.json").write_text(json.dumps(values))
    elif damage == "seal gone":
        (cache / "MANIFEST.json").unlink()
    elif damage == "plan":
        flip(cache / "PLAN.json")
    else:
        (cache / "part-00009-0123456789abcdef.parquet").write_bytes(b"PAR1 of somebody else")
    assert found(cache) != []
    done, manifest = repair(cache, progress=Silent())
    assert manifest is not None and manifest.root == root and done.sealed
    assert found(cache) == []
    if damage in ("flip", "cut", "empty", "record", "torn record", "seal", "plan", "foreign"):
        assert list((cache / "quarantine").iterdir())  # set aside, not deleted


def test_a_stray_shard_that_checks_out_is_adopted_without_the_teacher(cache: Path) -> None:
    (cache / "commits" / "00001.json").unlink()
    (cache / "MANIFEST.json").unlink()
    done, manifest = repair(cache, progress=Silent())
    assert done.adopted == [1] and manifest is not None and found(cache) == []


def test_wrong_numbers_are_found_by_the_teacher(cache: Path) -> None:
    from data import store
    from data.manifest import Part

    shard = shard_of(cache, 0)
    table = pq.read_table(shard)
    logits = table["logits"].combine_chunks().flatten().to_numpy().copy()
    logits[:2] = logits[:2][::-1] + 1
    wrong = pa.FixedSizeListArray.from_arrays(pa.array(logits), type=table.schema.field("logits").type)
    table = table.set_column(table.schema.get_field_index("logits"), table.schema.field("logits"), wrong)
    pq.write_table(table, shard, row_group_size=8192)
    values = json.loads((cache / "MANIFEST.json").read_text())
    del values["check"]
    sha = store.sha256_file(shard)
    record = cache / "commits" / "00000.json"
    for place, entry in ((record, json.loads(record.read_text())), (None, values["parts"][0])):
        entry |= {"sha256": sha, "bytes": shard.stat().st_size, "name": f"part-00000-{sha[:16]}.parquet"}
        entry.pop("check", None)  # a record without its own hash is read as one of before there was one
        if place:
            place.write_text(json.dumps(entry))
    shard.rename(shard.with_name(f"part-00000-{sha[:16]}.parquet"))
    (cache / "MANIFEST.json").write_text(json.dumps(values))
    parts = tuple(Part(**part) for part in values["parts"])
    from dataclasses import replace

    root = replace(read_manifest_unchecked(cache), parts=parts).root
    (cache / "MANIFEST.json").write_text(json.dumps(values | {"root": root}))
    assert found(cache) == []  # every record agrees with the lie
    (finding,) = recompute(cache, rows=8, teacher=None, seed=0, progress=Silent())
    assert "the teacher" in finding.what


def read_manifest_unchecked(cache: Path):
    from data.manifest import _from_values

    return _from_values(cache, json.loads((cache / "MANIFEST.json").read_text()))


def test_another_teacher_cannot_vouch_for_a_cache(cache: Path, make_teacher) -> None:
    with pytest.raises(PotstillError, match="sha256") as caught:
        recompute(cache, rows=1, teacher=str(make_teacher(seed=5)), seed=0, progress=Silent())
    assert caught.value.code == STALE


def test_shares_make_the_cache_of_one_process(cache: Path, teacher, examples, tmp_path: Path) -> None:
    root, out = read_manifest(cache, "cache").root, tmp_path / "shared"
    ends = [
        build(PLAIN, examples, teacher, out, launch=Launch(share=Share(index, 3)), progress=Silent())
        for index in (2, 0, 1)
    ]
    assert ends[:2] == [None, None] and ends[2] is not None and ends[2].root == root


def test_a_shard_that_another_process_holds_is_left_to_it(teacher, examples, tmp_path: Path) -> None:
    from data.running.claims import claim

    out = tmp_path / "out"
    hold = claim(out, 1)
    assert hold is not None and claim(out, 1) is None
    with pytest.raises(PotstillError, match="another process holds the shards 1 of") as caught:
        build(PLAIN, examples, teacher, out, progress=Silent())
    assert caught.value.code == TRY_AGAIN
    hold.release()
    assert build(PLAIN, examples, teacher, out, progress=Silent()) is not None


def test_changed_rows_alone_are_computed_again(cache, teacher, make_examples, heard, tmp_path: Path) -> None:
    texts = ["funny but dull", *TEXTS[:3], "good !", *TEXTS[4:][::-1]]  # one changed, one added, in another order
    asked, out = make_examples(texts, name="changed"), tmp_path / "new"
    manifest = build(PLAIN, asked, teacher, out, launch=Launch(reuse=(str(cache),)), progress=heard)
    assert manifest is not None and manifest.report["reused"] == 7 and found(out) == []
    assert recompute(out, rows=9, teacher=None, seed=0, progress=Silent()) == []
    fresh = build(PLAIN, asked, teacher, tmp_path / "fresh", progress=heard)
    for ours, theirs in zip(manifest.parts, fresh.parts, strict=True):
        one, other = pq.read_table(out / ours.name), pq.read_table(tmp_path / "fresh" / theirs.name)
        assert one["id"].to_pylist() == other["id"].to_pylist()
        assert one["n_tokens"].to_pylist() == other["n_tokens"].to_pylist()
        for a, b in zip(one["logits"].to_pylist(), other["logits"].to_pylist(), strict=True):
            assert a == pytest.approx(b, abs=1e-5)


def test_hidden_states_are_taken_over_as_they_are(
    teacher, make_examples, examples, tmp_path: Path, monkeypatch
) -> None:
    from teacher_cache.shards import rows

    monkeypatch.setattr(rows, "PIECE", 2)  # smaller than the parts
    wide = CacheConfig(signals=("hidden", "input_ids", "cls.1"), layers=(2,), dtype="float32", device="cpu", threads=1)
    fewer = CacheConfig(signals=("hidden.2", "input_ids"), dtype="float32", device="cpu", threads=1)
    build(wide, examples, teacher, tmp_path / "wide", progress=Silent())
    asked = make_examples(["dull !", *TEXTS[::-1]], name="more")
    launch = Launch(reuse=(str(tmp_path / "wide"),))
    manifest = build(fewer, asked, teacher, tmp_path / "new", launch=launch, progress=Silent())
    assert manifest.report["reused"] == 8 and found(tmp_path / "new") == []
    old, new = rows_of(tmp_path / "wide"), rows_of(tmp_path / "new")
    states = {row["id"]: row["hidden.2"] for row in old}
    assert sum(row["hidden.2"] == states.get(row["id"]) for row in new) == 8  # bit for bit
    assert all(len(row["input_ids"]) == row["n_tokens"] for row in new)


def test_a_cache_begun_with_rows_of_another_is_not_continued_without_it(
    cache, teacher, make_examples, tmp_path: Path
) -> None:
    asked, out = make_examples([*TEXTS, "good !"], name="more"), tmp_path / "new"
    build(PLAIN, asked, teacher, out, launch=Launch(reuse=(str(cache),)), progress=Silent())
    shard_of(out, 0).unlink()
    with pytest.raises(PotstillError, match="begun with rows of other caches") as caught:
        build(PLAIN, asked, teacher, out, progress=Silent())
    assert caught.value.code == STALE


def test_rows_of_another_teacher_are_not_reused(cache, make_teacher, examples, heard, tmp_path: Path) -> None:
    launch = Launch(reuse=(str(cache),))
    manifest = build(PLAIN, examples, make_teacher(seed=3), tmp_path / "new", launch=launch, progress=heard)
    assert manifest.report["reused"] == 0
    assert any("nothing of" in note and "sha256" in note for note in heard.notes)
    with pytest.raises(PotstillError, match="is no cache") as caught:
        build(PLAIN, examples, make_teacher(), tmp_path / "x", launch=Launch(reuse=("nowhere",)), progress=heard)
    assert caught.value.code == NO_INPUT


def test_reordered_examples_are_named_as_such(cache, teacher, make_examples) -> None:
    with pytest.raises(PotstillError, match="the same rows in another order") as caught:
        build(PLAIN, make_examples(TEXTS[::-1], name="reversed"), teacher, cache, progress=Silent())
    assert caught.value.code == STALE
    with pytest.raises(PotstillError) as caught:
        build(PLAIN, make_examples(["good"], name="other"), teacher, cache, progress=Silent())
    assert "another order" not in caught.value.message


def test_a_plan_of_an_older_format_is_refused_with_what_it_lacks(cache, teacher, examples) -> None:
    from data import store

    values = json.loads((cache / "PLAN.json").read_text())
    del values["identity"]["reuse"], values["check"]
    values["digest"] = store.digest_of(values["identity"])
    (cache / "PLAN.json").write_text(json.dumps(values))
    with pytest.raises(PotstillError, match="reuse: nothing there") as caught:
        build(PLAIN, examples, teacher, cache, progress=Silent())
    assert caught.value.code == STALE


def test_an_unfinished_cache_of_format_1_is_refused_and_stays_as_it_is(
    cache, teacher, examples, tmp_path: Path
) -> None:
    from data import store

    values = json.loads((cache / "PLAN.json").read_text())
    del values["check"]
    values["identity"]["version"] = 1
    values["digest"] = store.digest_of(values["identity"])
    (cache / "PLAN.json").write_text(json.dumps(values))
    (cache / "MANIFEST.json").unlink()
    before = sorted(cache.rglob("*"))
    launch = Launch(reuse=(str(cache),))
    for step in (
        lambda: build(PLAIN, examples, teacher, cache, progress=Silent()),
        lambda: build(PLAIN, examples, teacher, tmp_path / "new", launch=launch, progress=Silent()),
        lambda: verify(cache, progress=Silent()),
        lambda: repair(cache, progress=Silent()),
    ):
        with pytest.raises(PotstillError, match="format version 1, this potstill reads 2") as caught:
            step()
        assert caught.value.code == STALE and "potstill cache EXAMPLES -t TEACHER -o NEW" in caught.value.hint
    assert sorted(cache.rglob("*")) == before


def test_garbage_is_listed_first_and_removed_on_request(cache: Path) -> None:
    flip(shard_of(cache, 1))
    repair(cache, progress=Silent())
    (cache / "part-00001.parquet.tmp-7-0123abcd").write_bytes(b"half")
    kinds = {item.kind for item in find_garbage(cache)}
    assert kinds >= {"quarantine", "leftover"} and (cache / "part-00001.parquet.tmp-7-0123abcd").exists()
    collect_garbage(cache)
    assert found(cache) == [] and not (cache / "quarantine").exists()
    assert not (cache / "part-00001.parquet.tmp-7-0123abcd").exists()


@pytest.mark.parametrize(
    ("environ", "index", "count", "share"),
    [
        ({}, None, None, Share(0, 1)),
        ({}, 2, 5, Share(2, 5)),
        (
            {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "5"},
            None,
            None,
            Share(2, 4),
        ),
        ({"JOB_COMPLETION_INDEX": "3"}, None, 8, Share(3, 8)),
        ({"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}, None, None, Share(1, 2, 1)),
        ({"RANK": "1", "WORLD_SIZE": "2"}, 0, 3, Share(0, 3)),
    ],
)
def test_a_share_is_named_or_read_from_the_scheduler(environ, index, count, share) -> None:
    from data.running.share import find_share

    assert find_share(environ, index=index, count=count) == share


@pytest.mark.parametrize(
    ("environ", "index", "count", "what"),
    [
        ({}, 2, None, "needs --num-shards"),
        ({}, None, 4, "without an index"),
        ({}, 4, 4, "shard index 4 of 4"),
        ({"JOB_COMPLETION_INDEX": "3"}, None, None, "without a count"),
    ],
)
def test_half_a_share_is_refused(environ, index, count, what) -> None:
    from data.running.share import find_share

    with pytest.raises(PotstillError, match=what):
        find_share(environ, index=index, count=count)
