"""Ids on disk: the same batches as from text, in every later epoch; what is damaged is made again, never trusted."""

import dataclasses
import errno
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from data import row_groups, store
from data.errors import PotstillError
from data.layout import ENCODED
from data.progress import Silent
from data.text.encoding import Feed, cutting
from student_train.batch import Batch, Encoded
from student_train.config import TrainConfig
from student_train.feed.encoded import EncodedRows, open_encoded
from student_train.feed.reader import Reader, open_caches
from student_train.feed.stream import Stream
from student_train.train import train
from student_train.vocab.vocabulary import Joint, Subwords, Vocabulary, Words, build_words
from tests.student_train.loop.test_resume import Break, Cache, check_same, stop

KINDS = ("words", "subwords", "joint", "many words")


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory, make_cache: Any, sentiment_rows: Any, pair_rows: Any) -> Any:
    """57 rows in row groups of 10: of one text, and of two."""
    one, two = (tmp_path_factory.mktemp(name) for name in ("one", "two"))
    return {
        "one text": open_caches([make_cache(one, sentiment_rows(57), group_rows=10)])[0],
        "two texts": open_caches([make_cache(two, pair_rows(57), group_rows=10)])[0],
    }


@pytest.fixture(scope="module")
def reader(readers: Any) -> Reader:
    return readers["one text"]


def vocabulary_of(kind: str, reader: Reader, tokenizer: Tokenizer) -> Vocabulary:
    block = reader.read(list(range(len(reader.groups))))
    words = build_words(block.texts + (block.pairs or []), min_count=1, longest=6)
    if kind == "many words":  # more ids than 16 bits can name, and the words of the texts have the highest ones
        return Words((*(f"w{number}" for number in range(1 << 16)), *words.words), longest=6)
    tokenizer = Tokenizer.from_str(tokenizer.to_str())
    of_tokens: dict[str, Vocabulary] = {
        "subwords": Subwords(tokenizer, tuple(range(5, 40)), "[MASK]", 6),
        "joint": Joint(Feed(cutting(tokenizer, 9), types=True)),
    }
    return of_tokens.get(kind, words)


def streams(
    reader: Reader, vocabulary: Vocabulary, folder: Path, say: Callable[[str], None] = print
) -> tuple[Stream, Stream, EncodedRows]:
    """A stream that encodes every epoch anew, one that keeps ids in `folder`, and what it keeps them in."""
    plain = Stream(reader, vocabulary, batch_size=4, block_groups=3, seed=0)
    encoded = open_encoded(folder, reader, vocabulary, say=say)
    return plain, dataclasses.replace(plain, encoded=encoded), encoded


def tensors(batch: Batch) -> list[torch.Tensor]:
    assert batch.teacher is not None
    types = [] if batch.inputs.types is None else [batch.inputs.types]
    return [*batch.inputs.ids, *batch.inputs.lengths, *types, batch.label, batch.teacher.logits]


def same(one: Stream, other: Stream, epoch: int, *, start: int = 0) -> bool:
    pairs = zip(one.batches(epoch, start=start), other.batches(epoch, start=start), strict=True)
    return all(
        [torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(tensors(x), tensors(y), strict=True)]
        == [True] * len(tensors(x))
        for x, y in pairs
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The columns that were read."""
    names: list[str] = []
    read = row_groups.read_rows

    def watched(path: Path, first: int, count: int, columns: list[str]) -> Any:
        names.extend(columns)
        return read(path, first, count, columns)

    monkeypatch.setattr("student_train.feed.reader.read_rows", watched)
    return names


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("texts", ["one text", "two texts"])
def test_batches_are_the_same_from_ids_on_disk_as_from_text(
    texts: str, kind: str, readers: Any, tokenizer: Tokenizer, tmp_path: Path, asked: list[str]
) -> None:
    reader = readers[texts]
    plain, kept, encoded = streams(reader, vocabulary_of(kind, reader, tokenizer), tmp_path)
    for epoch in range(2):
        assert same(plain, kept, epoch)
    assert len(list(encoded.folder.iterdir())) == len(reader.groups)
    asked.clear()
    list(kept.batches(2))
    assert asked
    assert not {"text", "pair"} & set(asked)
    assert same(plain, streams(reader, plain.vocabulary, tmp_path)[1], 3)  # as another process opens it


@pytest.mark.parametrize("start", [0, 1, 8, 14])
def test_an_epoch_may_be_taken_up_in_the_middle_with_some_row_groups_on_disk(
    start: int, reader: Reader, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    plain, kept, _ = streams(reader, vocabulary_of("subwords", reader, tokenizer), tmp_path)
    assert same(plain, kept, 0, start=start)
    next(kept.batches(1))
    assert same(plain, kept, 1, start=start)
    assert same(plain, kept, 2)


def flipped(content: bytes) -> bytes:
    return content[:50] + bytes([content[50] ^ 1]) + content[51:]


def with_checksum(encoded: EncodedRows, number: int, content: bytes) -> bytes:
    return zlib.crc32(content[4:], encoded._start(number)).to_bytes(4, "little") + content[4:]


Damage = Callable[[EncodedRows, bytes], bytes]
DAMAGE: list[tuple[str, Damage]] = [
    ("checksum is another", lambda encoded, content: flipped(content)),
    ("checksum is another", lambda encoded, content: content[: len(content) // 2]),
    ("checksum is another", lambda encoded, content: (encoded.folder / "000001.ids").read_bytes()),
    ("empty", lambda encoded, content: b""),
    ("buffer", lambda encoded, content: with_checksum(encoded, 0, content[:30])),
    ("lengths are not those of its ids", lambda encoded, content: with_checksum(encoded, 0, content[:-2])),
    ("lengths are not", lambda encoded, content: with_checksum(encoded, 0, content[:4] + b"\xff" * 4 + content[8:])),
    ("outside the vocabulary", lambda encoded, content: with_checksum(encoded, 0, content[:-2] + b"\xff\xff")),
]


@pytest.mark.parametrize(("message", "damage"), DAMAGE)
def test_a_damaged_file_is_made_again(
    message: str, damage: Damage, reader: Reader, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    said: list[str] = []
    plain, kept, encoded = streams(reader, vocabulary_of("subwords", reader, tokenizer), tmp_path, said.append)
    list(kept.batches(0))
    path = encoded.folder / "000000.ids"
    content = path.read_bytes()
    path.write_bytes(damage(encoded, content))
    assert same(plain, kept, 1)
    assert len(said) == 1
    assert message in said[0]
    assert "000000.ids is damaged" in said[0]
    assert path.read_bytes() == content


def test_ids_of_another_vocabulary_or_of_other_rows_are_not_read(
    reader: Reader, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    vocabulary = vocabulary_of("subwords", reader, tokenizer)
    assert isinstance(vocabulary, Subwords)
    list(streams(reader, vocabulary, tmp_path)[1].batches(0))
    originals = open_caches([reader.caches[0].directory], rows="original")[0]
    others: list[tuple[Reader, Vocabulary]] = [
        (reader, dataclasses.replace(vocabulary, kept=vocabulary.kept[::-1])),
        (reader, dataclasses.replace(vocabulary, longest=3)),
        (reader, dataclasses.replace(vocabulary, mask="[UNK]")),
        (reader, vocabulary_of("words", reader, tokenizer)),
        (originals, vocabulary),
    ]
    for rows, other in others:
        plain, kept, encoded = streams(rows, other, tmp_path)
        assert encoded.load(0) is None
        assert same(plain, kept, 0)
    assert len(list(tmp_path.iterdir())) == 6


def test_how_a_tokenizer_was_used_before_does_not_change_the_folder(reader: Reader, tokenizer: Tokenizer) -> None:
    joint = vocabulary_of("joint", reader, tokenizer)
    before = joint.digest()
    joint.encode(["a film"], None)
    assert joint.digest() == before


def test_a_full_disk_costs_time_and_no_training(
    reader: Reader, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    plain, kept, encoded = streams(reader, vocabulary_of("subwords", reader, tokenizer), tmp_path, said.append)
    put = store.put
    done: list[Path] = []

    def until_full(path: Path, content: bytes) -> bool:
        if len(done) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        done.append(path)
        return put(path, content)

    monkeypatch.setattr(store, "put", until_full)
    for epoch in range(3):
        assert same(plain, kept, epoch)
    assert len(said) == 1
    assert "No space left on device" in said[0]
    assert sorted(encoded.folder.iterdir()) == sorted(done)


def test_two_that_write_the_same_file_agree(reader: Reader, tokenizer: Tokenizer, tmp_path: Path) -> None:
    vocabulary = vocabulary_of("words", reader, tokenizer)
    block = reader.read([0])
    for _ in range(2):
        streams(reader, vocabulary, tmp_path)[2].keep(0, vocabulary.encode(block.texts, block.pairs))
    found = streams(reader, vocabulary, tmp_path)[2].load(0)
    assert found is not None
    wanted = vocabulary.encode(block.texts, block.pairs)[0]
    np.testing.assert_array_equal(found[0].values, wanted.values)
    np.testing.assert_array_equal(found[0].starts, wanted.starts)


def test_pieces_are_put_behind_each_other() -> None:
    one, two = Encoded.of([[5, 6], []], [[0, 1], []]), Encoded.of([[7, 8, 9]], [[0, 0, 1]])
    both = Encoded.joined([one, two])
    wanted = Encoded.of([[5, 6], [], [7, 8, 9]], [[0, 1], [], [0, 0, 1]])
    for name in ("values", "starts", "lengths", "types"):
        np.testing.assert_array_equal(getattr(both, name), getattr(wanted, name))


def files_in(out: Path) -> list[Path]:
    return sorted((out / ENCODED).rglob("*.ids"))


def test_ids_lie_with_an_unfinished_training_and_go_with_it(
    small: TrainConfig, sentiment: Cache, tmp_path: Path, asked: list[str]
) -> None:
    config = dataclasses.replace(small, dropout=0.3, min_count=0)  # words are not counted: no text need be read again
    train(config, *sentiment, tmp_path / "whole", progress=Silent())
    with pytest.raises(PotstillError, match="SIGTERM"):
        train(config, *sentiment, tmp_path / "broken", progress=Break(11, stop))
    assert len(files_in(tmp_path / "broken")) == 4
    asked.clear()
    train(config, *sentiment, tmp_path / "broken", progress=Silent())
    assert "text" not in asked  # the resumed run read ids
    check_same(tmp_path / "whole", tmp_path / "broken")
    for name in ("whole", "broken"):
        assert not (tmp_path / name / ENCODED).exists()


def test_a_fine_tuned_teacher_keeps_no_ids_either(taught: Any) -> None:
    assert not (taught.out / ENCODED).exists()


def test_several_seeds_share_the_ids(
    small: TrainConfig, sentiment: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    encode = Subwords.encode

    def watched(self: Subwords, texts: list[str], pairs: list[str] | None) -> list[Encoded]:
        encoded.append(len(texts))
        return encode(self, texts, pairs)

    monkeypatch.setattr(Subwords, "encode", watched)
    train(dataclasses.replace(small, seeds=(0, 1, 2)), *sentiment, tmp_path / "s", progress=Silent())
    assert sum(encoded[1:]) == 240  # once for all, after the dev set
    assert not list(tmp_path.rglob(ENCODED))


def test_a_disk_that_is_full_does_not_end_a_training(
    small: TrainConfig, sentiment: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(small, *sentiment, tmp_path / "whole", progress=Silent())

    notes: list[str] = []

    class Log(Silent):
        def note(self, message: str) -> None:
            if "encoded" in message:
                notes.append(message)

    put = store.put

    def full(path: Path, content: bytes) -> bool:
        if path.suffix == ".ids":
            raise OSError(errno.ENOSPC, "No space left on device")
        return put(path, content)  # the seal, which is smaller

    monkeypatch.setattr(store, "put", full)
    train(small, *sentiment, tmp_path / "full", progress=Log())
    check_same(tmp_path / "whole", tmp_path / "full")
    assert sum("texts are encoded in every epoch" in note for note in notes) == 1  # beside what is said of the data
