"""Replace a word by one of the same part of speech, drawn in proportion to its frequency in the texts.

The draw may return the word itself, as in the paper: a frequent word is kept more often than a rare one.
"""

import numpy as np

from augment.ops.op import WordOp
from augment.tagged import Tagged
from augment.vocabulary import Vocabulary


def replace(text: Tagged, positions: np.ndarray, u: np.ndarray, vocabulary: Vocabulary | None) -> list[str]:
    """Draw a word of the same tag for every hit; without tags the words stay."""
    if vocabulary is None or not text.tags:
        return [text.words[i] for i in positions.tolist()]
    return vocabulary.pick([text.tags[i] for i in positions.tolist()], u)


OP = WordOp(lambda config: config.p_pos, replace)
