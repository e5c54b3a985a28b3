"""One side of one original -> its edited texts, one per draw k. Pure: words, a key and the rules in, texts out."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from augment.config import AugmentConfig
from augment.draw import uniforms
from augment.ops import CUT_OPS, OPS, WORD_OPS
from augment.tagged import Tagged
from augment.vocabulary import Vocabulary
from data.example import MASK

# What an edit changed is a set of bits, one per operation: OP_NAMES[bits] is its name ("mask+ngram"; 0: nothing).
OP_NAMES = tuple("+".join(name for i, name in enumerate(OPS) if bits >> i & 1) for bits in range(1 << len(OPS)))
_BELOW_ONE = 1 - 2.0**-53  # rounding must not push a draw out of its interval
_CUT_DRAWS = sum(op.draws for op in CUT_OPS.values())


class Edited(NamedTuple):
    """One edited text: its words joined, what changed (index of OP_NAMES), and whether nothing but masks is left.

    A tuple, because a frozen dataclass takes four times as long to make, and millions are made.
    """

    text: str
    changed: int
    all_mask: bool


@dataclass(frozen=True, slots=True)
class Hits:
    """The words that word operations hit, in reading order of (row, column): columns, new words, operation bits."""

    ends: list[int]
    columns: list[int]
    words: list[str]
    bits: list[int]


def edit(
    text: Tagged, key: int, ks: np.ndarray, *, config: AugmentConfig, vocabulary: Vocabulary | None
) -> list[Edited]:
    """Make the edited texts of the draws `ks` (uint64 [K]); every row depends on (key, k) only."""
    u = uniforms(key, ks, _CUT_DRAWS + len(text.words))  # slots: the cuts' draws, then one draw a word
    hits = _hit_words(text, u[:, _CUT_DRAWS:], config, vocabulary)
    starts, stops, cut = _cut(u[:, :_CUT_DRAWS], len(text.words), config)
    pieces = [blank + word for blank, word in zip(text.blanks, text.words, strict=True)]
    edited, at = [], 0
    for start, stop, bits, end in zip(starts.tolist(), stops.tolist(), cut.tolist(), hits.ends, strict=True):
        row = pieces[start:stop]
        masked = 0
        for column, word, bit in zip(hits.columns[at:end], hits.words[at:end], hits.bits[at:end], strict=True):
            if start <= column < stop and word != text.words[column]:
                row[column - start] = text.blanks[column] + word
                bits |= bit
                masked += word == MASK
        at = end
        edited.append(Edited("".join(row).lstrip(" "), bits, masked == stop - start))
    return edited


def _hit_words(text: Tagged, x: np.ndarray, config: AugmentConfig, vocabulary: Vocabulary | None) -> Hits:
    """Share every word's ONE draw x [K, L] among the word operations, so that they exclude each other.

    Within an operation's interval the draw is uniform again: it also decides which word comes instead.
    """
    rates = [op.rate(config) for op in WORD_OPS.values()]
    bounds = np.cumsum([0.0, *rates])
    rows, columns = np.nonzero(x < bounds[-1])
    drawn = x[rows, columns]
    which = np.searchsorted(bounds[1:], drawn, side="right")
    words = [""] * len(drawn)
    for i, op in enumerate(WORD_OPS.values()):
        mine = np.flatnonzero(which == i)
        if len(mine):
            inner = np.minimum((drawn[mine] - bounds[i]) / rates[i], _BELOW_ONE)
            for j, word in zip(mine.tolist(), op.replace(text, columns[mine], inner, vocabulary), strict=True):
                words[j] = word
    ends = np.searchsorted(rows, np.arange(len(x)), side="right")
    return Hits(ends.tolist(), columns.tolist(), words, (1 << which).tolist())


def _cut(u: np.ndarray, length: int, config: AugmentConfig) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Apply the cuts one after the other to texts of `length` words: starts, stops and changed bits, int64 [K]."""
    starts = np.zeros(len(u), np.int64)
    lengths = np.full(len(u), length, np.int64)
    bits = np.zeros(len(u), np.int64)
    draws = 0
    for i, op in enumerate(CUT_OPS.values()):
        first, last = op.spans(u[:, draws : draws + op.draws], lengths, config)
        bits |= (last - first < lengths).astype(np.int64) << (len(WORD_OPS) + i)
        starts, lengths = starts + first, last - first
        draws += op.draws
    return starts, starts + lengths, bits
