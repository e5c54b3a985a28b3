"""Keep one n-gram of a text and drop the rest: n uniform from 1 to `ngram_max`, start uniform.

A text of fewer than n words is kept whole. Some other implementations keep the text without the n-gram, or never choose
the last position; a test checks both.
"""

import numpy as np

from augment.config import AugmentConfig
from augment.ops.op import CutOp


def spans(u: np.ndarray, lengths: np.ndarray, config: AugmentConfig) -> tuple[np.ndarray, np.ndarray]:
    """Draw (whether, n, start) from u [K, 3]; a row that is not cut keeps (0, its length)."""
    n = np.minimum(1 + (u[:, 1] * config.ngram_max).astype(np.int64), lengths)
    n = np.where(u[:, 0] < config.p_ng, n, lengths)
    starts = (u[:, 2] * (lengths - n + 1)).astype(np.int64)
    return starts, starts + n


OP = CutOp(3, spans)
