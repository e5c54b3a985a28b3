"""One original and its synthetic rows: what is kept, what is dropped, and the cycle over the sides of a pair."""

import numpy as np
import pyarrow as pa
import pytest

from augment import vocabulary
from augment.clean import is_swapped, original_fault
from augment.config import AugmentConfig
from augment.rows.synthesise import Rules, synthesise
from augment.tagged import Tagged, columns, from_columns
from data.example import MASK, Example, example_id
from data.examples import from_table, to_table
from data.schema import examples_schema
from data.tasks.task import Task
from data.text.held_out import guard_of, text_key, text_keys
from data.text.words import split

NOUNS = [f"noun{i}" for i in range(2000)]
VOCABULARY = vocabulary.from_counts(
    vocabulary.merge([vocabulary.count([Tagged(NOUNS, [" "] * len(NOUNS), ["N"] * len(NOUNS))])])
)


def tagged(text):
    words, blanks = split(text)
    return Tagged(words, blanks, ["N"] * len(words))


def original(text, pair=None, **values):
    return Example(example_id("classify", text, pair), text, pair, **values)


def all_rows_of(examples, *, guard=(), words=VOCABULARY, **options):
    """What comes of originals that all have one text, or all two."""
    sides = [[example.text for example in examples], [example.pair for example in examples]]
    sides = [columns([tagged(text) for text in side], "a") for side in sides if None not in side]
    texts = [from_columns(pa.table(side), "a") for side in sides]
    rules = Rules(AugmentConfig(**options), "classify", words, frozenset(guard))
    table, dropped = synthesise(to_table(examples, examples_schema(Task("classify", ("0", "1")))), texts, rules)
    return list(from_table(table)), dropped


def rows_of(example, **options):
    (first, *rows), dropped = all_rows_of([example], **options)
    assert first == example
    return rows, dropped


A, B = "one two three four five six seven", "red green blue black white grey"


def test_a_synthetic_row_carries_its_provenance_and_no_label():
    """EDA and PaddleNLP copy the label onto the changed text."""
    source = original(A, label=1, split="train")
    rows, _ = rows_of(source)
    assert rows
    for row in rows:
        assert row.label is None and row.split == "train" and row.source_id == source.id
        assert row.op and 0 <= row.k < 20 and row.id == example_id("classify", row.text)
    assert {row.split for row in rows_of(original(A, split="unlabelled"))[0]} == {"unlabelled"}


def test_every_draw_is_a_row_or_counted_with_its_reason():
    for text in ("one", "one two", A, A + " " + B):
        rows, dropped = rows_of(original(text))
        assert len(rows) + dropped.total() == 20
        assert len({row.id for row in rows}) == len(rows) and original(text).id not in {row.id for row in rows}


def test_twice_as_many_draws_keep_the_first_rows():
    ten, _ = rows_of(original(A), n_iter=10)
    twenty, _ = rows_of(original(A), n_iter=20)
    assert twenty[: len(ten)] == ten and all(row.k >= 10 for row in twenty[len(ten) :])


def test_another_seed_draws_other_rows():
    assert rows_of(original(A), seed=1)[0] != rows_of(original(A))[0]


def test_global_random_state_is_neither_used_nor_touched():
    """EDA and iclassifier reseed the global generators in constructors."""
    import random

    random.seed(1), np.random.seed(1)
    state, numpy_state = random.getstate(), np.random.get_state()[1].copy()
    first = rows_of(original(A))
    assert random.getstate() == state and (np.random.get_state()[1] == numpy_state).all()
    random.seed(2), np.random.seed(2)
    assert rows_of(original(A)) == first


@pytest.mark.parametrize(("n_iter", "length", "expected"), [
    *((10, 1, 1.6), (10, 3, 5.0), (10, 5, 7.1), (10, 10, 9.1), (10, 20, 9.9)),
    *((20, 1, 2.9), (20, 3, 9.2), (20, 5, 13.8), (20, 10, 18.0), (20, 20, 19.8)),
])  # fmt: skip
def test_as_many_unique_rows_come_out_as_the_simulation_says(n_iter, length, expected):
    """The table counts the rows of all masks, which are dropped and counted apart."""
    originals = [original(" ".join(f"w{i}x{j}" for j in range(length))) for i in range(300)]
    rows, dropped = all_rows_of(originals, n_iter=n_iter)
    synthetic = sum(row.op is not None for row in rows)
    assert len(rows) == 300 + synthetic
    assert (synthetic + dropped["all_mask"]) / 300 == pytest.approx(expected, abs=0.25)


def test_a_draw_that_changes_nothing_is_dropped_even_where_blanks_differ():
    source = original("  one   two  ")
    rows, dropped = rows_of(source, p_mask=0, p_pos=0, p_ng=0)
    assert rows == [] and dropped == {"equals_original": 20}
    assert "one two" not in {row.text for row in rows_of(source)[0]}


def test_a_row_of_nothing_but_masks_is_dropped():
    rows, dropped = rows_of(original("one two"), p_mask=0.9)
    assert dropped["all_mask"] >= 1 and all(set(row.text.split()) != {MASK} for row in rows)


def test_a_row_equal_to_a_dev_or_test_text_is_dropped_but_for_case_and_blanks():
    source = original("one two three")
    rows, _ = rows_of(source, p_mask=0, p_pos=0, p_ng=1, ngram_max=1)
    assert {row.text for row in rows} == {"one", "two", "three"}
    guard = guard_of([original(" TWO ")])
    rows, dropped = rows_of(source, guard=guard.keys, p_mask=0, p_pos=0, p_ng=1, ngram_max=1)
    assert {row.text for row in rows} == {"one", "three"} and dropped["excluded"] == 1


def test_a_text_in_another_unicode_form_is_the_dev_text():
    guard = guard_of([original("Très déçu"), original("ﬁne\u00a0film")])
    for twin in ("Tre\u0300s de\u0301c\u0327u", "tr\u00adès déçu\u200b", "FINE film"):
        assert original_fault(original(twin), guard) == "excluded_original"
    assert original_fault(original("tres decu"), guard) is None


def test_a_swapped_dev_pair_is_counted_and_left_out_where_both_ways_mean_the_same():
    guard = guard_of([original("a b", "C"), original("x", "y"), original("y", "X")])
    swapped = original("c", "A  b")
    assert original_fault(swapped, guard) is None and is_swapped(swapped, guard)
    assert original_fault(swapped, guard.both_ways()) == "excluded_original"
    assert not is_swapped(original("a b", "c"), guard) and not is_swapped(original("x", "y"), guard)


def test_an_original_equal_to_a_dev_or_test_text_is_found():
    guard = guard_of([original("Good  film ")])
    assert original_fault(original("good film"), guard) == "excluded_original"
    assert original_fault(original("good films"), guard) is None
    assert original_fault(original(" \u2028 "), guard) == "empty"
    assert original_fault(original("a", " "), guard) == "empty"


def test_a_pair_leaks_only_when_both_its_texts_do():
    assert text_key("A b", "C") == text_key("a  B", "c") != text_key("a b", "d")
    assert text_key("a", None) != text_key("a", "")
    assert text_keys(["A  b", "é"], ["C", ""]) == [text_key("a b", "c"), text_key("É", "")]
    assert text_keys(["A  b"]) == [text_key("a b")] and text_keys([]) == []


def test_pairs_cycle_through_a_only_b_only_and_both_one_third_each():
    rows, dropped = rows_of(original(A, B), n_iter=30, p_mask=0.3, p_pos=0.7, p_ng=0)
    assert dropped.total() == 0
    sides = {row.k: "".join(part[0] for part in row.op.split("|")) for row in rows}
    assert sides == {k: ("A", "B", "AB")[k % 3] for k in range(30)}


def test_the_side_that_is_not_edited_is_the_original_text():
    """TinyBERT's data_augmentation.py leaves A at its last augmented form while B is being augmented."""
    source = original(A + "  !", B)
    for row in rows_of(source, n_iter=60)[0]:
        sides = {part[0] for part in row.op.split("|")}
        assert (row.text == source.text) == ("A" not in sides)
        assert (row.pair == source.pair) == ("B" not in sides)


def test_both_sides_draw_for_themselves():
    """With one stream for both sides, equal texts would be edited alike."""
    rows = [row for row in rows_of(original(A, A), n_iter=60)[0] if "|" in row.op]
    assert rows and all(row.text != row.pair for row in rows)


def test_the_cycle_of_a_pair_can_be_chosen():
    rows, _ = rows_of(original(A, B), pair_cycle=("B",))
    assert rows and all(row.op.startswith("B:") and row.text == A for row in rows)


def test_a_pair_with_one_side_all_masks_is_dropped():
    rows, dropped = rows_of(original("one", B), p_mask=1, p_pos=0, p_ng=0, n_iter=3)
    assert rows == [] and dropped["all_mask"] == 3
