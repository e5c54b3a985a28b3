"""The example and its id."""

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.example import Example, example_digests, example_id


def test_an_id_is_stable_for_ever() -> None:
    assert example_id("classify", "good film") == "f1a076ffe21ad7c617abcf37ef540dd7"
    assert example_id("classify", "good film", "bad film") == "1261a0f0ddb9d3736822970ab7957344"
    assert len(example_id("classify", "")) == 32


def test_kind_text_pair_and_words_all_count() -> None:
    ids = [
        example_id("classify", "a"),
        example_id("regress", "a"),
        example_id("classify", "b"),
        example_id("classify", "a", "b"),
        example_id("classify", "b", "a"),
        example_id("classify", "a", ""),
        example_id("classify", "a", None, ["a"]),
    ]
    assert len(set(ids)) == len(ids)


@given(st.text(st.sampled_from("ab\x00")), st.text(st.sampled_from("ab\x00")), st.integers(0, 6))
def test_moving_the_border_between_texts_changes_the_id(a: str, b: str, border: int) -> None:
    joined = a + b
    other = joined[:border], joined[border:]
    assert (example_id("classify", a, b) == example_id("classify", *other)) == ((a, b) == other)


def test_many_texts_are_hashed_as_each_by_itself() -> None:
    assert example_digests("classify", [b"good film", "\u00e9".encode()]).hex() == "".join(
        [example_id("classify", "good film"), example_id("classify", "\u00e9")]
    )
    assert example_digests("regress", [b"a", b""], [b"b", b"a"]).hex() == "".join(
        [example_id("regress", "a", "b"), example_id("regress", "", "a")]
    )
    assert example_digests("classify", []) == b""


def test_half_a_character_has_an_id_too() -> None:
    assert example_id("classify", "\ud83d") != example_id("classify", "\ud83e")


def test_an_example_cannot_be_changed() -> None:
    example = Example("0", "text")
    with pytest.raises(FrozenInstanceError):
        example.text = "other"  # type: ignore[misc]
    assert (example.label, example.pair, example.split, example.source_id) == (None, None, "train", None)
