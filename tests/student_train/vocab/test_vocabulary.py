"""Texts become ids: words, sub-words and joint pairs, the same ones after saving and loading."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from data import store
from data.errors import NO_INPUT, PotstillError
from data.example import MASK
from data.text.encoding import Feed, cutting
from student_train.batch import Encoded
from student_train.vocab.vocabulary import (
    UNKNOWN,
    Joint,
    Subwords,
    Words,
    build_subwords,
    build_words,
    load_vocabulary,
    mask_token,
    words_of,
)


def rows(side: Encoded) -> list[list[int]]:
    return [side.values[s : s + n].tolist() for s, n in zip(side.starts, side.lengths, strict=True)]


@pytest.fixture
def files(tmp_path: Path, tokenizer: Tokenizer) -> Path:
    """A directory with what a cache keeps of a teacher's tokenizer."""
    store.write_text(tmp_path / "files" / "tokenizer.json", tokenizer.to_str())
    store.write_json(tmp_path / "files" / "tokenizer_config.json", {"mask_token": "[MASK]", "unk_token": "[UNK]"})
    return tmp_path / "files"


def test_words_are_lower_case_and_chinese_characters_stand_alone() -> None:
    assert words_of("Good film, 5-star") == ["good", "film", ",", "5-star"]
    assert words_of("酒店very好!") == ["酒", "店", "very", "好", "!"]


def test_a_word_is_one_word_in_every_form_and_script() -> None:
    assert words_of("Cafe\u0301 CAFÉ ｃａｆé नमस्ते 👍🏽 wonder\u00adful \u200b!") == [
        *("café", "café", "café", "नमस्ते", "👍🏽", "wonderful", "!")
    ]
    assert words_of("映画はホテル") == ["映", "画", "は", "ホテル"]


def test_students_of_before_keep_the_words_they_were_trained_with(tmp_path: Path) -> None:
    """Their vocabulary names no rule: rule 1 cut a word at a combining mark."""
    store.write_json(tmp_path / "vocabulary.json", {"kind": "words", "words": ["cafe", "café"], "longest": 9})
    old = load_vocabulary(tmp_path)
    assert isinstance(old, Words) and old.rule == 1
    assert rows(old.encode(["cafe\u0301 CAFÉ", f"{MASK} cafe"], None)[0]) == [[2, UNKNOWN, 3], [UNKNOWN, 2]]
    assert old.digest() == store.digest_of(["words", ("cafe", "café"), 9])
    old.save(tmp_path / "again")
    assert load_vocabulary(tmp_path / "again") == old


def test_new_students_say_by_which_rule_their_words_are_cut(tmp_path: Path) -> None:
    made = build_words(["cafe\u0301"], min_count=1, longest=9)
    made.save(tmp_path)
    assert store.read_json(tmp_path / "vocabulary.json")["rule"] == 2
    assert load_vocabulary(tmp_path) == made and rows(made.encode(["CAFÉ"], None)[0]) == [[2]]
    store.write_json(tmp_path / "vocabulary.json", {"kind": "words", "rule": 3, "words": [], "longest": 9})
    with pytest.raises(PotstillError, match="rule 3"):
        load_vocabulary(tmp_path)


def test_words_are_numbered_by_how_often_and_then_by_spelling() -> None:
    made = build_words(["b a c", "B c", "b d"], min_count=1, longest=9)
    assert made.words == ("b", "c", "a", "d")
    assert rows(made.encode(["a b z", "D"], None)[0]) == [[4, 2, UNKNOWN], [5]]
    assert made.size == 6


def test_rare_words_are_left_out() -> None:
    assert build_words(["a a b", "b c"], min_count=2, longest=9).words == ("a", "b")


def test_a_masked_word_is_an_unknown_word_and_is_never_counted() -> None:
    made = build_words([f"a {MASK} {MASK}"], min_count=1, longest=9)
    assert made.words == ("a",)
    assert rows(made.encode([f"{MASK} a"], None)[0]) == [[UNKNOWN, 2]]


def test_long_texts_are_cut_and_empty_ones_are_one_padding() -> None:
    made = Words(("a", "b"), longest=2)
    assert rows(made.encode(["a b a b", "", " "], None)[0]) == [[2, 3], [0], [0]]


def test_pairs_have_a_side_each() -> None:
    one, two = Words(("a", "b"), longest=5).encode(["a", "b"], ["b b", "a"])
    assert (rows(one), rows(two)) == ([[2], [3]], [[3, 3], [2]])


def test_no_texts_are_no_rows(files: Path) -> None:
    for made in (Words(("a",), longest=5), build_subwords(files, None, min_count=0, longest=9)):
        assert [rows(side) for side in made.encode([], None)] == [[]]
        assert [rows(side) for side in made.encode([], [])] == [[], []]


def test_sub_words_have_no_special_tokens(files: Path, tokenizer: Tokenizer) -> None:
    made = build_subwords(files, None, min_count=0, longest=9)
    ids = [tokenizer.token_to_id(token) for token in ("good", "x", "##y")]
    assert made.size == tokenizer.get_vocab_size() + 2
    assert rows(made.encode(["good xy"], None)[0]) == [[number + 2 for number in ids]]


def test_only_sub_words_that_were_met_are_kept(files: Path, tokenizer: Tokenizer) -> None:
    made = build_subwords(files, iter([["good film"], ["good bad"]]), min_count=2, longest=9)
    assert set(made.kept) == {tokenizer.token_to_id("good"), tokenizer.token_to_id("[MASK]")}
    place = made.kept.index(tokenizer.token_to_id("good")) + 2
    assert rows(made.encode(["good film"], None)[0]) == [[place, UNKNOWN]]


def test_a_masked_word_is_the_tokenizer_s_mask_token(files: Path, tokenizer: Tokenizer) -> None:
    made = build_subwords(files, iter([["good"]]), min_count=1, longest=9)
    mask = made.kept.index(tokenizer.token_to_id("[MASK]")) + 2
    good = made.kept.index(tokenizer.token_to_id("good")) + 2
    assert rows(made.encode([f"good {MASK}", f"{MASK}good"], None)[0]) == [[good, mask], [mask, good]]


def test_sub_words_are_cut_at_the_longest(files: Path) -> None:
    made = build_subwords(files, None, min_count=0, longest=3)
    assert made.encode(["good bad film plot"], None)[0].lengths.tolist() == [3]


def test_a_joint_encoding_is_what_the_tokenizer_makes_of_the_pair(tokenizer: Tokenizer) -> None:
    joint = Joint(Feed(cutting(tokenizer, 20), types=True))
    wanted = tokenizer.encode("good film", "bad")
    side = joint.encode(["good film"], ["bad"])[0]
    assert rows(side) == [wanted.ids]
    assert side.types is not None
    assert side.types.tolist() == wanted.type_ids == [0, 0, 0, 0, 1, 1]
    alone = joint.encode(["good film"], None)[0].types
    assert alone is not None and alone.tolist() == [0, 0, 0, 0]  # of one text too: the first of XLNet is 2
    assert joint.size == tokenizer.get_vocab_size()


def test_a_joint_encoding_cuts_the_longer_text_and_keeps_the_special_tokens(tokenizer: Tokenizer) -> None:
    joint = Joint(Feed(cutting(tokenizer, 6), types=True))
    ids = rows(joint.encode(["good bad film plot scene"], ["actor"])[0])[0]
    assert [tokenizer.id_to_token(number) for number in ids] == ["[CLS]", "good", "bad", "[SEP]", "actor", "[SEP]"]


@pytest.mark.parametrize("kind", ["words", "subwords"])
def test_a_saved_vocabulary_gives_the_same_ids_from_its_directory_alone(
    kind: str, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["Good film, 酒店好", f"bad {MASK} plot", "zebra", ""]
    made: Words | Subwords = (
        build_words(texts, min_count=1, longest=7)
        if kind == "words"
        else build_subwords(files, iter([texts]), min_count=1, longest=7)
    )
    made.save(tmp_path / "student")
    (files / "tokenizer.json").unlink()
    loaded = load_vocabulary(tmp_path / "student")
    assert loaded.size == made.size
    for one, other in zip(made.encode(texts, texts[::-1]), loaded.encode(texts, texts[::-1]), strict=True):
        assert np.array_equal(one.values, other.values)
        assert np.array_equal(one.lengths, other.lengths)


@pytest.mark.parametrize(
    ("name", "values", "token"),
    [
        ("special_tokens_map.json", {"mask_token": "<mask>"}, "<mask>"),
        ("tokenizer_config.json", {"mask_token": {"content": "<m>"}}, "<m>"),
        ("tokenizer_config.json", {"mask_token": None, "unk_token": "<unk>"}, "<unk>"),
        ("other.json", {}, "[UNK]"),
    ],
)
def test_the_mask_token_is_read_from_hugging_face_s_files(
    tmp_path: Path, name: str, values: dict[str, Any], token: str
) -> None:
    store.write_json(tmp_path / name, values)
    assert mask_token(tmp_path) == token


def test_a_directory_without_a_fast_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PotstillError, match=r"no tokenizer\.json(?s:.)*vocabulary=words") as caught:
        build_subwords(tmp_path, None, min_count=0, longest=9)
    assert caught.value.code == NO_INPUT


def test_lookup_tables_are_made_once(files: Path) -> None:
    words, subwords = Words(("a", "b"), longest=5), build_subwords(files, None, min_count=0, longest=9)
    words.encode(["a"], None)
    subwords.encode(["a"], None)
    assert words.index is words.index
    assert subwords.renumber is subwords.renumber
