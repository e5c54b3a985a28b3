"""Inputs are named by role, order and content: what changed is never taken for what was there (cases I1 to I3)."""

import shutil
from pathlib import Path

import pytest

from data.errors import OK, STALE
from pipelines import cli

ROWS = "text\tlabel\nwonderful film\tgood\nawful film\tbad\na dull plot\tbad\na fine plot\tgood\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for folder, text in (("one", "some more words"), ("two", "other words")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "more.txt").write_text(f"{text}\nand others\n")
    (tmp_path / "train.tsv").write_text(ROWS)
    return tmp_path


def augment(files: Path, *more: str, train: str = "train.tsv") -> int:
    options = ["--n-iter", "1", "--tagger", "none", "--workers", "1", "-q"]
    return cli.run(["augment", str(files / train), "-o", str(files / "out"), *more, *options])


@pytest.mark.parametrize("option", ["--unlabelled", "--exclude"])
def test_two_files_of_one_name_are_two_inputs(files: Path, option: str) -> None:
    more = [word for folder in ("one", "two") for word in (option, str(files / folder / "more.txt"))]
    assert augment(files, *more) == OK
    (files / "one" / "more.txt").write_text("some more wordz\nand others\n")
    assert augment(files, *more) == STALE


def test_unlabelled_files_count_in_their_order_and_what_is_kept_out_in_none(files: Path) -> None:
    one, two = (str(files / folder / "more.txt") for folder in ("one", "two"))
    assert augment(files, "--exclude", one, "--exclude", two) == OK
    assert augment(files, "--exclude", two, "--exclude", one) == OK
    shutil.rmtree(files / "out")
    assert augment(files, "--unlabelled", one, "--unlabelled", two) == OK
    assert augment(files, "--unlabelled", two, "--unlabelled", one) == STALE


def test_the_same_bytes_under_another_name_are_finished(files: Path) -> None:
    assert augment(files) == OK
    seal = (files / "out" / "MANIFEST.json").read_bytes()
    (files / "train.tsv").rename(files / "renamed.tsv")
    assert augment(files, train="renamed.tsv") == OK
    assert (files / "out" / "MANIFEST.json").read_bytes() == seal


def test_another_column_of_the_same_file_is_another_input(files: Path) -> None:
    (files / "train.tsv").write_text("one\tother\tlabel\na film\ta play\tgood\nno film\tno play\tbad\n")
    assert augment(files, "--text", "one") == OK
    assert augment(files, "--text", "other") == STALE


def test_a_data_set_that_was_written_again_at_its_place_is_another_input(files: Path) -> None:
    datasets = pytest.importorskip("datasets")

    def save(word: str) -> None:
        shutil.rmtree(files / "set", ignore_errors=True)
        rows = {"text": [f"a {word} film", "an awful film"], "label": ["good", "bad"]}
        datasets.Dataset.from_dict(rows).save_to_disk(files / "set")

    save("fine")
    place = ["augment", f"disk:{files / 'set'}", "-o", str(files / "out"), "--n-iter", "1", "--tagger", "none", "-q"]
    assert cli.run(place) == OK
    save("fine")
    assert cli.run(place) == OK
    save("good")
    assert cli.run(place) == STALE
