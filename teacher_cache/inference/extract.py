"""Compute the stored columns from the teacher's forward pass, on the device, before anything is copied off it.

Shapes: B rows of the batch, T sub-words, C classes, D hidden width, H heads, L layers (0 is the embedding output).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from data.errors import BAD_DATA, PotstillError
from data.schema import split_signal
from teacher_cache.inference.attention import capture

LARGEST_HALF = 65_504.0  # largest number a float16 holds
ATTENTION = ("q", "k", "v")

Extract = Callable[[Any, torch.Tensor | None, int], torch.Tensor]


@dataclass(frozen=True)
class Said:
    """The results of one forward pass. attention: ("q", layer) -> [B, T, H x size] of the requested layers."""

    logits: torch.Tensor
    hidden_states: tuple[torch.Tensor, ...]
    input_ids: torch.Tensor | None
    attention: dict[tuple[str, int], torch.Tensor]


def logits(outputs: Any, mask: torch.Tensor | None, layer: int) -> torch.Tensor:
    """Raw scores, float32: [B, C]; [B, T, C] for models that score every sub-word."""
    return outputs.logits.float()


def input_ids(outputs: Any, mask: torch.Tensor | None, layer: int) -> torch.Tensor:
    """The input ids, [B, T, 1]."""
    return outputs.input_ids.unsqueeze(-1)


def cls(outputs: Any, mask: torch.Tensor | None, layer: int) -> torch.Tensor:
    """Hidden state of the first token, [B, D]."""
    return outputs.hidden_states[layer][:, 0]


def mean(outputs: Any, mask: torch.Tensor | None, layer: int) -> torch.Tensor:
    """Mean of the hidden states over real sub-words (special tokens included), float32 [B, D]."""
    hidden = outputs.hidden_states[layer].float()  # [B, T, D]
    if mask is None:
        return hidden.mean(dim=1)
    weights = mask.unsqueeze(-1).float()  # [B, T, 1]
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1)


def hidden(outputs: Any, mask: torch.Tensor | None, layer: int) -> torch.Tensor:
    """Hidden states, [B, T, D]."""
    return outputs.hidden_states[layer]


def query(outputs: Any, mask: torch.Tensor | None, layer: int) -> torch.Tensor:
    """Queries, [B, T, H x size]."""
    return outputs.attention["q", layer]


def key(outputs: Any, mask: torch.Tensor | None, layer: int) -> torch.Tensor:
    """Keys, [B, T, key heads x size]."""
    return outputs.attention["k", layer]


def value(outputs: Any, mask: torch.Tensor | None, layer: int) -> torch.Tensor:
    """Values, [B, T, key heads x size]."""
    return outputs.attention["v", layer]


def gram(outputs: Any, mask: torch.Tensor | None, layer: int) -> torch.Tensor:
    """Gram matrix of the hidden states, H Hᵀ, float32 [B, T, T], from the states before any rounding."""
    states = outputs.hidden_states[layer].float()  # [B, T, D]
    return states @ states.mT


EXTRACT: dict[str, Extract] = {
    "logits": logits,
    "input_ids": input_ids,
    "cls": cls,
    "mean": mean,
    "hidden": hidden,
    "q": query,
    "k": key,
    "v": value,
    "gram": gram,
}


def extract(model: Any, batch: dict[str, torch.Tensor], columns: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """Run the teacher on a batch, once; return the requested columns, on the device.

    Each is [B, width] per text, [B, T, width] per token, [B, T, T] per pair of tokens; values at padding are undefined.
    The model returns hidden states only if a column needs them; for q, k and v the model must be `watched`.
    """
    layers = {column: split_signal(column)[1] for column in columns}
    names = {column: column.partition(".")[0] for column in columns}
    attended = {layer for column, layer in layers.items() if layer is not None and names[column] in ATTENTION}
    states = any(layer is not None and names[column] not in ATTENTION for column, layer in layers.items())
    with capture(model, attended) as captured:
        outputs = model(**batch, output_hidden_states=states)
    hidden_states = getattr(outputs, "hidden_states", None) or ()
    if states:
        _check_states(model, hidden_states, next(iter(batch.values())), columns)
    said = Said(_scores(outputs), hidden_states, batch.get("input_ids"), captured.taken)
    mask = batch.get("attention_mask")
    return {column: EXTRACT[names[column]](said, mask, layer or 0) for column, layer in layers.items()}


def _check_states(model: Any, states: tuple[torch.Tensor, ...], inputs: torch.Tensor, columns: tuple[str, ...]) -> None:
    """Refuse models without a hidden state for each layer and sub-word: encoder-decoders, pooling between layers."""
    for column in columns:
        name, layer = column.partition(".")[0], split_signal(column)[1]
        if layer is None or name in ATTENTION:
            continue
        if layer >= len(states) or (name != "cls" and states[layer].shape[:2] != inputs.shape):
            raise PotstillError(
                f"{column} cannot be had of {type(model).__name__}: it has no state of each sub-word there",
                hint="--signals logits,input_ids",
                code=BAD_DATA,
            )


def check_range(column: str, values: torch.Tensor) -> None:
    """Refuse numbers above the range of float16: they would be stored as infinity and break every student."""
    largest = values[values.isfinite()].abs().max().item() if values.isfinite().any() else 0.0
    if largest > LARGEST_HALF:
        raise PotstillError(
            f"{column} holds {largest:.6g}, above {LARGEST_HALF:.0f}, the largest number of float16 storage",
            hint="leave this layer out (--layers)",
            code=BAD_DATA,
        )


def _scores(outputs: Any) -> torch.Tensor:
    """Return a model's logits; for a span model its start and end logits stacked."""
    if getattr(outputs, "start_logits", None) is not None:
        return torch.stack([outputs.start_logits, outputs.end_logits], dim=-1)  # [B, T, 2]
    return outputs.logits
