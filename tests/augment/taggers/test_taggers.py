import os
from pathlib import Path

import pytest

from augment.segment import is_chinese, mended, segmenter
from augment.taggers import TAGGERS, own, spacy_model
from augment.taggers.choose import choose, describe_tagger, load_tagger
from data.errors import NO_INPUT, PotstillError
from data.example import MASK
from data.progress import Silent
from data.text.words import join, split

SHARED = Path(os.environ.get("POTSTILL_SHARED", Path(__file__).parents[3] / ".." / "shared"))
NLTK_DATA = SHARED / "data" / "nltk_data"
TEXT = "The old dog barked loudly."
ZH = "酒店的 Wi-Fi 很好，服务也不错。"


class Notes(Silent):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


def test_auto_takes_jieba_for_chinese_the_own_model_for_english_and_none_otherwise_and_says_so():
    notes = Notes()
    assert [choose("auto", language, notes) for language in ("zh", "zh-CN", "en", "en-GB")] == ["jieba"] * 2 + [
        "own"
    ] * 2
    assert notes.notes == []
    assert choose("auto", "de", notes) == "none"
    assert "mask and n-gram only" in notes.notes[0] and "de" in notes.notes[0]


def test_an_unknown_tagger_is_refused_with_the_known_ones():
    with pytest.raises(PotstillError, match="auto, own, spacy, nltk, jieba, none"):
        choose("stanza", "en", Silent())


@pytest.mark.parametrize(
    ("tagger", "language", "wanted"),
    [
        ("own", "de", "--tagger none"),
        ("jieba", "en", "--language zh"),
        ("spacy:no_such_pipeline", "en", "spacy download no_such_pipeline"),
        ("spacy", "en", "spacy:en_core_web_sm"),
    ],
)
def test_a_tagger_that_cannot_work_is_refused_before_any_text_is_read(tagger, language, wanted):
    with pytest.raises(PotstillError, match=wanted):
        describe_tagger(tagger, language)


def test_no_tagger_still_cuts_words():
    (text,) = load_tagger("none", "en")([TEXT])
    assert text.words == ["The", "old", "dog", "barked", "loudly", "."] and text.tags == []
    assert describe_tagger("none", "de") == "none"


def test_the_own_model_tags_the_words_it_is_given():
    (text, other) = load_tagger("own", "en")([TEXT, "It 's do n't ."])
    assert text.words == ["The", "old", "dog", "barked", "loudly", "."]
    assert text.tags[:3] == ["DT", "JJ", "NN"] and text.tags[-1] == "."
    assert len(other.tags) == len(other.words)
    assert describe_tagger("own", "en") == describe_tagger("own", "en") != "own"


def test_any_spacy_pipeline_works_by_path(tmp_path):
    tagger = f"spacy:{own.MODEL}"
    assert describe_tagger(tagger, "de").startswith("spacy:en_")
    assert load_tagger(tagger, "en")([TEXT]) == load_tagger("own", "en")([TEXT])


def test_the_own_model_run_layer_by_layer_tags_as_spacy_runs_it(monkeypatch):
    """Blocks and kept vectors must not show; "NOUN" and "LOWER" are symbols of spaCy's, not words by their hash."""
    texts = [
        f"the {word} {other} was n't {word}ing in {other} 's {i} films ."
        for i, word in enumerate(["a", "NOUN", "ß", "dog", "-lrb-"])
        for other in ("LOWER", "U.S.", MASK, "x" * 150)
    ]
    words = [split(text)[0] for text in [*texts, "", "dull", *texts[::-1]]]
    slow = spacy_model.word_tagger(str(own.MODEL))(words)
    monkeypatch.setattr(own, "BLOCK", 7)
    monkeypatch.setattr(own, "KNOWN", 10)
    quick = own.word_tagger()
    assert quick(words) == slow and quick(words) == slow
    assert quick([]) == [] and quick([[], []]) == [[], []]


def test_a_spacy_pipeline_without_a_tagger_is_refused(tmp_path):
    import spacy

    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(PotstillError, match="has no tagger"):
        spacy_model.word_tagger(str(tmp_path / "blank"))


def test_nltk_tags_straight_from_the_zip_file(monkeypatch):
    if not NLTK_DATA.is_dir():
        pytest.skip(f"no NLTK data at {NLTK_DATA}")
    import nltk

    monkeypatch.setattr(nltk.data, "path", [str(NLTK_DATA)])
    assert "averaged_perceptron_tagger_eng" in describe_tagger("nltk", "en")
    (text,) = load_tagger("nltk", "en")([TEXT])
    assert text.tags == ["DT", "JJ", "NN", "VBD", "RB", "."]


def test_missing_nltk_data_is_a_clear_error(monkeypatch):
    import nltk

    monkeypatch.setattr(nltk.data, "path", ["/nowhere"])
    with pytest.raises(PotstillError, match="NLTK_DATA") as refused:
        describe_tagger("nltk", "en")
    assert refused.value.code == NO_INPUT


def test_chinese_is_cut_and_tagged_in_one_pass_and_joined_as_it_was():
    pytest.importorskip("jieba")
    (text,) = load_tagger("jieba", "zh")([ZH])
    assert join(text.words, text.blanks) == ZH
    assert "酒店" in text.words and len(text.tags) == len(text.words)
    assert text.tags[text.words.index("酒店")] == "n"


def test_chinese_can_be_cut_without_a_tagger():
    pytest.importorskip("jieba")
    words, blanks = segmenter("zh_Hans")(ZH)
    assert join(words, blanks) == ZH and "服务" in words
    assert [is_chinese(code) for code in ("zh", "zh-TW", "en", "zha")] == [True, True, False, False]


def test_blanks_between_words_are_remembered_once_and_never_at_the_ends():
    tokens = [(token, token) for token in (" ", "好", " ", "\t", "吗", "，", " ")]
    assert mended(tokens) == (["好", "吗", "，"], ["", " ", ""], ["好", "吗", "，"])


def test_what_jieba_tears_is_put_together_again():
    """jieba cuts what it does not know character by character: नमस्ते into six pieces, 👍🏽 into two."""
    pytest.importorskip("jieba")
    (text,) = load_tagger("jieba", "zh")(["酒店 नमस्ते👍🏽 cafe\u0301 很好 Wi-Fi T恤"])
    assert text.words == ["酒店", "नमस्ते", "👍🏽", "cafe\u0301", "很", "好", "Wi-Fi", "T恤"]
    assert len(text.tags) == len(text.words) and text.tags[0] == "n"


def test_every_tagger_of_the_table_describes_itself_or_says_what_is_missing():
    for name, tagger in TAGGERS.items():
        try:
            assert name in tagger.describe("", "zh" if name == "jieba" else "en")
        except PotstillError as error:
            assert error.hint
