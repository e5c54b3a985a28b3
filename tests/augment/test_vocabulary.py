import numpy as np
import pyarrow as pa
import pytest

from augment import vocabulary
from augment.tagged import Tagged


def tagged(text):
    pairs = [token.split("/") for token in text.split()]
    return Tagged([word for word, _ in pairs], [" "] * len(pairs), [tag for _, tag in pairs])


TEXTS = [tagged("the/DT cat/NN sat/VB"), tagged("the/DT dog/NN sat/VB"), tagged("a/DT cat/NN ran/VB cat/NN")]


def test_words_are_counted_within_their_tag_and_sorted():
    counts = vocabulary.merge([vocabulary.count(TEXTS)])
    assert counts.to_pylist() == [
        {"tag": "DT", "word": "a", "count": 1},
        {"tag": "DT", "word": "the", "count": 2},
        {"tag": "NN", "word": "cat", "count": 3},
        {"tag": "NN", "word": "dog", "count": 1},
        {"tag": "VB", "word": "ran", "count": 1},
        {"tag": "VB", "word": "sat", "count": 2},
    ]


def test_the_vocabulary_does_not_depend_on_chunks_or_their_order(monkeypatch):
    whole = vocabulary.merge([vocabulary.count(TEXTS)])
    monkeypatch.setattr(vocabulary, "MERGE_ROWS", 2)
    pieces = vocabulary.merge([vocabulary.count([text]) for text in reversed(TEXTS)])
    assert pieces.equals(whole)


def test_the_pos_draw_follows_unigram_counts_not_types():
    """distil-bilstm draws every word of a tag alike: `dog` would come as often as `cat`."""
    words = vocabulary.from_counts(vocabulary.merge([vocabulary.count(TEXTS)]))
    u = np.random.default_rng(0).random(40_000)
    drawn = words.pick(["NN"] * len(u), u)
    assert set(drawn) == {"cat", "dog"} and drawn.count("cat") / len(u) == pytest.approx(0.75, abs=0.01)


def test_a_draw_stays_within_its_tag():
    words = vocabulary.from_counts(vocabulary.merge([vocabulary.count(TEXTS)]))
    u = np.arange(1000) / 1000
    for tag, known in {"DT": {"a", "the"}, "NN": {"cat", "dog"}, "VB": {"ran", "sat"}}.items():
        assert set(words.pick([tag] * len(u), u)) == known


def test_a_saved_vocabulary_comes_back(tmp_path):
    counts = vocabulary.merge([vocabulary.count(TEXTS)])
    vocabulary.save(tmp_path / "v.parquet", counts)
    back = vocabulary.load(tmp_path / "v.parquet")
    assert back.words == ["a", "the", "cat", "dog", "ran", "sat"] and back.tags == {"DT": 0, "NN": 1, "VB": 2}


@pytest.mark.parametrize("tables", [[], [vocabulary.count([])]])
def test_no_words_make_an_empty_vocabulary(tables):
    empty = vocabulary.from_counts(vocabulary.merge(tables))
    assert isinstance(vocabulary.merge(tables), pa.Table) and empty.words == [] and empty.tags == {}
