"""Queries, keys and values of a forward pass, as the attention kernel gets them. Model + layers -> tensors.

transformers hands every attention to a kernel found by name (`AttentionInterface`). Two names are added, which keep
what passes through and then call the model's own kernel: no module is hooked, no number of the model changes.

What is kept comes after rotary positions and with the model's own scale folded into the queries, so that for every
teacher softmax(Q Kᵀ / √size), over the real sub-words (and the `window` of a local layer), is its own attention.
Shapes: B rows of the batch, H heads, T sub-words, size numbers of a head.
"""

import math
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import AttentionInterface
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from data.errors import PotstillError

NAME = "potstill_capture"
KERNELS = ("sdpa", "eager")
# What a kernel may be given that makes its attention more than a function of queries and keys.
BIASES = ("position_bias", "softcap", "s_aux")
HINT = "leave q, k and v out: logits, cls, mean, hidden and gram can be had of every encoder"


@dataclass
class Capture:
    """What the attentions of one forward pass were given: ("q", layer) -> [B, T, H x size]. Layers count from 1."""

    layers: frozenset[int]
    calls: int = 0
    taken: dict[tuple[str, int], torch.Tensor] = field(default_factory=dict)


CURRENT: ContextVar[Capture | None] = ContextVar(NAME, default=None)


def check_capture(model: Any) -> None:
    """Refuse a model whose attention is not found by name (DeBERTa's is of its own kind), before it computes."""
    if not type(model)._can_set_attn_implementation() or model.config._attn_implementation not in KERNELS:
        raise PotstillError(f"{type(model).__name__} does not hand out queries, keys and values", hint=HINT)


@contextmanager
def watched(model: Any) -> Iterator[None]:
    """Have the model's attentions look for a capture while the block runs. Errors: see `check_capture`."""
    check_capture(model)
    kernel = model.config._attn_implementation
    model.set_attn_implementation(f"{NAME}_{kernel}")
    try:
        yield
    finally:
        model.set_attn_implementation(kernel)


@contextmanager
def capture(model: Any, layers: Collection[int]) -> Iterator[Capture]:
    """Keep queries, keys and values of the named layers of one forward pass of a `watched` model, in this thread.

    Errors: a model with another number of attentions than of layers; an attention that is not softmax(Q Kᵀ / √size).
    """
    captured = Capture(frozenset(layers))
    before = CURRENT.set(captured)
    try:
        yield captured
    finally:
        CURRENT.reset(before)
    if layers and captured.calls != model.config.num_hidden_layers:
        raise PotstillError(
            f"{type(model).__name__} has {captured.calls} attentions in {model.config.num_hidden_layers} layers",
            hint=HINT,
        )


def _keeping(kernel: str) -> Callable[..., Any]:
    """Make the attention function that keeps what the current capture wants and calls `kernel`."""

    def attend(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **options: Any) -> Any:
        captured = CURRENT.get()
        if captured is not None:
            captured.calls += 1
            if captured.calls in captured.layers:
                _refuse_bias(module, options)
                tensors = {"q": _scaled(query, options.get("scaling")), "k": key, "v": value}
                captured.taken |= {  # [B, T, H x size]: heads side by side, as the model's own linear layers put them
                    (name, captured.calls): tensor.transpose(1, 2).flatten(2) for name, tensor in tensors.items()
                }
        function = ALL_ATTENTION_FUNCTIONS.get(kernel) or sys.modules[type(module).__module__].eager_attention_forward
        return function(module, query, key, value, attention_mask, **options)

    return attend


def _refuse_bias(module: Any, options: dict[str, Any]) -> None:
    biases = [name for name in BIASES if options.get(name) is not None]
    causal = options.get("is_causal")
    if getattr(module, "is_causal", False) if causal is None else causal:
        biases.append("a causal mask")
    if biases:
        raise PotstillError(f"{type(module).__name__} adds {', '.join(biases)} to the products of q and k", hint=HINT)


def _scaled(query: torch.Tensor, scaling: float | None) -> torch.Tensor:
    """Fold another scale than 1 / √size into the queries."""
    usual = query.shape[-1] ** -0.5
    if scaling is None or math.isclose(scaling, usual, rel_tol=1e-6):
        return query
    return query * (scaling / usual)


for _kernel in KERNELS:
    AttentionInterface.register(f"{NAME}_{_kernel}", _keeping(_kernel))
    AttentionMaskInterface.register(f"{NAME}_{_kernel}", ALL_MASK_ATTENTION_FUNCTIONS[_kernel])
