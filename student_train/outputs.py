"""What a model says of a batch, student or teacher alike, so that every loss is symmetric.

Legend of shapes, used in every docstring of this room:
B batch, T sub-words (or words) of the longest row, W words, C classes, D width, H heads, L layers, R relation heads.
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Outputs:
    """Signals of one batch; the field names are those of `data.schema.SIGNALS`.

    logits  [B, C] float32 raw scores
    cls     layer -> [B, D] state of the first token
    mean    layer -> [B, D] mean state over real tokens
    """

    logits: Tensor
    cls: dict[int, Tensor] | None = None
    mean: dict[int, Tensor] | None = None
