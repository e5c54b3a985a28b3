"""From the states of a text's words to one vector, and from the vectors of two texts to what is alike in them."""

import torch
from torch import Tensor


def real_places(lengths: Tensor, longest: int) -> Tensor:
    """Which places of a padded batch hold a word: lengths [B] -> bool [B, T]."""
    return torch.arange(longest, device=lengths.device) < lengths[:, None]


def mean_and_max(states: Tensor, lengths: Tensor) -> Tensor:
    """Mean and maximum over the real places of each row: [B, T, D] and lengths [B] -> [B, 2·D]."""
    real = real_places(lengths, states.shape[1])[..., None]  # [B, T, 1]
    mean = (states * real).sum(dim=1) / lengths[:, None].to(states.dtype)
    return torch.cat([mean, states.masked_fill(~real, float("-inf")).amax(dim=1)], dim=-1)


def compared(vectors: list[Tensor]) -> Tensor:
    """One text's vector [B, S] as it is; of two texts u and v [u, v, u*v, |u-v|] [B, 4·S] (Mou et al. 2016)."""
    if len(vectors) == 1:
        return vectors[0]
    one, two = vectors
    return torch.cat([one, two, one * two, (one - two).abs()], dim=-1)


def compared_width(width: int, texts: int) -> int:
    """How wide `compared` makes vectors of one text, or of two."""
    return width if texts == 1 else 4 * width
