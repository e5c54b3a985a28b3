"""Cached columns besides logits reach a loss: by text, by sub-word, and only those that a loss names."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from data import row_groups
from data.errors import PotstillError
from data.progress import Silent
from data.text.encoding import Feed, cutting
from student_train.config import TrainConfig
from student_train.feed.columns import chosen_columns
from student_train.feed.reader import Reader, open_caches
from student_train.feed.stream import Stream
from student_train.losses.loss import Needs
from student_train.losses.table import LOSSES
from student_train.train import train
from student_train.vocab.vocabulary import Joint, Words

HELD = ("logits", "cls.0", "cls.2", "hidden.0", "hidden.2", "q.1", "input_ids", "gram.2")


@pytest.fixture
def rows(sentiment_rows: Any) -> Any:
    """30 rows; every tenth has no answer."""
    made = sentiment_rows(30)
    return dataclasses.replace(made, status=["nonfinite" if i % 10 == 9 else "ok" for i in range(30)])


@pytest.fixture
def said(rows: Any, tokenizer: Tokenizer) -> dict[str, Any]:
    """What the teacher says: numbers that tell row, sub-word and place in the vector."""
    ids = [np.array(tokenizer.encode(example.text).ids) for example in rows.examples]
    tokens = [np.array([[100 * i % 90 + t, t, -1.0] for t in range(len(row))]) for i, row in enumerate(ids)]
    grams = [(states @ states.T)[np.tril_indices(len(states))] / 128 for states in tokens]
    return {
        "cls.0": np.arange(90.0).reshape(30, 3),
        "cls.2": np.arange(60.0).reshape(30, 2),
        "hidden.2": tokens,
        "hidden.0": [states[:, :2] for states in tokens],
        "input_ids": ids,
        "gram.2": grams,
    }


@pytest.fixture
def reader(rows: Any, said: dict[str, Any], make_cache: Any, tmp_path: Path) -> Reader:
    """All columns, in row groups of 8, of which the cache makes pieces of 3."""
    cache = make_cache(tmp_path, rows, group_rows=8, piece_rows=3, signals=said)
    return open_caches([cache])[0].with_columns(tuple(said))


def test_a_signal_without_a_layer_is_all_its_layers() -> None:
    assert chosen_columns(("logits", "cls"), HELD) == ("cls.0", "cls.2")
    assert chosen_columns(("cls.2", "input_ids"), HELD) == ("cls.2", "input_ids")
    assert chosen_columns(("logits",), HELD) == ()


def test_every_signal_stands_beside_its_text_in_every_batch(
    reader: Reader, rows: Any, said: dict[str, Any], tokenizer: Tokenizer
) -> None:
    numbers = {example.text: i for i, example in enumerate(rows.examples)}
    block_texts = reader.read(list(range(len(reader.groups)))).texts
    stream = Stream(reader, Joint(Feed(cutting(tokenizer, 64))), batch_size=7, block_groups=99, seed=0)
    seen = []
    for batch in stream.batches(0):
        teacher, [lengths] = batch.teacher, batch.inputs.lengths
        assert teacher is not None
        assert teacher.hidden and teacher.cls and teacher.gram
        assert teacher.cls[0].dtype == teacher.hidden[2].dtype == torch.float16
        assert teacher.gram[2].dtype == torch.float32
        assert torch.equal(teacher.input_ids, batch.inputs.ids[0])  # type: ignore[arg-type]
        order = stream.plan(0)[0].groups
        texts = reader.read(list(order)).texts
        for place, row in enumerate(batch.rows):
            i, length = numbers[texts[row]], int(lengths[place])
            seen.append(texts[row])
            for layer in (0, 2):
                assert teacher.cls[layer][place].tolist() == said[f"cls.{layer}"][i].tolist()
            np.testing.assert_array_equal(teacher.hidden[2][place, :length], said["hidden.2"][i])
            np.testing.assert_array_equal(teacher.hidden[0][place, :length], said["hidden.0"][i])
            assert not teacher.hidden[2][place, length:].any()
            states = said["hidden.2"][i]
            gram = teacher.gram[2][place]
            np.testing.assert_allclose(gram[:length, :length], (states @ states.T) / 128, rtol=1e-3)
            assert not gram[length:].any() and not gram[:, length:].any()
    assert sorted(seen) == sorted(block_texts)
    assert len(seen) == 27


def test_no_more_rows_are_read_at_once_than_a_row_group_of_the_cache_holds(reader: Reader) -> None:
    assert [group.size for group in reader.groups] == [3, 3, 2] * 3 + [3, 3]
    assert [group.place for group in reader.groups] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3]
    plain = open_caches([reader.caches[0].directory])[0]
    assert [group.size for group in plain.groups] == [8, 8, 8, 6]  # logits alone are small: shuffle more rows together
    assert plain.count == reader.count == 27
    pieces, whole = (one.read(list(range(len(one.groups)))) for one in (reader, plain))
    assert pieces.texts == whole.texts
    assert pieces.logits is not None and whole.logits is not None
    np.testing.assert_array_equal(pieces.logits, whole.logits)


def test_only_the_columns_that_are_needed_are_read(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    read = row_groups.read_rows

    def watched(path: Path, first: int, count: int, columns: list[str]) -> Any:
        asked.extend(columns)
        return read(path, first, count, columns)

    monkeypatch.setattr("student_train.feed.reader.read_rows", watched)
    dataclasses.replace(reader, columns=("cls.2",)).read([0])
    assert {name for name in asked if "." in name or name in HELD} == {"logits", "cls.2"}


def test_a_student_with_other_sub_words_is_refused_by_the_rows_themselves(reader: Reader, tokenizer: Tokenizer) -> None:
    for vocabulary in (Words(("good", "bad"), longest=20), Joint(Feed(cutting(tokenizer, 4)))):
        with pytest.raises(PotstillError, match=r"sub-words are not the teacher's, which 'hidden\.2' is about"):
            next(Stream(reader, vocabulary, 8, 1, 0).batches(0))
    only = dataclasses.replace(reader, columns=("cls.2",))  # a vector a text is for every student
    assert next(Stream(only, Words(("good",), longest=20), 8, 1, 0).batches(0)).teacher


def test_equal_counts_of_other_ids_are_refused_too(
    rows: Any, said: dict[str, Any], make_cache: Any, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    cache = make_cache(tmp_path, rows, signals={"input_ids": [ids + 1 for ids in said["input_ids"]]})
    reader = dataclasses.replace(open_caches([cache])[0], columns=("input_ids",))
    with pytest.raises(PotstillError, match="which 'input_ids' is about"):
        next(Stream(reader, Joint(Feed(cutting(tokenizer, 64))), 8, 1, 0).batches(0))


def needing(*signals: str) -> Any:
    """A loss that moves the mean of the logits towards the mean of what the teacher's signals say."""

    @dataclasses.dataclass(frozen=True)
    class Mean:
        weight: float = 1.0

        kinds = ()
        needs = Needs(signals)

        def formula(self, student: Any, batch: Any, given: Any) -> Any:
            said = [tensor for name in signals for tensor in getattr(batch.teacher, name).values()]
            return sum(
                (student.logits.mean(dim=-1) - vectors.float().flatten(1).mean(dim=-1)) ** 2 for vectors in said
            ).mean()  # type: ignore[union-attr]

    return Mean


def test_a_loss_that_names_a_signal_gets_it_in_training(
    rows: Any, said: dict[str, Any], make_cache: Any, small: TrainConfig, sentiment: Any, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setitem(LOSSES, "cls_mean", needing("cls"))
    cache = make_cache(tmp_path, rows, signals={name: said[name] for name in ("cls.0", "cls.2")})
    config = dataclasses.replace(small, losses={"cls_mean": {}, "ce": {}})
    manifest = train(config, [cache], sentiment[1], tmp_path / "s", progress=Silent())
    assert manifest.report["steps"] > 0
    plain = make_cache(tmp_path / "plain", rows)
    with pytest.raises(PotstillError, match=r"cache has no signal 'cls' \(has: logits\)"):
        train(config, [plain], sentiment[1], tmp_path / "t", progress=Silent())
    second = make_cache(tmp_path, rows, name="second")
    with pytest.raises(PotstillError, match=r"need cls\.0, cls\.2, and of several teachers only logits"):
        train(config, [cache, second], sentiment[1], tmp_path / "t", progress=Silent())


def test_a_student_that_reads_other_sub_words_is_refused_before_it_trains(
    rows: Any, said: dict[str, Any], make_cache: Any, small: TrainConfig, sentiment: Any, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setitem(LOSSES, "states", needing("hidden"))
    cache = make_cache(tmp_path, rows, signals={"hidden.2": said["hidden.2"]})
    config = dataclasses.replace(small, losses={"states": {}}, vocabulary="teacher")
    with pytest.raises(PotstillError, match=r"hidden\.2 speak of the teacher's sub-words.*which a bilstm with"):
        train(config, [cache], sentiment[1], tmp_path / "s", progress=Silent())
    assert not (tmp_path / "s").exists()


def test_a_column_that_the_manifest_promises_and_a_shard_lacks_is_named(
    rows: Any, make_cache: Any, tmp_path: Path
) -> None:
    reader, _ = open_caches([make_cache(tmp_path, rows)])
    with pytest.raises(PotstillError, match=r"part-00000\.parquet has no column cls\.2"):
        dataclasses.replace(reader, columns=("cls.2",)).read([0])
