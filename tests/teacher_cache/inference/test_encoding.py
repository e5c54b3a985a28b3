"""Texts become the teacher's sub-words as transformers cuts them; bad rows are named."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Regex, normalizers
from transformers import AutoTokenizer

from data.errors import BAD_DATA, PotstillError
from data.example import MASK
from data.text.encoding import LONGEST_TEXT, Feed, concatenate, pad, prepare, slices, tokenise
from teacher_cache.teacher.probe import probe


@pytest.fixture(scope="module", params=["bert", "roberta"])
def tokenizer(request: pytest.FixtureRequest, make_teacher) -> Any:
    return AutoTokenizer.from_pretrained(make_teacher(family=request.param))


def rows(tokens: Any) -> list[list[int]]:
    return [tokens.row(number).tolist() for number in range(len(tokens))]


def test_ids_are_those_of_transformers(tokenizer: Any) -> None:
    texts = ["A good movie!", "dull", "very, very bad"]
    wanted = tokenizer(texts)["input_ids"]
    assert rows(tokenise(prepare(tokenizer, 64), texts)) == wanted


def test_pairs_are_cut_longest_first_as_transformers_does(tokenizer: Any) -> None:
    texts, pairs = ["a good movie and a great plot", "bad"], ["dull", "a very very very bad film and more"]
    wanted = tokenizer(texts, pairs, truncation="longest_first", max_length=10)
    tokens = tokenise(prepare(tokenizer, 10), texts, pairs)
    assert rows(tokens) == wanted["input_ids"]
    assert tokens.status == ["truncated", "truncated"]


def test_token_types_tell_the_texts_of_a_pair_apart_where_the_model_takes_them(teacher: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(teacher)
    tokens = tokenise(prepare(tokenizer, 64), ["good"], ["a film"])
    assert tokens.types is not None
    assert tokens.types.tolist() == tokenizer(["good"], ["a film"], return_token_type_ids=True)["token_type_ids"][0]
    assert tokenise(prepare(tokenizer, 64, types=False), ["good"], ["a film"]).types is None


@pytest.mark.parametrize("text", [f"a {MASK} movie", f"a{MASK}movie", f"这{MASK}店", MASK, f"{MASK}{MASK}"])
def test_the_mask_sentinel_becomes_the_mask_token(tokenizer: Any, text: str) -> None:
    ids = rows(tokenise(prepare(tokenizer, 64), [text]))[0]
    assert ids.count(tokenizer.mask_token_id) == text.count(MASK)
    assert ids == tokenizer(text.replace(MASK, tokenizer.mask_token))["input_ids"]


def test_a_tokenizer_without_mask_token_takes_the_unknown_one(teacher: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(teacher)
    tokenizer.mask_token = None
    tokens = tokenise(prepare(tokenizer, 64), [f"a {MASK} movie"])
    assert rows(tokens)[0].count(tokenizer.unk_token_id) == 1


def test_a_masked_text_without_any_such_token_is_refused(teacher: Path) -> None:
    known = prepare(AutoTokenizer.from_pretrained(teacher), 64)
    bare = Feed(known.backend, None, known.pad, known.types)
    assert tokenise(bare, ["good"]).status == ["ok"]
    with pytest.raises(PotstillError, match="neither a mask nor an unknown token"):
        tokenise(bare, [f"a {MASK}"])


def test_bad_rows_are_named_and_have_no_sub_words(tokenizer: Any) -> None:
    tokens = tokenise(prepare(tokenizer, 64), ["good", "", " \n", "a\ud800b", "a" * (LONGEST_TEXT + 1), "bad"])
    reasons = ["rejected:empty", "rejected:empty", "rejected:surrogate", "rejected:too-long"]
    assert tokens.status == ["ok", *reasons, "ok"]
    assert (tokens.lengths > 0).tolist() == [True, False, False, False, False, True]


def test_a_pair_with_one_empty_text_is_rejected(tokenizer: Any) -> None:
    assert tokenise(prepare(tokenizer, 64), ["good", "bad"], ["", "film"]).status == ["rejected:empty", "ok"]


def test_only_a_row_that_lost_sub_words_is_truncated(tokenizer: Any) -> None:
    length = len(tokenizer("a good movie")["input_ids"])
    assert tokenise(prepare(tokenizer, length), ["a good movie"]).status == ["ok"]
    assert tokenise(prepare(tokenizer, length - 1), ["a good movie"]).status == ["truncated"]


def test_groups_are_put_behind_one_another(tokenizer: Any) -> None:
    ready = prepare(tokenizer, 64)
    texts = ["a good movie", "", "bad", "very dull"]
    whole, joined = tokenise(ready, texts), concatenate([tokenise(ready, texts[:2]), tokenise(ready, texts[2:])])
    assert rows(whole) == rows(joined) and whole.status == joined.status


def test_padding_is_masked_and_needs_no_mask_where_there_is_none(teacher: Path) -> None:
    tokens = tokenise(prepare(AutoTokenizer.from_pretrained(teacher), 64), ["good", "a film", "bad"])
    batch = pad(tokens, np.array([1, 0]), 0)
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]
    assert batch["input_ids"][1, 3] == 0 and batch["input_ids"][1, :3].tolist() == rows(tokens)[0]
    assert set(pad(tokens, np.array([0, 2]), 0)) == {"input_ids", "token_type_ids"}


def test_the_callers_tokenizer_keeps_its_settings(tokenizer: Any) -> None:
    before = tokenizer("a good movie and more of it")["input_ids"]
    prepare(tokenizer, 4)
    assert tokenizer("a good movie and more of it")["input_ids"] == before


def test_the_probe_tells_tokenizers_apart(make_teacher) -> None:
    bert, again, roberta = [
        probe(AutoTokenizer.from_pretrained(make_teacher(family=name))) for name in ("bert", "bert", "roberta")
    ]
    assert bert == again != roberta


def test_slices_end_where_the_next_row_would_be_too_much() -> None:
    assert list(slices([3, 3, 3, 9, 1], 6)) == [(0, 2), (2, 3), (3, 4), (4, 5)]
    assert list(slices([], 6)) == []


def test_rows_are_the_same_however_they_are_sliced(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ready, texts = prepare(tokenizer, 8), ["a good movie", "", "bad", "a very very very very very dull plot", "great"]
    whole = tokenise(ready, texts, ["x"] * 5)
    monkeypatch.setattr("data.text.encoding.SLICE", 1)
    sliced = tokenise(ready, texts, ["x"] * 5)
    assert rows(whole) == rows(sliced) and whole.status == sliced.status
    assert whole.types is None or (sliced.types is not None and whole.types.tolist() == sliced.types.tolist())


def test_no_rows_at_all_are_no_sub_words(tokenizer: Any) -> None:
    assert rows(tokenise(prepare(tokenizer, 8), [])) == []
    assert tokenise(prepare(tokenizer, 8), ["", " "]).status == ["rejected:empty"] * 2


ODD = {
    "NUL bytes": "\0" * 100_000,
    "combining marks": "e" + "\u0301" * 100_000,
    "marks of direction": "good \u200f\u202e\u2066 film" * 5_000,
    "one word": "a" * 100_000,
    "joined emoji": "\U0001f469\u200d" * 30_000,
    "no letters": "\u0600\u070f\ufeff\ufffd\ue000" * 20_000,
    "private and unassigned": "\U0010ffff\u0378" * 30_000,
}


@pytest.mark.parametrize("case", ODD)
def test_odd_texts_have_an_answer_in_time_that_grows_with_their_length(tokenizer: Any, case: str) -> None:
    start = time.perf_counter()
    tokens = tokenise(prepare(tokenizer, 64), [ODD[case], "good"])
    assert time.perf_counter() - start < 10  # measured 0.01 to 0.8 s; the square of it would be hours
    assert tokens.status[0] in ("ok", "truncated") and tokens.status[1] == "ok"
    assert (tokens.lengths <= 64).all()


@pytest.mark.slow
@pytest.mark.parametrize("text", ["a", "\u4e2d", "!", "e\u0301", "\U0001f600", "a "])
def test_a_text_of_the_greatest_length_takes_seconds(tokenizer: Any, text: str) -> None:
    start = time.perf_counter()
    whole = (text * LONGEST_TEXT)[:LONGEST_TEXT]
    assert tokenise(prepare(tokenizer, 64), [whole]).status[0] in ("ok", "truncated")
    assert time.perf_counter() - start < 30  # measured 0.1 to 9 s on a busy machine


@pytest.mark.parametrize("blanks", ["\u2003\u00a0\u3000", "\u2028\u2029\x85", "\t\n\r\x0b\x0c\x1c", "\u1680\u205f"])
def test_blanks_of_every_kind_are_an_empty_text(tokenizer: Any, blanks: str) -> None:
    assert tokenise(prepare(tokenizer, 64), [blanks * 10]).status == ["rejected:empty"]


def test_a_missing_text_is_an_empty_one(tokenizer: Any) -> None:
    assert tokenise(prepare(tokenizer, 64), [None, "good"]).status == ["rejected:empty", "ok"]  # type: ignore[list-item]


@pytest.mark.parametrize("text", ["a\ud800", "\udfff", "\udc00\ud800"])
def test_lone_surrogates_are_named_in_either_text(tokenizer: Any, text: str) -> None:
    tokens = tokenise(prepare(tokenizer, 64), [text, "good"], ["good", text])
    assert tokens.status == ["rejected:surrogate"] * 2


def test_a_panic_of_the_tokenizer_over_a_text_is_an_error_of_ours(teacher: Path) -> None:
    known = prepare(AutoTokenizer.from_pretrained(teacher), 64)
    known.backend.normalizer = normalizers.Replace(Regex("(a+)+$"), "")
    with pytest.raises(PotstillError, match="the teacher's tokenizer cannot cut a text") as caught:
        tokenise(known, ["a" * 40 + "!"])
    assert caught.value.code == BAD_DATA
