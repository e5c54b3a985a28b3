"""Dev texts among the training rows: said by `train` and by `teach`, and left out by the teacher where asked."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from data.errors import STALE, PotstillError
from data.example import Example
from data.examples import read_examples
from data.progress import Silent
from data.tasks.task import Task
from student_train.config import TeachConfig, TrainConfig
from student_train.feed.overlap import note_overlap
from student_train.feed.reader import open_caches
from student_train.teach import KeptOut, teach
from student_train.train import train

ONE = Task("classify", ("neg", "pos"))
QUICK = TeachConfig(epochs=1, batch_size=32, lr=1e-3, threads=1, precision="float32", device="cpu", max_length=32)


class Notes(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def said(notes: Notes) -> str:
    (line,) = [note for note in notes.notes if "dev texts" in note]
    return line


def labelled(rows: Any) -> list[Example]:
    """The labelled rows, each text once."""
    return list({example.text: example for example in rows.examples if example.label is not None}.values())


def test_train_says_how_many_dev_texts_it_trains_on(
    make_cache: Any, sentiment_rows: Any, write_source: Any, small: TrainConfig, tmp_path: Path
) -> None:
    rows, dev, notes = sentiment_rows(100), sentiment_rows(20, seed=5), Notes()
    seen = {example.text for example in rows.examples}
    others = [example for example in labelled(dev) if example.text not in seen]
    mixed = dataclasses.replace(dev, examples=[*others, *labelled(rows)[:4]])
    cache = make_cache(tmp_path, rows)
    train(small, [cache], write_source(tmp_path / "dev.tsv", mixed), tmp_path / "s", progress=notes)
    assert said(notes).startswith(f"4 of {len(others) + 4} dev texts stand among the training rows (potstill augment")


def test_rows_that_are_not_trained_on_are_not_counted(make_cache: Any, sentiment_rows: Any, tmp_path: Path) -> None:
    rows = sentiment_rows(50)
    dev = labelled(rows)[:3]
    made = [dataclasses.replace(e, source_id=e.id, op="mask") if e.text == dev[0].text else e for e in rows.examples]
    reader, _ = open_caches([make_cache(tmp_path, dataclasses.replace(rows, examples=made))], rows="original")
    assert note_overlap(dev, reader).startswith("2 of 3 dev texts")


def test_teach_says_it_too_and_leaves_out_what_is_excluded(
    save_bert: Any, sentiment_rows: Any, write_source: Any, tmp_path: Path
) -> None:
    rows, start, notes = sentiment_rows(60), save_bert(tmp_path / "bert", ONE), Notes()
    train_file = write_source(tmp_path / "train.tsv", rows)
    known = labelled(rows)
    twins = [dataclasses.replace(example, text=f" {example.text.upper()} ") for example in known[:3]]
    dev = write_source(tmp_path / "dev.tsv", dataclasses.replace(rows, examples=twins))
    kept_out = KeptOut((dev,))
    teach(QUICK, ONE, train_file, dev, str(start), tmp_path / "all", progress=notes)
    assert said(notes).startswith("3 of 3 dev texts") and "--exclude DEV" in said(notes)
    notes = Notes()
    made = teach(QUICK, ONE, train_file, dev, str(start), tmp_path / "t", kept_out=kept_out, progress=notes)
    assert said(notes) == "0 of 3 dev texts stand among the training rows"
    assert any("training rows equal a text of --exclude: left out" in note for note in notes.notes)
    left = {example.text for example in read_examples(tmp_path / "t" / "examples")[1]}
    assert left == {example.text for example in known[3:]}
    assert "exclude" in made.made_from
    assert [values["role"] for values in made.report["files"]] == ["dev", "exclude", "train"]
    with pytest.raises(PotstillError) as refused:
        teach(QUICK, ONE, train_file, dev, str(start), tmp_path / "t", progress=Silent())
    assert refused.value.code == STALE


def test_rows_that_no_loss_can_use_are_not_counted(make_cache: Any, sentiment_rows: Any, tmp_path: Path) -> None:
    rows = sentiment_rows(50)
    dev = labelled(rows)[:3]
    bare = [dataclasses.replace(e, label=None) if e.text == dev[0].text else e for e in rows.examples]
    reader, _ = open_caches([make_cache(tmp_path, dataclasses.replace(rows, examples=bare))])
    assert note_overlap(dev, reader).startswith("3 of 3 dev texts")
    assert note_overlap(dev, reader.with_labels("labelled")).startswith("2 of 3 dev texts")
