"""What a model says of a batch, student or teacher alike, so that every loss is symmetric.

Legend of shapes, used in every docstring of this room:
B batch, T sub-words (or words) of the longest row, W words, C classes, D width, H heads, L layers, R relation heads.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class Outputs:
    """Signals of one batch; the field names are those of `data.schema.SIGNALS`.

    A cached signal comes as it is stored: most in float16, zeros behind the last sub-word of a row. Sub-words are the
    teacher's own, special tokens included. A layer l is Hugging Face's: 0 is the embedding output.

    logits     [B, C] float32 raw scores
    cls        layer -> [B, D] state of the first token
    mean       layer -> [B, D] mean state over real tokens
    input_ids  [B, T] int64 the teacher's sub-words
    hidden     layer -> [B, T, D] states of all sub-words; of layer 0 what the first layer reads
    q, k, v    layer -> [B, T, D] queries, keys and values of all heads side by side
    gram       layer -> [B, T, T] float32 inner products of the states
    """

    logits: Tensor
    cls: dict[int, Tensor] | None = None
    mean: dict[int, Tensor] | None = None
    input_ids: Tensor | None = None
    hidden: dict[int, Tensor] | None = None
    q: dict[int, Tensor] | None = None
    k: dict[int, Tensor] | None = None
    v: dict[int, Tensor] | None = None
    gram: dict[int, Tensor] | None = None

    def to(self, device: torch.device) -> "Outputs":
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def of_rows(self, rows: slice) -> "Outputs":
        """The signals of some rows of the batch."""
        return self._each(lambda tensor: tensor[rows])

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Outputs":
        made = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, dict):
                value = {layer: change(tensor) for layer, tensor in value.items()}
            elif value is not None:
                value = change(value)
            made[field.name] = value
        return Outputs(**made)
