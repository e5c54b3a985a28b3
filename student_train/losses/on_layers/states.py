"""States of a model in a batch, in float32, and which of their places are sub-words."""

import torch
from torch import Tensor

from student_train.batch import Batch
from student_train.outputs import Outputs


def states_of(outputs: Outputs, layer: int) -> Tensor:
    """States of all sub-words of a layer, [B, T, D]."""
    assert outputs.hidden is not None, "a loss on states got outputs without them"
    return outputs.hidden[layer].float()


def first_of(outputs: Outputs, layer: int) -> Tensor:
    """States of the first sub-word of a layer, [B, D]: those that a cache holds as `cls`."""
    return states_of(outputs, layer)[:, 0] if outputs.cls is None else outputs.cls[layer].float()


def real(batch: Batch) -> Tensor:
    """1 where a row has a sub-word, 0 behind its end: [B, T] float32."""
    ids, lengths = batch.inputs.ids[0], batch.inputs.lengths[0]
    return (torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]).float()


def distance(ours: Tensor, theirs: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error of states [B, T, D] over sub-words and numbers. mask: [B, T]."""
    return ((ours - theirs) ** 2 * mask[..., None]).sum() / (mask.sum() * theirs.shape[-1])


def of_layer(outputs: Outputs, name: str, layer: int) -> Tensor:
    """Queries ("q"), keys ("k") or values ("v") of a layer, all heads side by side, [B, T, D]."""
    held = getattr(outputs, name)
    assert held is not None, f"a loss on {name} got outputs without it"
    return held[layer].float()


def by_head(values: Tensor, heads: int) -> Tensor:
    """Cut [B, T, D] into heads: [B, H, T, D / H]."""
    return values.unflatten(-1, (heads, -1)).transpose(1, 2)


def scores(first: Tensor, second: Tensor) -> Tensor:
    """A Bᵀ / √size of each head: [B, H, T, T]."""
    return first @ second.mT / first.shape[-1] ** 0.5


def log_attention(first: Tensor, second: Tensor, mask: Tensor) -> Tensor:
    """log softmax of the scores over the sub-words that there are, [B, H, T, T]. mask: [B, T]."""
    return scores(first, second).masked_fill(mask[:, None, None, :] < 0.5, -1e9).log_softmax(-1)
