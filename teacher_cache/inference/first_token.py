"""Compute the last layer of an encoder for the first token only, if no column needs the other tokens.

A sequence classifier of the BERT family computes its scores from the first token. Its last layer then needs keys and
values of all tokens, but query, output and feed-forward of one: 2 D² of 12 D² multiplications per token. That saves a
twelfth of BERT-base's work and a seventh of MiniLM-L6's. The answers are the same except for rounding.
Shapes: B rows of the batch, H heads, T sub-words, D hidden width.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

from data.schema import split_signal

# Post-norm layers of one make: attention.self, attention.output, intermediate, output; scores from the first token.
FAMILIES = ("bert", "camembert", "electra", "roberta", "xlm-roberta")
OF_TEXT = ("logits", "input_ids", "cls")  # signals that need the last layer of the first token only
OF_LAYER = ("hidden", "mean", "gram")  # signals that need all tokens of their layer


def first_token_serves(model: Any, columns: Collection[str]) -> bool:
    """Tell whether the columns can be computed with the last layer for the first token only."""
    config = model.config
    if config.model_type not in FAMILIES or not type(model).__name__.endswith("ForSequenceClassification"):
        return False
    if config.is_decoder or config.chunk_size_feed_forward or config.add_cross_attention:
        return False
    return all(_serves(column, config.num_hidden_layers) for column in columns)


@contextmanager
def first_token_only(model: Any) -> Iterator[None]:
    """Compute the model's last layer for the first token only during a block; its last hidden state is [B, 1, D]."""
    layer = model.base_model.encoder.layer[-1]
    layer.forward = _short(layer)
    try:
        yield
    finally:
        del layer.forward


def _serves(column: str, depth: int) -> bool:
    """Tell whether a column needs no other token of the last layer."""
    name, layer = column.partition(".")[0], split_signal(column)[1]
    return name in OF_TEXT or (name in OF_LAYER and layer is not None and layer < depth)


def _short(layer: Any) -> Callable[..., torch.Tensor]:
    attention = layer.attention.self

    def heads(states: torch.Tensor) -> torch.Tensor:
        return states.unflatten(-1, (-1, attention.attention_head_size)).transpose(1, 2)  # [B, H, T, size]

    def forward(hidden: torch.Tensor, mask: torch.Tensor | None = None, *_: Any, **options: Any) -> torch.Tensor:
        mask = options.get("attention_mask", mask)
        first = hidden[:, :1]
        mixed = scaled_dot_product_attention(
            heads(attention.query(first)),
            heads(attention.key(hidden)),
            heads(attention.value(hidden)),
            attn_mask=None if mask is None else mask[..., :1, :],
        )
        attended = layer.attention.output(mixed.transpose(1, 2).flatten(2), first)
        return layer.output(layer.intermediate(attended), attended)  # [B, 1, D]

    return forward
