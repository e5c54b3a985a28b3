"""The embedding layer of a student: one tuned table, and with `multichannel` also a static copy."""

import torch
from torch import Tensor, nn


class WordEmbedding(nn.Module):
    """Look up ids in a tuned table, and beside it in a frozen copy of the same vectors (Kim 2014, Tang 2019).

    The tuned table's gradient is sparse: a step must not pay for words it did not meet. Row 0 is padding; nothing
    reads what it holds. Output width is D, or 2·D with `multichannel`.
    """

    def __init__(self, size: int, dimensions: int, *, multichannel: bool = False) -> None:
        super().__init__()
        self.tuned = nn.Embedding(size, dimensions, sparse=True)
        nn.init.normal_(self.tuned.weight, std=0.1)
        self.static: Tensor | None
        self.register_buffer("static", self.tuned.weight.detach().clone() if multichannel else None)

    @property
    def width(self) -> int:
        return self.tuned.embedding_dim * (1 if self.static is None else 2)

    @torch.no_grad()
    def fill(self, table: Tensor) -> None:
        """Start both copies from `table` [V, D]."""
        self.tuned.weight.copy_(table)
        if self.static is not None:
            self.static.copy_(table)

    def forward(self, ids: Tensor) -> Tensor:
        """ids [B, T] -> vectors [B, T, D or 2·D]."""
        tuned = self.tuned(ids)
        if self.static is None:
            return tuned
        return torch.cat([tuned, nn.functional.embedding(ids, self.static)], dim=-1)
