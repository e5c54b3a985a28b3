"""Types of operations on a text. Word operations share one draw a word; cuts come after them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from augment.config import AugmentConfig
from augment.tagged import Tagged
from augment.vocabulary import Vocabulary


@dataclass(frozen=True)
class WordOp:
    """Replace single words. N: the words that were hit, over all rows of many originals.

    rate     config -> probability that a word is hit
    replace  (text, positions int64 [N], u float64 [N] from [0, 1), vocabulary) -> N new words, none of them empty;
             `text` holds the words of all originals one after the other, a position is a word's number in it;
             the vocabulary is None where nothing is tagged
    """

    rate: Callable[[AugmentConfig], float]
    replace: Callable[[Tagged, np.ndarray, np.ndarray, Vocabulary | None], list[str]]


@dataclass(frozen=True)
class CutOp:
    """Keep one contiguous span of a text. K: rows.

    draws  how many uniform draws one row takes
    spans  (u float64 [K, draws], lengths int64 [K], config) -> (starts, stops), int64 [K] each
    """

    draws: int
    spans: Callable[[np.ndarray, np.ndarray, AugmentConfig], tuple[np.ndarray, np.ndarray]]
