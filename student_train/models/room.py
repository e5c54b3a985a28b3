"""Whether a network fits into the memory there is, before a byte of it is taken.

Training holds four numbers for each parameter: weight, gradient and two moments of the optimizer, 16 bytes.
"""

from collections.abc import Callable

import psutil
import torch
from torch import nn

from data.errors import PotstillError

BYTES = 16  # of a parameter in training


def refuse_too_large(build: Callable[[], nn.Module], device: torch.device, *, hint: str) -> None:
    """Build a network on torch's `meta` device and refuse one that is larger than the memory that is free."""
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    try:
        with torch.device("meta"):
            numbers = sum(parameter.numel() for parameter in build().parameters())
    except (RuntimeError, OverflowError, TypeError):  # sizes beyond what torch counts in
        raise PotstillError("the model's sizes are beyond what can be counted", hint=hint) from None
    if numbers * BYTES > free:
        raise PotstillError(
            f"a model of {numbers:,} parameters takes {numbers * BYTES / 1e9:,.1f} GB to train, "
            f"{free / 1e9:,.1f} GB are free on {device}",
            hint=hint,
        )
