"""Capture queries, keys and values of a forward pass as the attention kernel receives them. Model + layers -> tensors.

transformers looks up its attention kernel by name (`AttentionInterface`). Two names are added here whose functions
store their arguments and then call the model's own kernel: no module is hooked, and the model's numbers do not change.

The tensors include rotary positions, and the queries the model's own scale, so that for every teacher its attention is
softmax(Q Kᵀ / √size) over the real sub-words (within `window` for a local layer).
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
# Arguments of a kernel that make its attention depend on more than queries and keys.
BIASES = ("position_bias", "softcap", "s_aux")
HINT = "leave q, k and v out: logits, cls, mean, hidden and gram can be had of every encoder"


@dataclass
class Capture:
    """Tensors captured in one forward pass: ("q", layer) -> [B, T, H x size]. Layers count from 1."""

    layers: frozenset[int]
    calls: int = 0
    taken: dict[tuple[str, int], torch.Tensor] = field(default_factory=dict)


CURRENT: ContextVar[Capture | None] = ContextVar(NAME, default=None)


def check_capture(model: Any) -> None:
    """Refuse a model that does not look up its attention kernel by name (DeBERTa), before it computes."""
    if not type(model)._can_set_attn_implementation() or model.config._attn_implementation not in KERNELS:
        raise PotstillError(f"{type(model).__name__} does not hand out queries, keys and values", hint=HINT)


@contextmanager
def watched(model: Any) -> Iterator[None]:
    """Make the model's attention use the capturing kernels during a block. Errors: see `check_capture`."""
    check_capture(model)
    kernel = model.config._attn_implementation
    model.set_attn_implementation(f"{NAME}_{kernel}")
    try:
        yield
    finally:
        model.set_attn_implementation(kernel)


@contextmanager
def capture(model: Any, layers: Collection[int]) -> Iterator[Capture]:
    """Capture queries, keys and values of these layers in one forward pass of a `watched` model, in this thread.

    Errors: the model calls attention more or less than once a layer; an attention that is not softmax(Q Kᵀ / √size).
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
    """Make an attention function that stores what the current capture asks for and then calls `kernel`."""

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
    """Multiply queries by the model's scale · √size, so that 1 / √size is the scale that remains."""
    usual = query.shape[-1] ** -0.5
    if scaling is None or math.isclose(scaling, usual, rel_tol=1e-6):
        return query
    return query * (scaling / usual)


for _kernel in KERNELS:
    AttentionInterface.register(f"{NAME}_{_kernel}", _keeping(_kernel))
    AttentionMaskInterface.register(f"{NAME}_{_kernel}", ALL_MASK_ATTENTION_FUNCTIONS[_kernel])
