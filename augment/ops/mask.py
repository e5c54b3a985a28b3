"""Mask a word: the teacher's answer to the text without it shows how much the word matters."""

import numpy as np

from augment.ops.op import WordOp
from augment.tagged import Tagged
from augment.vocabulary import Vocabulary
from data.example import MASK


def replace(text: Tagged, positions: np.ndarray, u: np.ndarray, vocabulary: Vocabulary | None) -> list[str]:
    """Return the mask sentinel for every hit; later phases replace it by the tokenizer's mask token."""
    return [MASK] * len(positions)


OP = WordOp(lambda config: config.p_mask, replace)
