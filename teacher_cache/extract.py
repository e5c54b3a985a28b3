"""What is taken from the teacher's forward pass, on the device, before anything is copied off it.

Shapes: B rows of the batch, T sub-words, C classes, D hidden width, L layers (0 is the embedding output).
"""

from collections.abc import Callable
from typing import Any

import torch

from data.errors import BAD_DATA, PotstillError
from data.schema import split_signal

LARGEST_HALF = 65_504.0  # largest number a float16 holds

Extract = Callable[[Any, torch.Tensor | None, int], torch.Tensor]


def logits(outputs: Any, mask: torch.Tensor | None, layer: int) -> torch.Tensor:
    """Raw scores, float32 [B, C]."""
    return outputs.logits.float()


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


EXTRACT: dict[str, Extract] = {"logits": logits, "cls": cls, "mean": mean}


def extract(model: Any, batch: dict[str, torch.Tensor], columns: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """Run the teacher on a batch and take the columns asked for, each [B, C] or [B, D] on the device.

    Hidden states are asked of the model only where a column needs them.
    """
    layers = {column: split_signal(column)[1] for column in columns}
    hidden = any(layer is not None for layer in layers.values())
    outputs = model(**batch, output_hidden_states=hidden)
    mask = batch.get("attention_mask")
    return {column: EXTRACT[column.partition(".")[0]](outputs, mask, layer or 0) for column, layer in layers.items()}


def check_range(column: str, values: torch.Tensor) -> None:
    """Refuse numbers that a float16 cannot hold: stored as infinity they would poison every student."""
    largest = values[values.isfinite()].abs().max().item() if values.isfinite().any() else 0.0
    if largest > LARGEST_HALF:
        raise PotstillError(
            f"{column} holds {largest:.6g}, above {LARGEST_HALF:.0f}, the largest number of float16 storage",
            hint="leave this layer out (--layers)",
            code=BAD_DATA,
        )
