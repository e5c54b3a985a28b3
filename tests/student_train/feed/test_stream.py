"""Batches from disk: every row once an epoch, any tail of it alike, one block ahead, flat memory."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.example import Example
from student_train.batch import Batch, Encoded, pad_inputs
from student_train.feed.reader import open_caches
from student_train.feed.stream import Stream, ahead
from student_train.vocab.vocabulary import Words, build_words

VOCABULARY = Words(("good", "bad", "film", "plot"), longest=20)
EPOCH = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory, make_cache: Any, sentiment_rows: Any) -> Stream:
    """157 rows in row groups of 10, each text a number, so that a batch says which rows it holds."""
    rows = sentiment_rows(157)
    texts = [replace(example, text=f"{i} " + "film " * (i % 7)) for i, example in enumerate(rows.examples)]
    logits = np.stack([np.arange(157.0), -np.arange(157.0)], axis=1)
    cache = make_cache(tmp_path_factory.mktemp("s"), replace(rows, examples=texts, logits=logits), group_rows=10)
    words = build_words([example.text for example in texts], min_count=1, longest=20)
    return Stream(open_caches([cache])[0], words, batch_size=8, block_groups=4, seed=0)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, make_cache: Any, sentiment_rows: Any) -> Stream:
    """The same, of which every fourth row is an original and the others are drawn from it."""
    rows = sentiment_rows(157)
    texts = [replace(example, text=f"{i}", op="mask" if i % 4 else None) for i, example in enumerate(rows.examples)]
    logits = np.stack([np.arange(157.0), -np.arange(157.0)], axis=1)
    cache = make_cache(tmp_path_factory.mktemp("m"), replace(rows, examples=texts, logits=logits), group_rows=10)
    words = build_words([example.text for example in texts], min_count=1, longest=20)
    return Stream(open_caches([cache])[0], words, batch_size=8, block_groups=4, seed=0)


def numbers(batch: Batch) -> list[int]:
    assert batch.teacher is not None
    return [int(value) for value in batch.teacher.logits[:, 0]]


def same(one: Batch, other: Batch) -> bool:
    assert one.teacher is not None
    assert other.teacher is not None
    pairs = [(one.inputs.ids[0], other.inputs.ids[0]), (one.inputs.lengths[0], other.inputs.lengths[0])]
    pairs += [(one.label, other.label), (one.teacher.logits, other.teacher.logits)]
    return all(torch.equal(a, b) for a, b in pairs)


@given(st.integers(0, 2), st.integers(0, 2), st.integers(1, 6), st.integers(1, 40))
@EPOCH
def test_every_row_comes_once_an_epoch(stream: Stream, seed: int, epoch: int, groups: int, size: int) -> None:
    stream = replace(stream, seed=seed, block_groups=groups, batch_size=size)
    batches = [numbers(batch) for batch in stream.batches(epoch)]
    assert sorted(row for batch in batches for row in batch) == list(range(157))
    assert len(batches) == sum(block.batches for block in stream.plan(epoch))


@given(st.integers(0, 1), st.integers(0, 24))
@EPOCH
def test_starting_at_a_batch_gives_the_tail_of_the_epoch(stream: Stream, epoch: int, start: int) -> None:
    full, tail = list(stream.batches(epoch)), list(stream.batches(epoch, start=start))
    assert len(tail) == max(0, len(full) - start)
    assert all(same(one, other) for one, other in zip(full[start:], tail, strict=True))


@given(st.integers(1, 5), st.integers(0, 3), st.integers(1, 40))
@EPOCH
def test_drawn_rows_are_dealt_into_sets_and_an_epoch_takes_one_of_them(
    mixed: Stream, draws: int, first: int, size: int
) -> None:
    stream = replace(mixed, draws=draws, batch_size=size)
    epochs = [list(stream.batches(first + turn)) for turn in range(draws)]
    found = [sorted(row for batch in epoch for row in numbers(batch)) for epoch in epochs]
    for turn, rows in enumerate(found):
        assert [row for row in rows if row % 4 == 0] == list(range(0, 157, 4))  # every original, in every epoch
        assert len(epochs[turn]) == sum(block.batches for block in stream.plan(first + turn))
        assert len(rows) == pytest.approx(40 + 117 / draws, abs=16)  # a row of the 16 groups more or less
    assert sorted(row for rows in found for row in rows if row % 4) == [row for row in range(157) if row % 4]
    start = len(epochs[0]) // 2
    tail = list(stream.batches(first, start=start))
    assert all(same(one, other) for one, other in zip(epochs[0][start:], tail, strict=True))


def test_one_set_is_all_rows(mixed: Stream) -> None:
    assert sum(group.taken(1, 0) for group in mixed.reader.groups) == 157
    assert (
        sum(group.taken(3, 0) for group in mixed.reader.groups) == 40 + 15 * 3 + 2
    )  # of 7 or 8 drawn rows a group 3, of the last 5 two


def test_blocks_before_the_start_are_not_read(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    load = Stream._load
    monkeypatch.setattr(
        Stream, "_load", lambda self, block, epoch: (read.append(block.first), load(self, block, epoch))[1]
    )
    firsts = [block.first for block in stream.plan(0)]
    list(stream.batches(0, start=firsts[2] + 1))
    assert read == firsts[2:]


def test_a_text_its_label_and_the_teacher_s_word_stay_together(stream: Stream) -> None:
    block = stream.reader.read(list(range(len(stream.reader.groups))))
    assert isinstance(stream.vocabulary, Words)
    for batch in stream.batches(0):
        for place, row in enumerate(numbers(batch)):
            length = int(batch.inputs.lengths[0][place])
            ids = batch.inputs.ids[0][place, :length].tolist()
            assert " ".join(stream.vocabulary.words[number - 2] for number in ids) == block.texts[row].strip()
            assert batch.label[place] == block.label[row]
            assert batch.inputs.ids[0][place, length:].eq(0).all()


def test_classes_are_whole_numbers_scores_real_ones_and_pairs_two_texts(
    stream: Stream, tmp_path: Path, make_cache: Any, score_rows: Any, pair_rows: Any
) -> None:
    assert {batch.label.dtype for batch in stream.batches(0)} == {torch.int64}
    scores = Stream(open_caches([make_cache(tmp_path / "a", score_rows(20))])[0], VOCABULARY, 8, 1, 0)
    assert {batch.label.dtype for batch in scores.batches(0)} == {torch.float32}
    pairs = Stream(open_caches([make_cache(tmp_path / "b", pair_rows(20))])[0], VOCABULARY, 8, 1, 0)
    assert {len(batch.inputs.ids) for batch in pairs.batches(0)} == {2}


def test_what_goes_wrong_while_reading_is_raised_where_batches_are_used(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Stream, block: object, epoch: int) -> None:
        raise ValueError("the disk is gone")

    monkeypatch.setattr(Stream, "_load", fail)
    with pytest.raises(ValueError, match="the disk is gone"):
        next(iter(stream.batches(0)))
    assert not readers()


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "potstill-stream"]


def test_leaving_early_stops_the_reading_thread(stream: Stream) -> None:
    batches = stream.batches(0)
    next(batches)
    assert len(readers()) == 1
    batches.close()  # type: ignore[attr-defined]
    assert not readers()


def test_one_block_is_made_ahead_and_no_more() -> None:
    made: list[int] = []

    def items() -> Iterator[Any]:
        for number in range(5):
            made.append(number)
            yield number, []

    taken = ahead(items())
    for number in range(3):
        assert next(taken)[0] == number  # type: ignore[comparison-overlap]
        time.sleep(0.05)
        assert made == list(range(number + 2))
    taken.close()  # type: ignore[attr-defined]
    assert made == [0, 1, 2, 3]


def test_rows_are_padded_to_the_longest_of_their_batch() -> None:
    side = Encoded.of([[5, 6, 7], [8], [], [9, 10]], [[0, 0, 1], [0], [], [0, 1]])
    inputs = pad_inputs([side], np.array([3, 1, 2]))
    assert inputs.ids[0].tolist() == [[9, 10], [8, 0], [0, 0]]
    assert inputs.lengths[0].tolist() == [2, 1, 1]  # an empty text is one padding
    assert inputs.types is not None
    assert inputs.types.tolist() == [[0, 1], [0, 0], [0, 0]]


def test_no_rows_are_no_ids() -> None:
    side = Encoded.of([])
    assert (len(side.values), len(side.starts), len(side.lengths)) == (0, 0, 0)


MEASURE = """
import re, sys
from pathlib import Path
import torch
from student_train.feed.reader import open_caches
from student_train.feed.stream import Stream
from student_train.vocab.vocabulary import Words

def anonymous():
    return int(re.search(r"Anonymous:\\s+(\\d+)", Path("/proc/self/smaps_rollup").read_text())[1])

torch.set_num_threads(1)
reader, _ = open_caches([Path(sys.argv[1])])
stream = Stream(reader, Words(("film",), 50), 64, 4, 0)
start, most = None, 0
for number, batch in enumerate(stream.batches(0)):
    if number == 0:
        start = anonymous()  # libraries and the first block are there
    if number % 50 == 0:
        most = max(most, anonymous())
print(start, most)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="anonymous memory is read from Linux's /proc")
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, make_cache: Any, sentiment_rows: Any) -> None:
    kind = type(sentiment_rows(1))
    peaks = []
    for times in (1, 8):
        count = times * 16_384
        texts = [f"film {number:06d} " * 20 for number in range(count)]  # 240 characters: 8x is 28 MB more of text
        examples = [Example(f"{number:032x}", text, label=0) for number, text in enumerate(texts)]
        rows = kind(examples, np.zeros((count, 2)))
        cache = make_cache(tmp_path / str(times), rows, group_rows=1024, part_rows=32_768)
        done = subprocess.run([sys.executable, "-c", MEASURE, str(cache)], capture_output=True, text=True, check=True)
        peaks.append([int(value) for value in done.stdout.split()])
    (start, once), (_, eight) = peaks
    assert eight <= 1.1 * once + 4_096, f"KiB at the start {start}, peak of 1x {once}, of 8x {eight}"
