"""The rules of the recipe, by their rates: 400 originals of distinct words, 100 draws each."""

from collections import Counter
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from augment import vocabulary
from augment.config import AugmentConfig
from augment.draw import draw_key
from augment.ops import ngram
from augment.rows.edit import OP_NAMES, Draws, edit
from augment.tagged import Tagged, columns, from_columns
from data.example import MASK
from data.text.words import split

DRAWS = 100
LENGTH = 12
KS = np.arange(DRAWS, dtype=np.uint64)
WORDS = [f"w{i}" for i in range(LENGTH)]
TEXT = Tagged(WORDS, ["", *[" "] * (LENGTH - 1)], ["T"] * LENGTH)
# Replacements are told from originals by their name.
OTHERS = vocabulary.from_counts(vocabulary.count([Tagged(["new"], [""], ["T"])]))


class Row(NamedTuple):
    text: str
    changed: int
    all_mask: bool


def draws(words=OTHERS, originals=400, text=TEXT, **options):
    texts = from_columns(pa.table(columns([text] * originals, "a")), "a")
    keys = np.array([draw_key(0, str(i), "A") for i in range(originals)], np.uint64)
    source = np.repeat(np.arange(originals), DRAWS)
    edited = edit(texts, Draws(source, keys[source], np.tile(KS, originals)), AugmentConfig(**options), words)
    yield from map(Row, edited.text.to_pylist(), edited.changed.tolist(), edited.all_mask.tolist())


def rates(edited):
    words = Counter(word for row in edited for word in row.text.split())
    total = sum(words.values())
    return words[MASK] / total, words["new"] / total


def test_one_word_in_ten_is_masked_and_one_in_ten_replaced_not_the_inverse():
    """bert_distill masks 90 % and keeps 10 %."""
    masked, replaced = rates(draws(p_ng=0))
    assert masked == pytest.approx(0.1, abs=0.005)
    assert replaced == pytest.approx(0.1, abs=0.005)


def test_the_rates_follow_the_config():
    masked, replaced = rates(draws(p_ng=0, p_mask=0.3, p_pos=0.05))
    assert masked == pytest.approx(0.3, abs=0.01)
    assert replaced == pytest.approx(0.05, abs=0.005)
    assert rates(draws(p_ng=0, p_mask=0, p_pos=0)) == (0, 0)
    assert rates(draws(p_ng=0, p_mask=0, p_pos=1, originals=5)) == (0, 1)


def test_one_draw_a_word_decides_so_the_rules_exclude_each_other():
    """With p_mask + p_pos = 1 every word is hit by exactly one of them."""
    masked, replaced = rates(draws(p_ng=0, p_mask=0.5, p_pos=0.5, originals=100))
    assert masked + replaced == 1 and masked == pytest.approx(0.5, abs=0.01)


def test_one_row_in_four_is_cut_and_the_ngram_is_kept_not_dropped():
    """distil-bilstm and its copies mask the span instead of keeping it; d-bert leaves the rule off."""
    rows = [row.text.split() for row in draws(p_mask=0, p_pos=0)]
    cut = [row for row in rows if row != WORDS]
    assert len(cut) / len(rows) == pytest.approx(0.25, abs=0.01)
    lengths = Counter(map(len, cut))
    assert sorted(lengths) == [1, 2, 3, 4, 5]
    assert max(abs(count / len(cut) - 0.2) for count in lengths.values()) < 0.02
    for row in cut:
        first = WORDS.index(row[0])
        assert row == WORDS[first : first + len(row)]


def test_an_ngram_starts_at_every_position_alike_the_last_one_too():
    """d-bert's off-by-one never reaches the last position."""
    rows = [row.text.split() for row in draws(p_mask=0, p_pos=0, p_ng=1, ngram_max=1, originals=400)]
    counts = Counter(row[0] for row in rows)
    assert set(counts) == set(WORDS)
    assert max(abs(count / len(rows) - 1 / LENGTH) for count in counts.values()) < 0.006


def test_a_text_shorter_than_n_is_kept_whole():
    u = np.array([[0.0, 0.99, 0.99]])
    starts, stops = ngram.spans(u, np.array([3]), AugmentConfig())
    assert (starts.tolist(), stops.tolist()) == ([0], [3])


def test_words_are_edited_before_the_cut_so_an_ngram_may_hold_masks():
    ops = Counter(OP_NAMES[row.changed] for row in draws())
    assert ops["mask+ngram"] and ops["pos+ngram"] and ops["mask+pos+ngram"]


def test_the_op_names_what_is_seen_in_the_text_and_nothing_else():
    for row in draws(originals=50):
        words = row.text.split()
        seen = {"mask": MASK in words, "pos": "new" in words, "ngram": len(words) < LENGTH}
        assert OP_NAMES[row.changed] == "+".join(name for name, true in seen.items() if true)


def test_a_row_of_nothing_but_masks_is_marked():
    rows = list(draws(p_mask=0.8, originals=5, text=Tagged(["one", "two"], ["", " "], ["T", "T"])))
    assert {row.all_mask for row in rows if row.text == f"{MASK} {MASK}"} == {True}
    assert all(set(row.text.split()) == {MASK} for row in rows if row.all_mask)


def test_without_tags_words_are_masked_at_the_same_rate_and_none_is_replaced():
    bare = Tagged(TEXT.words, TEXT.blanks, [])
    masked, replaced = rates(draws(words=None, text=bare, p_ng=0))
    assert masked == pytest.approx(0.1, abs=0.005) and replaced == 0


def test_replaced_words_keep_the_blanks_and_the_symbols_around_them():
    words, blanks = split("It's good, isn't it?")
    text = Tagged(words, blanks, ["T"] * len(words))
    assert {row.text for row in draws(p_ng=0, p_mask=0, p_pos=1, text=text, originals=1)} == {"new new, new new?"}
    for row in draws(p_ng=1, p_mask=0, p_pos=0, text=text, originals=2):
        assert row.text in "It's good, isn't it?" and row.text == row.text.strip()


def test_a_mask_is_a_sentinel_and_not_the_spelling_of_any_tokenizer():
    """distil-bilstm writes `<mask>` as text, which the teacher's tokenizer then splits."""
    text = " ".join(row.text for row in draws(originals=5))
    assert MASK in text
    assert not any(spelling in text for spelling in ("[MASK]", "<mask>", "<unk>"))


def test_texts_of_any_lengths_are_edited_at_once_as_each_by_itself():
    lengths = (1, 12, 3)
    some = [Tagged(WORDS[:n], ["", *[" "] * (n - 1)], ["T"] * n) for n in lengths]
    texts = from_columns(pa.table(columns(some, "a")).slice(1), "a")
    keys, source = np.array([7, 8], np.uint64), np.array([1, 0, 0, 1])
    ks = np.array([3, 3, 9, 4], np.uint64)
    edited = edit(texts, Draws(source, keys[source], ks), AugmentConfig(), OTHERS)
    for row, (number, k) in enumerate(zip(source.tolist(), ks, strict=True)):
        one = from_columns(pa.table(columns([some[1 + number]], "a")), "a")
        alone = edit(one, Draws(np.array([0]), keys[[number]], np.array([k])), AugmentConfig(), OTHERS)
        assert edited.text[row] == alone.text[0] and edited.changed[row] == alone.changed[0]


def test_no_draws_make_no_texts():
    texts = from_columns(pa.table(columns([TEXT], "a")), "a")
    none = np.zeros(0, np.int64)
    edited = edit(texts, Draws(none, none.astype(np.uint64), none.astype(np.uint64)), AugmentConfig(), OTHERS)
    assert len(edited.text) == len(edited.changed) == len(edited.all_mask) == 0
