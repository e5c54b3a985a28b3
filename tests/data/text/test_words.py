"""Splitting into words and putting them together again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.example import MASK
from data.text.words import _WORD, join, normalised, split

PIECES = st.sampled_from(
    ["good", "n't", "'s", "-lrb-", "don't", "U.S.", "--", "...", "$", "3,000", " ", "  ", "\n", MASK, "好", "é", "'"]
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Good, isn't it?", ["Good", ",", "isn't", "it", "?"]),
        ("it 's a charming journey .", ["it", "'s", "a", "charming", "journey", "."]),
        ("i do n't -lrb- ever -rrb- like it", ["i", "do", "n't", "-lrb-", "ever", "-rrb-", "like", "it"]),
        ("they 're here , we 'll go", ["they", "'re", "here", ",", "we", "'ll", "go"]),
        ("well-made 3,000 9:30 state-of-the-art", ["well-made", "3,000", "9:30", "state-of-the-art"]),
        ("what ... -- really?!", ["what", "...", "--", "really", "?", "!"]),
        ('"the witness"', ['"', "the", "witness", '"']),
        (f"a {MASK} b{MASK}", ["a", MASK, "b", MASK]),
        ("", []),
        ("  ", []),
    ],
)
def test_a_text_is_cut_into_words_and_punctuation(text: str, words: list[str]) -> None:
    assert split(text)[0] == words


def test_blanks_stand_before_their_words() -> None:
    assert split(" Good, isn't  it?") == (["Good", ",", "isn't", "it", "?"], ["", "", " ", " ", ""])


@given(st.one_of(st.text(), st.lists(PIECES).map("".join)))
def test_join_gives_back_the_text_with_single_blanks(text: str) -> None:
    assert join(*split(text)) == " ".join(text.split())


def test_a_cut_out_run_of_words_has_no_outer_blank() -> None:
    words, blanks = split("it 's a charming journey")
    assert join(words[2:4], blanks[2:4]) == "a charming"


def test_words_and_blanks_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="zip"):
        join(["a", "b"], [""])


def test_normalised_folds_case_and_blanks_only() -> None:
    assert normalised(" Good\t FILM\u2028Straße ") == "good film strasse"
    assert normalised("good film") != normalised("good film!")


@given(st.lists(PIECES, max_size=20).map("".join))
def test_a_text_cut_token_by_token_is_cut_as_a_whole(text: str) -> None:
    whole = [(match.group(), match.start()) for match in _WORD.finditer(text)]
    words, blanks = split(text)
    assert words == [word for word, _ in whole]
    assert blanks == ["" if i == 0 or not text[start - 1].isspace() else " " for i, (_, start) in enumerate(whole)]


def test_tokens_longer_than_those_that_are_remembered_are_cut_too() -> None:
    assert split("a " + "x" * 200 + "!! b") == (["a", "x" * 200, "!!", "b"], ["", " ", "", " "])
