"""Texts of other scripts, whole: no row tears a character, no word sticks to a symbol, a note says how it was cut."""

import unicodedata

import pytest
import regex

from data.example import MASK
from data.progress import Silent
from data.text.words import split
from tests.augment.test_expand import originals, rows_of, run  # one set of helpers for the phase

HINDI = "यह फ़िल्म बहुत अच्छी है, मुझे कहानी पसंद आई। क्षत्रिय नमस्ते!"
THAI = "หนังเรื่องนี้สนุกมาก เก้าอี้ไม่ดี แต่อาหารอร่อย"
FRENCH = unicodedata.normalize("NFD", "Très déçu par l'hôtel : la réception était fermée à Noël, où êtes-vous ?")
EMOJI = "love it 👍🏽👍🏽 so much❤\ufe0f the 👨\u200d👩\u200d👧 team rocks!🎉 10/10"
JAPANESE = "映画はとても良かった。ホテルのサービスも最高でした！また行きたいです。"
CHINESE = "房间很干净，早餐也好吃。服务员非常热情！"
TEXTS = [HINDI, THAI, FRENCH, EMOJI, JAPANESE, CHINESE, f"{EMOJI} {THAI}", f"The plot, {CHINESE} was {HINDI}"]
TORN = regex.compile(rf"(?:^|\s|{MASK})[\p{{M}}\u200d\ufe0f\U0001f3fb-\U0001f3ff]")


class Notes(Silent):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


@pytest.mark.parametrize("options", [{"tagger": "none"}, {"tagger": "own"}, {"tagger": "none", "language": "zh"}])
def test_no_row_holds_a_mark_without_what_it_belongs_to(tmp_path, options):
    if "language" in options:
        pytest.importorskip("jieba")
    many = originals([f"{text} {i}" for i in range(6) for text in TEXTS])
    run(tmp_path, many, **({"chunk_rows": 24, "n_iter": 10, "p_mask": 0.3, "p_pos": 0.3, "p_ng": 0.5} | options))
    rows = [row.text for row in rows_of(tmp_path) if row.op]
    assert len(rows) > 300 and not [text for text in rows if TORN.search(text)]


@pytest.mark.parametrize("text", [JAPANESE, CHINESE, THAI])
def test_texts_without_blanks_make_rows_of_their_characters_never_of_punctuation_alone(tmp_path, text):
    run(tmp_path, originals([text]), tagger="none", n_iter=40)
    rows = [row.text for row in rows_of(tmp_path) if row.op]
    assert len(rows) > 30 and all(regex.search(r"\p{L}", row.replace(MASK, "")) for row in rows)


def test_a_note_names_the_scripts_that_are_cut_by_characters_and_the_option(tmp_path):
    notes = Notes()
    run(tmp_path / "en", originals([JAPANESE, CHINESE, "good film"]), tagger="none", progress=notes)
    (note,) = notes.notes
    assert "Chinese characters in 2, Hiragana in 1 of 3 texts" in note and "--language zh" in note
    manifest = run(tmp_path / "plain", originals(["good film", "café"]), tagger="none", progress=notes)
    assert len(notes.notes) == 1 and manifest.report["seen"] == {}


def test_symbols_are_not_replaced_by_words_that_run_into_their_neighbours(tmp_path):
    texts = [f"great😀 film{i}(good)*wow*plot & a/b, it's{i}!" for i in range(30)]
    run(tmp_path, originals(texts), tagger="own", n_iter=20, p_mask=0, p_pos=0.9, p_ng=0)
    known = {word for text in texts for word in split(text)[0]}
    rows = [row.text for row in rows_of(tmp_path) if row.op]
    assert len(rows) > 200 and not {word for text in rows for word in split(text)[0] if word.isalnum()} - known


def test_between_blanks_any_word_of_the_tag_may_come(tmp_path):
    texts = [f"good , bad . fine ; well - so {i}" for i in range(30)]
    run(tmp_path, originals(texts), tagger="own", n_iter=20, p_mask=0, p_pos=0.9, p_ng=0)
    assert any("fine -" in row.text for row in rows_of(tmp_path))


def test_one_changed_text_draws_its_own_rows_anew_and_next_to_none_of_the_others(tmp_path):
    """With a running sum of the counts, 362 of 9,268 rows changed."""
    words = [f"w{i}" for i in range(200)]
    texts = [" ".join(words[(i * 7 + j * j) % 200] for j in range(9)) + f" w{i % 17}" for i in range(400)]
    before = _rows(tmp_path / "before", texts)
    changed = originals([texts[100]])[0].id
    texts[100] = f"{texts[100].rpartition(' ')[0]} w7"
    after = {row.id for row in _rows(tmp_path / "after", texts)}
    others = [row for row in before if row.id not in after and changed not in (row.id, row.source_id)]
    assert len(before) > 6000 and len(others) <= 8


def _rows(out, texts):
    run(out, originals(texts), tagger="own", n_iter=20, chunk_rows=100)
    return rows_of(out)
