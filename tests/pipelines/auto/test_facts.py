"""What is known before anything runs: rows, classes, lengths, language, the teacher's size."""

from itertools import pairwise
from pathlib import Path

import pytest

from data.demo.files import demo_files
from data.example import Example
from data.progress import Silent
from pipelines.auto import facts as module
from pipelines.auto.facts import Facts, encoder_of, facts_of, language_of
from pipelines.inputs.files import Files
from pipelines.inputs.reading import Reading


def facts(tmp_path: Path, train: str, *, more: str = "") -> Facts:
    (tmp_path / "train.tsv").write_text(train)
    (tmp_path / "dev.tsv").write_text("text\tlabel\nfine\tgood\ndull\tbad\n")
    (tmp_path / "more.txt").write_text(more)
    reading = Reading()
    files = Files(
        reading,
        reading.source(str(tmp_path / "train.tsv")),
        reading.source(str(tmp_path / "dev.tsv")),
        unlabelled=(reading.unlabelled(str(tmp_path / "more.txt")),) if more else (),
    )
    return facts_of(files, "scratch:3x64", progress=Silent())


def test_rows_with_and_without_labels_are_counted_over_all_files(tmp_path: Path) -> None:
    found = facts(tmp_path, "text\tlabel\na b\tgood\na b c\tbad\nc\tbad\nd\t\n", more="one\ntwo\n")
    assert (found.labelled, found.unlabelled, found.dev, found.originals) == (3, 3, 2, 6)
    assert found.classes == {"bad": 2, "good": 1} and found.commonest == pytest.approx(2 / 3)
    assert found.words == 1.5 and not found.pair and found.kind == "classify"
    assert found.teacher.new and found.teacher.width == 64


def test_two_rows_are_enough(tmp_path: Path) -> None:
    assert facts(tmp_path, "text\tlabel\nfine film\tgood\ndull film\tbad\n").long == 2


def test_long_files_are_sampled_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE", 10)
    rows = [Example(str(number), "a b", None, None, number % 2, "train") for number in range(100)]
    seen = module._seen(iter(rows))
    assert seen.counts == {0: 50, 1: 50} and seen.rows == seen.labelled == 100
    kept = [int(row.id) for row in seen.sample]
    assert 5 <= len(kept) <= 10 and {after - before for before, after in pairwise(kept)} == {16}
    assert set(seen.lengths) == {2}


def test_the_longest_rows_are_those_of_any_file(tmp_path: Path) -> None:
    found = facts(tmp_path, "text\tlabel\na b\tgood\na c\tbad\n", more="a b c d e f\na b c d e f\n")
    assert found.long == 6 and found.words == 2 and found.mean == 4


def test_languages_are_told_apart() -> None:
    def rows(*texts: str) -> list[Example]:
        return [Example(str(number), text, None, None, None, "train") for number, text in enumerate(texts)]

    assert language_of(rows("the film is fine and the end of it was not", "that is it")) == "en"
    assert language_of(rows("der Film ist schön und das Ende war es nicht", "das ist es")) == "other"
    assert language_of(rows("这部电影很好", "酒店 is OK")) == "zh"
    assert language_of(rows("หนังดีมาก")) == "other"
    reviews = demo_files()["train"].read_text("utf-8").splitlines()[1:]
    assert language_of(rows(*(line.split("\t")[0] for line in reviews))) == "en"


@pytest.mark.parametrize("name", ["scratch", "scratch:2x128", "scratch:nonsense"])
def test_a_new_encoder_is_known_by_its_name(name: str) -> None:
    assert encoder_of(name, finished=False).width == 128
