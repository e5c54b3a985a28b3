"""Scores of words are those of their own sub-words, whatever the tokenizer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertForTokenClassification,
    RobertaConfig,
    RobertaForTokenClassification,
)

from data.errors import PotstillError
from data.schema import Sizes, cache_schema
from data.tasks import KINDS
from data.tasks.task import Task
from data.text.encoding import Feed, prepare
from teacher_cache.inference.align import find_words, to_words, tokenise_words
from teacher_cache.inference.answers import answer, answer_windows
from teacher_cache.shards.shard import write_shard
from tests.teacher_cache.conftest import bert_tokenizer, roberta_tokenizer

TEXT = "great unseen film 好电影 !"
NAMES = ["great", "unseen", "film", "好电影", "!"]
SHAPE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


@pytest.fixture
def bert() -> Feed:
    return prepare(bert_tokenizer(), 64)


@pytest.fixture
def tag_task(monkeypatch: pytest.MonkeyPatch) -> Iterator[Task]:
    """A kind that speaks of words, three classes."""
    import dataclasses

    monkeypatch.setitem(KINDS, "tag", dataclasses.replace(KINDS["classify"], name="tag", unit="word"))
    yield Task("tag", ("O", "B", "I"))


def pieces(tokeniser: Feed, text: str) -> list[str]:
    return tokeniser.backend.encode(text).tokens


def test_a_word_begins_at_its_first_sub_word_and_ends_at_its_last(bert: Feed) -> None:
    shown = pieces(bert, TEXT)
    tokens, words = tokenise_words(bert, [TEXT], [NAMES])
    assert shown[:9] == ["[CLS]", "great", "u", "##n", "##s", "##e", "##e", "##n", "film"]
    assert words.first.tolist() == [1, 2, 8, 9, 12] and words.last.tolist() == [1, 7, 8, 11, 12]
    assert tokens.lengths.tolist() == [len(shown)]


def test_byte_level_sub_words_belong_to_the_word_behind_their_blank() -> None:
    tokeniser = prepare(roberta_tokenizer(), 64)
    _, words = tokenise_words(tokeniser, ["a né b"], [["a", "né", "b"]])
    assert pieces(tokeniser, "a né b") == ["<s>", "a", "Ġ", "n", "Ã", "©", "Ġ", "b", "</s>"]
    assert words.first.tolist() == [1, 3, 7] and words.last.tolist() == [1, 5, 7]


def test_words_finer_than_the_tokenizers_own_are_found(bert: Feed) -> None:
    _, words = tokenise_words(bert, ["isn't it"], [["is", "n't", "it"]])
    assert pieces(bert, "isn't it") == ["[CLS]", "is", "##n", "[UNK]", "t", "i", "##t", "[SEP]"]
    assert words.first.tolist() == [1, 2, 5] and words.last.tolist() == [1, 4, 6]


def test_a_word_that_tokenises_to_nothing_has_no_place(bert: Feed) -> None:
    _, words = tokenise_words(bert, ["a \u200b film"], [["a", "\u200b", "film"]])
    assert words.first.tolist() == [1, -1, 2] and words.last.tolist() == [1, -1, 2]


def test_words_behind_the_cut_have_no_place_and_a_word_cut_in_two_has_no_end() -> None:
    short = prepare(bert_tokenizer(), 5)  # [CLS] and [SEP] leave three
    tokens, words = tokenise_words(short, ["great unseen film"], [["great", "unseen", "film"]])
    assert tokens.status == ["truncated"]
    assert words.first.tolist() == [1, 2, -1] and words.last.tolist() == [1, -1, -1]


def test_words_of_the_second_text_are_places_in_the_pair(bert: Feed) -> None:
    _, words = tokenise_words(bert, ["great film ?"], [["a", "film"]], ["a film"])
    assert bert.backend.encode("great film ?", "a film").tokens[4:7] == ["[SEP]", "a", "film"]
    assert words.first.tolist() == [5, 6] and words.ends


def test_rejected_rows_keep_their_words(bert: Feed) -> None:
    tokens, words = tokenise_words(bert, ["", "a film"], [["gone"], ["a", "film"]])
    assert tokens.status == ["rejected:empty", "ok"]
    assert words.first.tolist() == [-1, 1, 2] and words.starts.tolist() == [0, 1, 3]


def test_a_masked_word_is_a_word(bert: Feed) -> None:
    _, words = tokenise_words(bert, ["a ⟦mask⟧ film"], [["a", "⟦mask⟧", "film"]])
    assert words.first.tolist() == [1, 2, 3]


def test_a_word_that_is_not_in_its_text_is_refused() -> None:
    assert find_words("a film, a", ["a", "film", ",", "a"]).tolist() == [[0, 1], [2, 6], [6, 7], [8, 9]]
    with pytest.raises(PotstillError, match=r"word 1 \('movie'\) does not stand in its text: 'a film'"):
        find_words("a film", ["a", "movie"])


def test_scores_are_taken_where_the_words_are(bert: Feed) -> None:
    tokens, words = tokenise_words(bert, ["great unseen", "!"], [["great", "unseen"], ["!"]])
    scores = np.arange(2.0 * tokens.ends[-1], dtype=np.float32).reshape(-1, 2)
    begin = int(tokens.starts[1])
    assert to_words(scores, tokens.lengths, words).tolist() == [[2, 3], [4, 5], [2 * begin + 2, 2 * begin + 3]]


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_a_tagger_s_cached_scores_are_those_of_a_plain_forward_pass(
    family: str, tag_task: Task, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    tokenizer = bert_tokenizer() if family == "bert" else roberta_tokenizer()
    common = {**SHAPE, "vocab_size": len(tokenizer), "num_labels": 3, "initializer_range": 0.3}
    model: Any = (
        BertForTokenClassification(BertConfig(**common))
        if family == "bert"
        else RobertaForTokenClassification(RobertaConfig(**common, max_position_embeddings=80, pad_token_id=1))
    ).eval()
    texts = ["great unseen film", "", "a bad plot !", "great"]
    names = [text.split() for text in texts]
    tokens, words = tokenise_words(prepare(tokenizer, 64, types=family == "bert"), texts, names)
    columns, filler = {"logits": 3, "hidden.1": 16}, tokenizer.pad_token_id
    answers = answer(model, tokens, columns, filler=filler, budget=10_000, words=words)
    schema = cache_schema(tag_task, tuple(columns), Sizes(16))
    ids = pa.array([f"{row}" for row in range(4)])
    write_shard(tmp_path / "x.parquet", schema, ids, [answers], [3, 1])
    stored = pq.read_table(tmp_path / "x.parquet")["logits"].to_pylist()
    assert [len(row) for row in stored] == [3, 0, 4, 1]
    for row in (0, 2, 3):
        encoding = tokenizer.backend_tokenizer.encode(texts[row])
        with torch.inference_mode():
            wanted = model(input_ids=torch.tensor([encoding.ids])).logits[0]
        starts = [names[row].index(name) for name in names[row]]
        first = [encoding.char_to_token(texts[row].index(names[row][start])) for start in starts]
        np.testing.assert_allclose(stored[row], wanted[first], atol=1e-5)


def test_a_span_model_s_ends_are_read_at_the_last_sub_word(bert: Feed) -> None:
    torch.manual_seed(0)
    model = BertForQuestionAnswering(BertConfig(**SHAPE, vocab_size=100, initializer_range=0.3)).eval()
    tokens, words = tokenise_words(bert, ["film ?", "who"], [["unseen", "film"], ["great"]], ["unseen film", "great"])
    answers = answer(model, tokens, {"logits": 2}, filler=0, budget=10_000, words=words)
    encoding = bert.backend.encode("film ?", "unseen film")
    with torch.inference_mode():
        out = model(input_ids=torch.tensor([encoding.ids]), token_type_ids=torch.tensor([encoding.type_ids]))
    # [CLS] film ? [SEP] u ##n ##s ##e ##e ##n film [SEP]
    wanted = [[out.start_logits[0, 4], out.end_logits[0, 9]], [out.start_logits[0, 10], out.end_logits[0, 10]]]
    np.testing.assert_allclose(answers.columns["logits"][:2], wanted, atol=1e-5)
    assert answers.n_words is not None and answers.n_words.tolist() == [2, 1]


def test_words_cut_from_a_row_are_nan_and_the_row_counts_as_answered() -> None:
    torch.manual_seed(0)
    model = BertForTokenClassification(BertConfig(**SHAPE, vocab_size=100, num_labels=3)).eval()
    short = prepare(bert_tokenizer(), 4)
    tokens, words = tokenise_words(short, ["great film plot", "a"], [["great", "film", "plot"], ["a"]])
    answers = answer(model, tokens, {"logits": 3}, filler=0, budget=10_000, words=words)
    assert answers.status == ["truncated", "ok"]
    assert np.isnan(answers.columns["logits"]).any(axis=1).tolist() == [False, False, True, False]


def test_windows_carry_their_words(bert: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teacher_cache.inference.windows.WINDOW_BYTES", 1)
    torch.manual_seed(0)
    model = BertForTokenClassification(BertConfig(**SHAPE, vocab_size=100, num_labels=3)).eval()
    tokens, words = tokenise_words(bert, ["a film", "great", "bad !"], [["a", "film"], ["great"], ["bad", "!"]])
    options: dict[str, Any] = {"filler": 0, "budget": 100, "words": words}
    columns = {"logits": 3, "input_ids": 1}
    windows = list(answer_windows(model, tokens, columns, [3], **options))
    whole = answer(model, tokens, columns, **options)
    assert len(windows) == 3
    joined = np.concatenate([window.columns["logits"] for window in windows])
    np.testing.assert_allclose(joined, whole.columns["logits"], atol=1e-5)
