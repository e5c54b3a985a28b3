"""Edit many texts of one side: texts, draws and config -> one edited text for each draw. A pure function.

All draws of a chunk are made at once, in numpy and Arrow: an edited text is a sequence of words with the blanks before
them, so all edited texts are one `take` on the words of all texts.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augment.config import AugmentConfig
from augment.draw import uniforms, uniforms_from
from augment.ops import CUT_OPS, OPS, WORD_OPS
from augment.rows.neighbours import sticking
from augment.tagged import Texts, says_nothing
from augment.vocabulary import Vocabulary

# The operations that changed a text are a set of bits: OP_NAMES[bits] is their name ("mask+ngram"; 0: nothing).
OP_NAMES = tuple("+".join(name for i, name in enumerate(OPS) if bits >> i & 1) for bits in range(1 << len(OPS)))
_BELOW_ONE = 1 - 2.0**-53  # rounding must not push a draw out of its interval
_CUT_DRAWS = sum(op.draws for op in CUT_OPS.values())


@dataclass(frozen=True)
class Draws:
    """R draws: the number of the text each one edits (int64 [R]), that text's key and k (uint64 [R] both)."""

    source: np.ndarray
    keys: np.ndarray
    ks: np.ndarray


@dataclass(frozen=True)
class Edited:
    """R edited texts: the joined words, operations (index of OP_NAMES), whether only masks and punctuation are left."""

    text: pa.StringArray
    changed: np.ndarray
    all_mask: np.ndarray


@dataclass(frozen=True)
class Spans:
    """The words kept by cuts, for R texts: of text `source` the words `starts` to `stops` - 1, int64 [R] each."""

    source: np.ndarray
    starts: np.ndarray
    stops: np.ndarray


@dataclass(frozen=True)
class Hits:
    """H replaced words: row and column, int64 [H], the index of the operation, and the new words."""

    rows: np.ndarray
    columns: np.ndarray
    which: np.ndarray
    words: pa.StringArray

    def take(self, chosen: np.ndarray) -> "Hits":
        return Hits(self.rows[chosen], self.columns[chosen], self.which[chosen], self.words.take(pa.array(chosen)))


_NONE = np.zeros(0, np.int64)
NO_HITS = Hits(_NONE, _NONE, _NONE, pa.array([], pa.string()))


def edit(texts: Texts, draws: Draws, config: AugmentConfig, vocabulary: Vocabulary | None) -> Edited:
    """Return the edited text of every draw; it depends only on its text, key and k."""
    u = uniforms(draws.keys, draws.ks, _CUT_DRAWS)  # slots: the cuts' draws, then one draw a word
    spans, changed = _cut(u, draws.source, texts.lengths[draws.source], config)
    hits = _hit_words(texts, draws, spans, config, vocabulary)
    for i in range(len(WORD_OPS)):
        touched = np.zeros(len(changed), bool)
        touched[hits.rows[hits.which == i]] = True
        changed |= touched.astype(np.int64) << i
    return Edited(join(texts, spans, hits), changed, _words_left(texts, spans, hits) == 0)


def join(texts: Texts, spans: Spans, hits: Hits = NO_HITS) -> pa.StringArray:
    """Join the words of every span, with `hits` replaced; the blank before the first word is left out."""
    kept = spans.stops - spans.starts
    ends = np.cumsum(kept)
    firsts = ends - kept
    old, new = len(texts.words), len(hits.words)
    piece = np.repeat(texts.starts[spans.source] + spans.starts - firsts, kept) + np.arange(kept.sum())
    piece[firsts[hits.rows] + hits.columns - spans.starts[hits.rows]] = old + np.arange(new)
    piece[firsts[kept > 0]] += old + new  # the second half of the pieces has no blanks
    places = texts.starts[spans.source[hits.rows]] + hits.columns
    spaced = pc.binary_join_element_wise(texts.blanks.take(pa.array(places)), hits.words, "")
    pieces = pa.concat_arrays([texts.spaced, spaced, texts.words, hits.words]).take(pa.array(piece))
    _, offsets, characters = pieces.buffers()
    row_offsets = np.frombuffer(offsets, np.int32)[np.append(0, ends)]
    return pa.StringArray.from_buffers(len(kept), pa.py_buffer(row_offsets), characters)


def whole(texts: Texts) -> Spans:
    """All words of all texts."""
    return Spans(np.arange(len(texts.lengths)), np.zeros_like(texts.lengths), texts.lengths)


def _words_left(texts: Texts, spans: Spans, hits: Hits) -> np.ndarray:
    """Count the words of every span that are neither masks nor punctuation, int64 [R]."""
    spoken = np.append(0, np.cumsum(~texts.says_nothing))
    firsts = texts.starts[spans.source]
    old = texts.says_nothing[firsts[hits.rows] + hits.columns]
    change = old.astype(np.int64) - says_nothing(hits.words)
    kept = spoken[firsts + spans.stops] - spoken[firsts + spans.starts]
    return kept + np.bincount(hits.rows, change, minlength=len(kept)).astype(np.int64)


def _hit_words(texts: Texts, draws: Draws, spans: Spans, config: AugmentConfig, vocabulary: Vocabulary | None) -> Hits:
    """Choose the operation of every word by ONE draw, so that operations exclude each other.

    Each operation has an interval of [0, 1); within it the draw is uniform again, and also chooses the new word. Left
    out are words that a cut drops, replacements by the same word, and new words that would join with a neighbour.
    """
    rates = [op.rate(config) for op in WORD_OPS.values()]
    bounds = np.cumsum([0.0, *rates])
    lengths = texts.lengths[draws.source]
    x = uniforms_from(_CUT_DRAWS, draws.keys, draws.ks, lengths)
    at = np.flatnonzero(x < bounds[-1])
    rows = np.repeat(np.arange(len(lengths)), lengths)[at]
    columns = at - (np.cumsum(lengths) - lengths)[rows]
    seen = (spans.starts[rows] <= columns) & (columns < spans.stops[rows])
    rows, columns, drawn = rows[seen], columns[seen], x[at[seen]]
    places = texts.starts[draws.source[rows]] + columns
    which = np.searchsorted(bounds[1:], drawn, side="right")
    found = [NO_HITS]
    for i, op in enumerate(WORD_OPS.values()):
        mine = np.flatnonzero(which == i)
        if len(mine):
            inner = np.minimum((drawn[mine] - bounds[i]) / rates[i], _BELOW_ONE)
            words = pa.array(op.replace(texts.flat, places[mine], inner, vocabulary), pa.string())
            new = pc.not_equal(words, texts.words.take(pa.array(places[mine]))).to_numpy(zero_copy_only=False)
            stays = np.flatnonzero(new)
            stays = stays[~sticking(texts, places[mine[stays]], words.take(pa.array(stays)))]
            found.append(Hits(rows[mine], columns[mine], which[mine], words).take(stays))
    return _concat(found)


def _concat(hits: list[Hits]) -> Hits:
    rows, columns, which = (np.concatenate([getattr(h, name) for h in hits]) for name in ("rows", "columns", "which"))
    return Hits(rows, columns, which, pa.concat_arrays([h.words for h in hits]))


def _cut(u: np.ndarray, source: np.ndarray, lengths: np.ndarray, config: AugmentConfig) -> tuple[Spans, np.ndarray]:
    """Apply the cuts one after the other to texts of `lengths` words; return spans and changed bits, int64 [R]."""
    starts = np.zeros(len(u), np.int64)
    bits = np.zeros(len(u), np.int64)
    draws = 0
    for i, op in enumerate(CUT_OPS.values()):
        first, last = op.spans(u[:, draws : draws + op.draws], lengths, config)
        bits |= (last - first < lengths).astype(np.int64) << (len(WORD_OPS) + i)
        starts, lengths = starts + first, last - first
        draws += op.draws
    return Spans(source, starts, starts + lengths), bits
