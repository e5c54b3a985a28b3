"""The public data sets as they lie, with the traps their makers left in them. Skipped where they are absent."""

import os
from functools import cache
from pathlib import Path

import pytest

from data.errors import PotstillError
from data.example import Example
from data.readers.examples import find_task, read
from data.readers.source import Source
from data.tasks.task import Task

SHARED = Path(os.environ.get("POTSTILL_SHARED") or Path(__file__).parents[4] / "shared" / "data")
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no data sets under {SHARED}; set POTSTILL_SHARED")

BINARY = ("0", "1")
PAIRS = Task("classify", BINARY, pair=True)
TASKS = {
    "sst2/train.tsv": Task("classify", BINARY),
    "mrpc/train.tsv": PAIRS,
    "qqp/train.tsv": PAIRS,
    "mnli/train.tsv": Task("classify", ("contradiction", "entailment", "neutral"), pair=True),
    "stsb/train.tsv": Task("regress", (), pair=True),
    "hotel_zh/train.txt": Task("classify", BINARY),
}
ROWS = {
    "sst2/train.tsv": 67_349,
    "sst2/dev.tsv": 872,
    "sst2/test.tsv": 1_821,
    "mrpc/train.tsv": 3_667,
    "mrpc/dev.tsv": 408,
    "mrpc/test.tsv": 1_725,
    "qqp/train.tsv": 8_999,
    "qqp/dev.tsv": 1_000,
    "mnli/train.tsv": 8_999,
    "mnli/dev.tsv": 1_000,
    "stsb/train.tsv": 5_749,
    "stsb/dev.tsv": 1_500,
    "hotel_zh/train.txt": 999,
    "hotel_zh/dev.txt": 8_000,
    "hotel_zh/test.txt": 1_000,
}


@cache
def examples(name: str) -> list[Example]:
    train = next(key for key in TASKS if key.startswith(name.split("/")[0]))
    return list(read(Source(SHARED / name), TASKS[train], split=Path(name).stem))


@pytest.mark.parametrize("name", TASKS)
def test_the_task_is_found(name: str) -> None:
    assert find_task(Source(SHARED / name))[0] == TASKS[name]


@pytest.mark.parametrize("name", ROWS)
def test_no_row_is_lost_and_all_are_labelled(name: str) -> None:
    rows = examples(name)
    assert len(rows) == ROWS[name]
    assert all(row.label is not None and row.text == row.text.strip() for row in rows)
    assert all((row.pair is not None) == name.startswith(("mrpc", "qqp", "mnli", "stsb")) for row in rows)


def test_quotes_stay_in_the_texts() -> None:
    odd = [row for row in examples("mnli/train.tsv") + examples("mnli/dev.tsv") if _odd(row.text) or _odd(row.pair)]
    assert len(odd) > 100  # rows that default CSV quoting would run together


def test_quoting_is_taken_off_where_every_quote_is_written_as_quoting_writes_it() -> None:
    """QQP comes from a quoted table: all 378 cells with a quote begin and end with one and double those inside."""
    rows = examples("qqp/train.tsv")
    assert any(row.pair == '"Marriage is an institution." What does this mean?' for row in rows)
    said = list(read(Source(SHARED / "qqp/train.tsv", format="tsv"), PAIRS, split="train"))
    assert len(said) == len(rows)
    assert any('"""' in row.text + (row.pair or "") for row in said)  # as GLUE's own readers leave it
    assert sum(old != new for old, new in zip(said, rows, strict=True)) > 300


def test_sst2_has_duplicates_and_leaks_that_ids_show() -> None:
    train, test = examples("sst2/train.tsv"), examples("sst2/test.tsv")
    labels: dict[str, set[object]] = {}
    for row in train:
        labels.setdefault(row.id, set()).add(row.label)
    assert len(train) - len(labels) == 371
    assert sum(len(found) > 1 for found in labels.values()) == 5
    assert sum(row.id in labels for row in test) == 2


def test_stsb_dev_pairs_that_stand_in_train_are_seen_by_id() -> None:
    train = {row.id for row in examples("stsb/train.tsv")}
    assert sum(row.id in train for row in examples("stsb/dev.tsv")) == 6


def test_a_hotel_review_keeps_the_tab_inside_it() -> None:
    assert sum("\t" in row.text for row in examples("hotel_zh/dev.txt")) == 1


@pytest.mark.parametrize("name", ["goemotions/train.tsv", "squad/dev.json", "conll2003/train.txt"])
def test_sets_of_other_kinds_are_refused_clearly(name: str) -> None:
    with pytest.raises(PotstillError):
        find_task(Source(SHARED / name))[0]


def _odd(text: str | None) -> bool:
    return (text or "").count('"') % 2 == 1
