"""Align answers per sub-word to words, so that a student with any tokenizer can use them.

Texts and their words -> `Tokens` and `Words`; flat scores per sub-word -> scores per word. A word gets the score of its
first sub-word, as taggers are trained; for spans, the end score is that of its last sub-word. A word without
sub-words, or cut off by truncation, gets NaN. Shapes: N rows, W words of a row, T sub-words, C scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.errors import BAD_DATA, PotstillError
from data.ragged import starts_of
from data.text.encoding import TRUNCATED, Feed, Tokens, encodings, spelled, tokenise

NOWHERE = -1


@dataclass(frozen=True)
class Words:
    """The sub-words of each word, for N rows with W words together.

    first    index in its row of a word's first sub-word, int64 [W]; -1: none
    last     index of its last sub-word
    starts   row i has the words starts[i] to starts[i + 1], int64 [N + 1]
    ends     the scores are (start, end) of a span: the last column is read at `last`
    """

    first: np.ndarray
    last: np.ndarray
    starts: np.ndarray
    ends: bool = False


def tokenise_words(
    feed: Feed, texts: Sequence[str], words: Sequence[Sequence[str]], contexts: Sequence[str] | None = None
) -> tuple[Tokens, Words]:
    """Tokenise texts and find their words among the sub-words.

    words: of each text; with `contexts` (the second texts) the words of these, and scores are (start, end) of spans.
    Words must occur in the text in this order, with anything between them. Errors: a word that does not (BAD_DATA).
    """
    tokens = tokenise(feed, texts, contexts)
    said = texts if contexts is None else contexts
    good = np.flatnonzero(tokens.lengths).tolist()
    asked = [texts[row] for row in good], None if contexts is None else [contexts[row] for row in good]
    cut_again = dict(zip(good, encodings(feed, *asked, offsets=True), strict=True))
    places = []
    for row, (text, names) in enumerate(zip(said, words, strict=True)):
        if row not in cut_again:
            places.append(np.full((len(names), 2), NOWHERE))
            continue
        shown, plain = spelled(feed, text), [spelled(feed, name) for name in names]
        cut = tokens.status[row] == TRUNCATED
        places.append(align(cut_again[row], shown, find_words(shown, plain), 0 if contexts is None else 1, cut=cut))
    flat = np.concatenate(places).astype(np.int64) if places else np.zeros((0, 2), np.int64)
    starts = np.concatenate([[0], np.cumsum([len(names) for names in words], dtype=np.int64)])
    return tokens, Words(flat[:, 0], flat[:, 1], starts, ends=contexts is not None)


def find_words(text: str, words: Sequence[str]) -> np.ndarray:
    """Find words in a text, one after the other; return begin and end of each in characters, int64 [W, 2]."""
    spans, at = np.zeros((len(words), 2), np.int64), 0
    for number, word in enumerate(words):
        begin = text.find(word, at)
        if begin < 0:
            raise PotstillError(f"word {number} ({word!r}) does not stand in its text: {text[:60]!r}", code=BAD_DATA)
        at = begin + len(word)
        spans[number] = begin, at
    return spans


def align(encoding: Any, text: str, spans: np.ndarray, sequence: int, *, cut: bool = False) -> np.ndarray:
    """Map words to sub-words: index of the first and of the last sub-word of each, int64 [W, 2], -1 where none.

    encoding: of a fast tokenizer, with offsets. spans: see `find_words`. sequence: 0, or 1 for the second text.
    cut: the row was truncated, so a word may have lost its end; then it has no last sub-word.
    A sub-word belongs to the word that contains its first non-blank character.
    """
    own = np.array([number == sequence for number in encoding.sequence_ids], bool)
    offsets = np.array(encoding.offsets, np.int64).reshape(-1, 2)
    begins = np.array(
        [begin + len(text[begin:end]) - len(text[begin:end].lstrip()) for begin, end in offsets], np.int64
    )
    word = np.searchsorted(spans[:, 0], begins, side="right") - 1
    inside = own & (offsets[:, 1] > begins) & (word >= 0)
    inside[inside] = begins[inside] < spans[word[inside], 1]
    places = np.full((len(spans), 2), NOWHERE, np.int64)
    numbers = np.flatnonzero(inside)
    places[word[numbers][::-1], 0] = numbers[::-1]  # the first one is written last
    places[word[numbers], 1] = numbers
    if cut:
        whole = (places[:, 1] >= 0) & (offsets[places[:, 1], 1] >= spans[:, 1])
        places[~whole, 1] = NOWHERE
    return places


def to_words(scores: np.ndarray, lengths: np.ndarray, words: Words) -> np.ndarray:
    """Pick the scores of words, float32 [all words, C], from the scores of sub-words [all sub-words, C].

    lengths: sub-words of each row, int64 [N]
    """
    base = np.repeat(starts_of(lengths), np.diff(words.starts))  # [all words]
    taken = np.full((len(words.first), scores.shape[1]), np.nan, np.float32)
    for column in range(scores.shape[1]):
        place = words.last if words.ends and column == scores.shape[1] - 1 else words.first
        there = place >= 0
        taken[there, column] = scores[(base + place)[there], column]
    return taken


def words_of(words: Words, rows: slice) -> Words:
    """Return the words of a slice of rows."""
    starts = words.starts[rows.start : rows.stop + 1]
    flat = slice(int(starts[0]), int(starts[-1]))
    return Words(words.first[flat], words.last[flat], starts - starts[0], words.ends)
