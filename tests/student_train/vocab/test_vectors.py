"""Where word vectors start: files in their formats, the teacher's table, chance; and how PCA narrows them."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save
from sklearn.decomposition import PCA
from tokenizers import Tokenizer

from data.errors import BAD_DATA, NO_INPUT, PotstillError
from data.progress import Silent
from student_train.config import TrainConfig
from student_train.feed.reader import Reader, open_caches
from student_train.vocab.start import build_vocabulary, names_sub_words, starting_table
from student_train.vocab.vectors import (
    DEVIATION,
    encoder_table,
    project,
    random_table,
    standardise,
    teacher_table,
    vector_table,
)
from student_train.vocab.vocabulary import Subwords, Words

WORDS = Words(("good", "bad", "zebra"), longest=9)
VECTORS = {"the": [9.0, 9.0, 9.0], "good": [1.0, -2.0, 3.0], "bad": [-1.0, 0.5, 0.0]}


def text(path: Path, *, header: bool = False, end: str = "\n") -> Path:
    lines = [f"{word} {' '.join(map(str, numbers))}" for word, numbers in VECTORS.items()]
    path.write_text("".join(line + end for line in ([f"{len(VECTORS)} 3"] if header else []) + lines), "utf-8")
    return path


def binary(path: Path) -> Path:
    body = b"".join(word.encode() + b" " + struct.pack("<3f", *numbers) + b"\n" for word, numbers in VECTORS.items())
    path.write_bytes(b"3 3\n" + body)
    return path


def test_text_and_binary_files_give_the_same_vectors(tmp_path: Path) -> None:
    paths = [
        text(tmp_path / "glove.txt"),
        text(tmp_path / "w2v.txt", header=True),
        text(tmp_path / "dos.txt", end=" \r\n"),
        binary(tmp_path / "w2v.bin"),
    ]
    for path in paths:
        table = vector_table(path, WORDS, seed=0)
        assert table.shape == (5, 3)
        assert table[2:4].tolist() == [VECTORS["good"], VECTORS["bad"]]


def test_words_the_file_lacks_start_at_random_from_the_seed(tmp_path: Path) -> None:
    path = text(tmp_path / "v.txt")
    one, again, other = (vector_table(path, WORDS, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert torch.equal(one[2:4], other[2:4])
    assert not torch.equal(one[4], other[4])
    assert one[4].abs().min() > 0


def test_random_vectors_are_as_large_as_those_of_the_file(tmp_path: Path) -> None:
    known = [f"k{number}" for number in range(50)]
    vectors = 0.01 * np.random.default_rng(0).standard_normal((50, 20))
    lines = [f"{word} {' '.join(f'{x:.6f}' for x in row)}\n" for word, row in zip(known, vectors, strict=True)]
    (tmp_path / "v.txt").write_text("".join(lines))
    table = vector_table(tmp_path / "v.txt", Words((*known, *(f"u{number}" for number in range(50))), 9), seed=0)
    assert float(table[52:].std() / table[2:52].std()) == pytest.approx(1, abs=0.15)


def test_a_word_s_own_spelling_wins_over_another_case(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("Good 1 1\ngood 2 2\nGOOD 3 3\nBad 4 4\n")
    table = vector_table(tmp_path / "v.txt", WORDS, seed=0)
    assert table[2:4].tolist() == [[2, 2], [4, 4]]


def test_words_with_blanks_inside_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("good 1 2\n. . . 5 6\nat name@example.org 7 8\nbad 3 4\n")
    assert vector_table(tmp_path / "v.txt", WORDS, seed=0)[2:4].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("the 1 2\ngood 1\n", r"line 2: 1 numbers, not 2"),
        ("the 1 2\ngood 1 x\n", r"line 2: .*'x'"),
        ("other 1 2\n", r"a vector for none of the 3 words"),
        ("", r"a vector for none"),
    ],
)
def test_broken_text_files_are_refused_by_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "v.txt").write_text(content)
    with pytest.raises(PotstillError, match=message) as caught:
        vector_table(tmp_path / "v.txt", WORDS, seed=0)
    assert caught.value.code == BAD_DATA


def test_broken_binary_and_missing_files_are_refused(tmp_path: Path) -> None:
    binary(tmp_path / "v.bin")
    (tmp_path / "cut.bin").write_bytes((tmp_path / "v.bin").read_bytes()[:-6])
    with pytest.raises(PotstillError, match="not a word2vec binary file"):
        vector_table(tmp_path / "cut.bin", WORDS, seed=0)
    with pytest.raises(PotstillError, match="is not there") as caught:
        vector_table(tmp_path / "none.txt", WORDS, seed=0)
    assert caught.value.code == NO_INPUT


def test_the_teacher_s_rows_are_taken_for_the_kept_sub_words(tmp_path: Path, tokenizer: Tokenizer) -> None:
    weight = torch.arange(20.0).reshape(10, 2)
    (tmp_path / "word_embeddings.safetensors").write_bytes(save({"weight": weight.half()}))
    table = teacher_table(tmp_path, Subwords(tokenizer, (3, 7), "[MASK]", 9))
    assert table.tolist() == [[10, 11], [10, 11], [6, 7], [14, 15]]  # padding and unknown: their mean
    assert table.dtype == torch.float32
    with pytest.raises(PotstillError, match=r"no word_embeddings\.safetensors(?s:.)*vocabulary=subwords"):
        teacher_table(tmp_path / "other", Subwords(tokenizer, (3,), "[MASK]", 9))


def test_another_encoder_s_rows_are_found_by_their_spelling(tokenizer: Tokenizer) -> None:
    tokens = [tokenizer.id_to_token(number) for number in (3, 7, 8)]
    vectors = torch.tensor([[1.0, 2.0], [3.0, 4.0], [9.0, 9.0]])
    numbers = {tokens[1]: 0, tokens[0]: 1, "elsewhere": 2}
    table = encoder_table(numbers, vectors, Subwords(tokenizer, (3, 7, 8), "[MASK]", 9), name="base")
    mean = [2.0, 3.0]
    assert table.tolist() == [mean, mean, [3.0, 4.0], [1.0, 2.0], mean]  # pad, unknown; the third has none of its own


def test_an_encoder_of_other_sub_words_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(
        PotstillError, match=r"xlm has 0 of the teacher's 3 sub-words(?s:.)*leave out train.vectors"
    ) as caught:
        encoder_table({"▁the": 0}, torch.ones(1, 2), Subwords(tokenizer, (3, 7, 8), "[MASK]", 9), name="xlm")
    assert caught.value.code == BAD_DATA


def test_pca_equals_scikit_learn_s_up_to_the_sign() -> None:
    table = torch.randn(60, 8, generator=torch.Generator().manual_seed(0)) * torch.arange(1.0, 9.0)
    ours = project(table, 3)
    theirs = torch.from_numpy(PCA(3, svd_solver="full").fit(table[2:].numpy()).transform(table.numpy()))
    signs = torch.sign((ours * theirs).sum(0))
    torch.testing.assert_close(ours, theirs * signs, rtol=1e-3, atol=1e-3)
    assert ours.shape == (60, 3)


def test_pca_to_more_dimensions_than_there_are_is_refused() -> None:
    for wrong in (0, 9):
        with pytest.raises(PotstillError, match=f"dimensions {wrong} is not between 1 and the table's 8"):
            project(torch.randn(20, 8), wrong)


def test_standardised_tables_are_centred_and_of_one_deviation() -> None:
    table = torch.randn(500, 6, generator=torch.Generator().manual_seed(1)) * 0.04 + 2
    made = standardise(table)
    assert float(made[2:].std()) == pytest.approx(DEVIATION, rel=1e-5)
    assert made[2:].mean(0).abs().max() < 1e-5
    centred = table[2:] - table[2:].mean(0)
    cosines = torch.nn.functional.cosine_similarity(made[2:], centred)
    torch.testing.assert_close(cosines, torch.ones(498))  # directions are kept


def test_random_tables_depend_on_the_seed_alone() -> None:
    torch.manual_seed(5)
    one = random_table(1000, 20, seed=3)
    torch.manual_seed(6)
    assert torch.equal(one, random_table(1000, 20, seed=3))
    assert not torch.equal(one, random_table(1000, 20, seed=4))
    assert float(one.std()) == pytest.approx(DEVIATION, rel=0.05)


def vocabulary_of(config: TrainConfig, reader: Reader) -> Words | Subwords:
    return build_vocabulary(config, reader.files, reader.chunks_of_texts(Silent()))


@pytest.mark.parametrize(
    ("settings", "width"),
    [
        ({"vocabulary": "teacher"}, 16),
        ({"vocabulary": "teacher", "dimensions": 5}, 5),
        ({"vocabulary": "subwords"}, 300),
        ({"vocabulary": "subwords", "dimensions": 7}, 7),
        ({"vocabulary": "words", "dimensions": 7}, 7),
    ],
)
def test_a_config_says_where_the_table_starts(sentiment: tuple[list[Path], object], settings: dict, width: int) -> None:
    reader, _ = open_caches(sentiment[0])
    config = TrainConfig(**settings)
    vocabulary = vocabulary_of(config, reader)
    assert starting_table(config, vocabulary, reader.files, seed=0).shape == (
        vocabulary.size,
        width,
    )


def test_the_vocabulary_is_that_of_the_chosen_rows(sentiment: tuple[list[Path], object]) -> None:
    reader, _ = open_caches(sentiment[0])
    met = vocabulary_of(TrainConfig(vocabulary="teacher", min_count=1), reader)
    assert isinstance(met, Subwords)
    assert met.size == 14 + 1 + 2  # the words, the mask token, padding and unknown
    words = vocabulary_of(TrainConfig(vocabulary="words"), reader)
    assert isinstance(words, Words)
    assert len(words.words) == 14


def test_vocabularies_and_vectors_that_do_not_fit_are_refused(sentiment: tuple[list[Path], object]) -> None:
    reader, _ = open_caches(sentiment[0])
    with pytest.raises(PotstillError, match=r"no vocabulary 'chars'(?s:.)*teacher, subwords, words"):
        vocabulary_of(TrainConfig(vocabulary="chars"), reader)
    config = TrainConfig(vocabulary="words", vectors=str(sentiment[0][0]))
    with pytest.raises(PotstillError, match=r"vectors of sub-words(?s:.)*leave out train.vocabulary=words"):
        names_sub_words(config.vectors, vocabulary_of(config, reader))
    vocabulary = vocabulary_of(TrainConfig(), reader)
    with pytest.raises(PotstillError, match=r"the vectors of v.txt are for words(?s:.)*vocabulary=words"):
        names_sub_words("v.txt", vocabulary)
    assert not names_sub_words("", vocabulary) and names_sub_words("means", vocabulary)
