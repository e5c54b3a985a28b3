"""The sub-words of one examples part through the teacher -> what it said of each row, window by window.

Rows are put through longest first and put back in the order of the examples. Memory is two windows of answers
(`windows.py`): of a shard of per-text answers all, of per-token answers some 128 MiB each.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.text.encoding import Tokens
from teacher_cache.inference.align import Words, to_words, words_of
from teacher_cache.inference.forward import Forward
from teacher_cache.inference.windows import plan_windows, rows_of

OnBatch = Callable[[int], None]


@dataclass(frozen=True)
class Answers:
    """The teacher's answers to N rows; tokens and status of each row.

    columns   per text [N, C] float32 or [N, D] float16; per token, all rows behind each other, [S, width]; per pair of
              tokens [P, 1], the lower triangles row by row. Logits per word are [all words, C]
    n_words   words of each row, where logits are per word
    padded    sub-words computed, padding included

    A row that is rejected or not finite holds NaN.
    """

    columns: dict[str, np.ndarray]
    n_tokens: np.ndarray
    status: list[str]
    padded: int
    n_words: np.ndarray | None = None


def answer(
    model: Any,
    tokens: Tokens,
    columns: dict[str, int],
    *,
    filler: int,
    budget: int,
    alone: bool = False,
    on_batch: OnBatch = lambda rows: None,
    words: Words | None = None,
) -> Answers:
    """Compute all rows in batches of at most `budget` sub-words, with all answers in memory.

    columns: name -> width. filler: id of the padding token. alone: a batch holds rows of one length only.
    on_batch: called with the number of rows of each finished batch.
    words: the words of each row, for logits per word of a model that scores every sub-word.
    Rows whose answer is not finite are computed again in float32; if still not finite their status is `nonfinite`.
    """
    return _answer(
        Forward(model, columns, filler, budget, per_word=words is not None, alone=alone), tokens, words, on_batch
    )


def answer_windows(
    model: Any,
    tokens: Tokens,
    columns: dict[str, int],
    groups: Sequence[int],
    *,
    filler: int,
    budget: int,
    alone: bool = False,
    on_batch: OnBatch = lambda rows: None,
    words: Words | None = None,
) -> Iterator[Answers]:
    """Compute a shard window by window; one window is in memory. See `answer` and `plan_windows`."""
    forward = Forward(model, columns, filler, budget, per_word=words is not None, alone=alone)
    for rows in plan_windows(columns, tokens.lengths, groups):
        yield _answer(forward, rows_of(tokens, rows), words and words_of(words, rows), on_batch)


def _answer(forward: Forward, tokens: Tokens, words: Words | None, on_batch: OnBatch) -> Answers:
    columns, status, padded = forward.run(tokens, on_batch)
    n_words = None
    if words is not None:
        n_words = np.diff(words.starts).astype(np.int32)
        columns["logits"] = to_words(columns["logits"], tokens.lengths, words)
    return Answers(columns, tokens.lengths.astype(np.int32), status, padded, n_words)
