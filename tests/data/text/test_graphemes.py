"""Words of every script: whole grapheme clusters, of whatever form, and one text is one text."""

import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from data.text.words import join, kind_of, normalised, scripts_in, split

FAMILY = "👨\u200d👩\u200d👧"


@pytest.mark.parametrize(
    "word",
    [
        *("नमस्ते", "cafe\u0301", "👍🏽", FAMILY, "1\ufe0f\u20e3", "🇩🇪", "می\u200cخواهم", "wonder\u00adful", "한국어"),
        *("\u1112\u1161\u11ab", "க்ஷ", "\u200fשלום", "Straße", "naı\u0308ve-looking", "ホテル", "❤\ufe0f"),
    ],
)
def test_what_a_reader_takes_for_one_word_is_one(word):
    assert split(f"a {word} b")[0] == ["a", word, "b"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("映画はホテルで very good!", ["映", "画", "は", "ホテル", "で", "very", "good", "!"]),
        ("房间很好", ["房", "间", "很", "好"]),
        ("สวัสดี เก้าอี้", ["ส", "วั", "ส", "ดี", "เก้า", "อี้"]),
        ("ជា\u200bកម្ពុ", ["ជា\u200b", "ក", "ម្ពុ"]),
        ("good👍🏽👍🏽!", ["good", "👍🏽👍🏽", "!"]),
        ("👍👍🏽", ["👍", "👍🏽"]),
    ],
)
def test_scripts_without_blanks_are_cut_by_characters_run_by_run(text, words):
    assert split(text)[0] == words


PIECES = st.sampled_from(
    [
        *"aé好は์ำक्ते👍🏽.-'",
        "\u0301",
        "\u200d",
        "\ufe0f",
        "\u200b",
        "\u00ad",
        "\u0600",
        " ",
        "เ",
        "ホ",
        "ー",
        "-lrb-",
        "'s",
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join)))
def test_no_word_ends_inside_a_cluster_and_the_text_comes_back(text):
    words, blanks = split(text)
    assert join(words, blanks) == " ".join(text.split())
    for token in text.split():
        ends, at = {match.end() for match in regex.finditer(r"\X", token)}, 0
        for word in split(token)[0]:
            at += len(word)
            assert at in ends, (token, word)


def test_the_kind_of_a_word_says_what_it_may_stand_against():
    kinds = {"film": "letters", "d'oh": "letters", "好": "character", "เก้า": "character", "ホテル": "katakana"}
    kinds |= {"!!": "symbol", "👍🏽": "symbol", "'s": "token", "-lrb-": "token", "\u0301": "part", "🏽": "part"}
    assert {word: kind_of(word) for word in kinds} == kinds


@pytest.mark.parametrize(
    "other",
    [
        *(unicodedata.normalize("NFD", "Café ﬁlm №1"), "CAFÉ  film No1", "Ｃａｆé film №1", "\ufeffCafé\u00a0ﬁlm №1"),
        "Ca\u00adfé ﬁ\u200blm №1\u200e",
    ],
)
def test_the_same_text_in_another_form_is_the_same_text(other):
    assert normalised(other) == normalised("Café ﬁlm №1") == "café film no1"


def test_texts_that_a_person_reads_as_others_stay_others():
    assert len({normalised(text) for text in ("cafe", "café", "caff", "cafe!", "ca fe")}) == 5


@given(st.text())
def test_folding_twice_is_folding_once_for_every_form(text):
    assert normalised(normalised(text)) == normalised(text)
    assert normalised(unicodedata.normalize("NFD", text)) == normalised(text)


def test_scripts_without_blanks_are_named():
    assert scripts_in("映画は") == ["Chinese characters", "Hiragana"] and scripts_in("ok สวัสดี") == ["Thai"]
    assert scripts_in("Good café 한국어") == []
