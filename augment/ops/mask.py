"""Mask a word: what the teacher makes of the text without it shows how much the word matters."""

import numpy as np

from augment.ops.op import WordOp
from augment.tagged import Tagged
from augment.vocabulary import Vocabulary
from data.example import MASK


def replace(text: Tagged, positions: np.ndarray, u: np.ndarray, vocabulary: Vocabulary | None) -> list[str]:
    """Put the mask sentinel at every hit; each tokenizer's own mask token takes its place later."""
    return [MASK] * len(positions)


OP = WordOp(lambda config: config.p_mask, replace)
