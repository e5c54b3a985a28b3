"""Rows of examples and cache meet by id, row group by row group; anything that does not fit is refused by name."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from data.errors import BAD_DATA, NO_INPUT, STALE, PotstillError
from data.examples import describe
from data.layout import MANIFEST
from data.manifest import Manifest, read_manifest, write_manifest
from student_train.feed.reader import Block, Reader, open_caches, open_examples


def whole(reader: Reader) -> Block:
    return reader.read(list(range(len(reader.groups))))


def test_a_cache_gives_texts_labels_and_logits_row_by_row(tmp_path: Path, make_cache: Any, sentiment_rows: Any) -> None:
    rows = sentiment_rows(150)
    reader, _ = open_caches([make_cache(tmp_path, rows, group_rows=20, part_rows=64)])
    block = whole(reader)
    assert block.texts == [example.text for example in rows.examples]
    assert block.label.tolist() == [-100 if e.label is None else e.label for e in rows.examples]
    assert block.logits is not None
    assert np.array_equal(block.logits, rows.logits.astype(np.float32))
    assert block.pairs is None
    assert len(block) == reader.count == 150
    assert [group.count for group in reader.groups] == [20, 20, 20, 4, 20, 20, 20, 4, 20, 2]


def test_row_groups_come_in_the_order_asked(tmp_path: Path, make_cache: Any, sentiment_rows: Any) -> None:
    rows = sentiment_rows(60)
    reader, _ = open_caches([make_cache(tmp_path, rows, group_rows=20)])
    wanted = [example.text for example in (*rows.examples[40:], *rows.examples[:20])]
    assert reader.read([2, 0]).texts == wanted


def test_pairs_and_scores_are_read_too(tmp_path: Path, make_cache: Any, pair_rows: Any, score_rows: Any) -> None:
    rows = pair_rows(10)
    block = whole(open_caches([make_cache(tmp_path / "pairs", rows)])[0])
    assert block.pairs == [example.pair for example in rows.examples]
    rows = score_rows(9)
    block = whole(open_caches([make_cache(tmp_path / "scores", rows)])[0])
    known = [example.label is not None for example in rows.examples]
    assert np.isnan(block.label).tolist() == [not value for value in known]
    assert block.label[known].tolist() == pytest.approx([e.label for e in rows.examples if e.label is not None])
    assert block.logits is not None
    assert block.logits.shape == (9, 1)


def test_rows_can_be_the_original_or_the_augmented_ones(tmp_path: Path, make_cache: Any, sentiment_rows: Any) -> None:
    rows = sentiment_rows(90)
    cache = make_cache(tmp_path, rows, group_rows=20)
    made = {name: whole(open_caches([cache], rows=name)[0]).texts for name in ("all", "original", "augmented")}
    assert made["original"] == [e.text for e in rows.examples if e.op is None]
    assert made["augmented"] == [e.text for e in rows.examples if e.op is not None]
    assert len(made["all"]) == 90
    assert open_caches([cache], rows="augmented")[0].count == 30


def test_a_row_group_without_a_chosen_row_is_never_opened(tmp_path: Path, make_cache: Any, sentiment_rows: Any) -> None:
    rows = sentiment_rows(60)
    plain = [dataclasses.replace(e, op=None, source_id=None) for e in rows.examples[:20]]
    rows = dataclasses.replace(rows, examples=[*plain, *rows.examples[20:]])
    reader, _ = open_caches([make_cache(tmp_path, rows, group_rows=20)], rows="augmented")
    assert [group.place for group in reader.groups] == [1, 2]


def test_rows_the_teacher_could_not_answer_are_left_out(tmp_path: Path, make_cache: Any, sentiment_rows: Any) -> None:
    rows = sentiment_rows(40)
    status = ["ok", "truncated", "rejected:empty", "nonfinite"] * 10
    logits = np.where(np.array(status)[:, None] == "ok", rows.logits, np.nan)
    logits[1::4] = 1.0
    rows = dataclasses.replace(rows, status=status, logits=logits)
    reader, _ = open_caches([make_cache(tmp_path, rows, group_rows=8)])
    block = whole(reader)
    answered = [number for number, state in enumerate(status) if state in ("ok", "truncated")]
    assert block.texts == [rows.examples[number].text for number in answered]
    assert reader.count == len(block) == 20
    assert block.logits is not None
    assert np.isfinite(block.logits).all()


def test_bare_examples_have_no_teacher(tmp_path: Path, make_cache: Any, sentiment_rows: Any) -> None:
    make_cache(tmp_path, sentiment_rows(30))
    reader = open_examples(tmp_path / "examples")
    assert reader.count == 20  # the augmented third has no gold label
    assert whole(reader).logits is None


def test_choices_that_leave_nothing_are_refused(tmp_path: Path, make_cache: Any, sentiment_rows: Any) -> None:
    cache = make_cache(tmp_path, sentiment_rows(2))
    with pytest.raises(PotstillError, match=r"no rows 'some'(?s:.)*all, original, augmented"):
        open_caches([cache], rows="some")
    with pytest.raises(PotstillError, match="has no augmented rows to train on") as caught:
        open_caches([cache], rows="augmented")
    assert caught.value.code == BAD_DATA


def test_an_unfinished_cache_is_refused(tmp_path: Path, make_cache: Any, sentiment_rows: Any) -> None:
    cache = make_cache(tmp_path, sentiment_rows(4))
    (cache / MANIFEST).unlink()
    with pytest.raises(PotstillError, match=r"not a finished cache directory(?s:.)*potstill cache") as caught:
        open_caches([cache])
    assert caught.value.code == NO_INPUT


def test_examples_that_changed_since_are_refused(tmp_path: Path, make_cache: Any, sentiment_rows: Any) -> None:
    cache = make_cache(tmp_path, sentiment_rows(30))
    make_cache(tmp_path / "other", sentiment_rows(30, seed=5))
    for path in (tmp_path / "other" / "examples").iterdir():
        path.replace(tmp_path / "examples" / path.name)
    with pytest.raises(PotstillError, match="was made from examples") as caught:
        open_caches([cache])
    assert caught.value.code == STALE == 78


def reseal(directory: Path, kind: str) -> None:
    """Write a manifest that fits the files as they are now, as somebody might who copies shards about."""
    old = read_manifest_loosely(directory)
    parts = tuple(describe(directory / p.name, p.rows, p.ids) for p in old.parts)
    write_manifest(directory, dataclasses.replace(old, kind=kind, parts=parts))


def read_manifest_loosely(directory: Path) -> Manifest:
    from data import store
    from data.manifest import _from_values

    return _from_values(directory, store.read_json(directory / MANIFEST))


def test_answers_to_other_texts_are_refused_by_the_shard_s_name(
    tmp_path: Path, make_cache: Any, sentiment_rows: Any
) -> None:
    rows = sentiment_rows(60)
    cache = make_cache(tmp_path, rows, group_rows=20, part_rows=30)
    swapped = dataclasses.replace(rows, examples=[rows.examples[1], rows.examples[0], *rows.examples[2:]])
    make_cache(tmp_path / "other", swapped, group_rows=20, part_rows=30)
    (tmp_path / "other" / "cache" / "part-00000.parquet").replace(cache / "part-00000.parquet")
    reseal(cache, "cache")
    reader, _ = open_caches([cache])
    assert len(reader.read([1, 2, 3])) == 40  # all other row groups are sound
    with pytest.raises(PotstillError, match=r"row group 0 of .*part-00000\.parquet does not hold the ids") as caught:
        reader.read([0])
    assert caught.value.code == BAD_DATA


def test_a_shard_with_fewer_row_groups_is_refused(tmp_path: Path, make_cache: Any, sentiment_rows: Any) -> None:
    cache = make_cache(tmp_path, sentiment_rows(40), group_rows=20)
    path = cache / "part-00000.parquet"
    pq.write_table(pq.read_table(path), path, row_group_size=40)
    reseal(cache, "cache")
    with pytest.raises(PotstillError) as caught:
        whole(open_caches([cache])[0])
    assert caught.value.code == BAD_DATA


def test_a_flipped_bit_is_found_and_not_trained_on(tmp_path: Path, make_cache: Any, sentiment_rows: Any) -> None:
    cache = make_cache(tmp_path, sentiment_rows(60))
    path = cache / "part-00000.parquet"
    column = pq.ParquetFile(path).metadata.row_group(0).column(3)
    assert column.path_in_schema.startswith("logits")
    content = bytearray(path.read_bytes())
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 0x40
    path.write_bytes(bytes(content))
    with pytest.raises(PotstillError, match=r"part-00000\.parquet is damaged") as caught:
        whole(open_caches([cache])[0])
    assert caught.value.code == BAD_DATA


def test_a_shard_that_is_no_parquet_file_is_refused(tmp_path: Path, make_cache: Any, sentiment_rows: Any) -> None:
    cache = make_cache(tmp_path, sentiment_rows(60))
    path = cache / "part-00000.parquet"
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(PotstillError, match=r"part-00000\.parquet is damaged") as caught:
        open_caches([cache])
    assert caught.value.code == BAD_DATA


def test_the_manifest_comes_with_the_reader(tmp_path: Path, make_cache: Any, sentiment_rows: Any) -> None:
    cache = make_cache(tmp_path, sentiment_rows(30))
    reader, (manifest,) = open_caches([cache])
    assert manifest.root == reader.root == read_manifest(cache, "cache").root
