"""What must not be learned from, and how much of it is."""

from collections import Counter

from data.example import Example, example_id
from data.text.held_out import Overlap, guard_of, without


def example(text, pair=None):
    return Example(example_id("classify", text, pair), text, pair)


def test_guarded_rows_are_left_out_and_counted():
    left_out = Counter()
    rows = [example("Good  film"), example("bad film"), example("re\u0301sume\u0301")]
    kept = list(without(rows, guard_of([example("good film"), example("RÉSUMÉ")]), left_out))
    assert kept == [rows[1]] and left_out == {"excluded": 2}
    assert list(without(rows, guard_of([]), Counter())) == rows


def test_dev_texts_among_the_training_rows_are_counted_once_each():
    overlap = Overlap([example("a b"), example("A  b"), example("c"), example("d")])
    overlap.see([("x", None), ("a B", None), ("a b", None), ("d!", None)])
    assert overlap.note("a hint") == "2 of 4 dev texts stand among the training rows (a hint)"
    assert Overlap([example("a")]).note("a hint") == "0 of 1 dev texts stand among the training rows"


def test_swapped_pairs_are_counted_apart():
    overlap = Overlap([example("a", "b"), example("c", "d"), example("e", "e")])
    overlap.see([("B", "a"), ("c", "d"), ("d", "c"), ("e", "E"), ("f", "c")])
    note = overlap.note("hint")
    assert note.startswith("2 of 3 dev texts") and "1 more with the texts of the pair swapped" in note
