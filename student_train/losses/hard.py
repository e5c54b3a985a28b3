"""Losses against gold labels; rows without a label count for nothing."""

import torch
import torch.nn.functional as F
from torch import Tensor


def cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """Mean over labelled rows of -log softmax(z)[y]; zero (with a gradient of zero) where no row has a label.

    logits: [B, C]; label: [B] int64, -100 where unknown.
    """
    total = F.cross_entropy(logits.float(), label, ignore_index=-100, reduction="sum")
    return total / (label != -100).sum().clamp(min=1)


def mean_squared_error(logits: Tensor, label: Tensor) -> Tensor:
    """Mean over labelled rows of (z - y)²; zero where no row has a label.

    logits: [B, 1]; label: [B] float32, NaN where unknown.
    """
    known = ~torch.isnan(label)
    error = torch.where(known, logits[:, 0].float() - torch.nan_to_num(label), 0.0)  # [B]
    return (error**2).sum() / known.sum().clamp(min=1)


HARD_LOSSES = {"ce": cross_entropy, "mse": mean_squared_error}
