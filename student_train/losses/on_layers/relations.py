"""How queries, keys and values of a row relate to each other (MiniLM, Wang et al. 2020; MiniLMv2 2021; ERNIE-Tiny)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from data.errors import PotstillError
from student_train.batch import Batch
from student_train.losses.layers import check_rule
from student_train.losses.loss import Given, Needs
from student_train.losses.on_layers.states import by_head, log_attention, of_layer, real
from student_train.outputs import Outputs

TYPES = ("qq", "kk", "vv", "qk")


@dataclass(frozen=True)
class Relations:
    """KL divergence of softmax(A Bᵀ / √size), the teacher's from the student's, a mean over heads and sub-words.

    A and B are queries, keys or values of all heads side by side, cut anew into `heads` relation heads: so neither the
    widths nor the attention heads of the two need be equal. Summed over the types.

    types   which pairs A, B: qq, kk and vv (MiniLMv2), or qk and vv (MiniLM, ERNIE-Tiny)
    heads   relation heads: a number that divides both widths
    layers  which of the mapped layers: last, all but the embeddings (upper) or inner
    """

    weight: float = 1.0
    types: tuple[str, ...] = ("qq", "kk", "vv")
    heads: int = 12
    layers: str = "last"

    kinds = ()

    def __post_init__(self) -> None:
        check_rule(self.layers)
        if self.layers == "all":
            raise PotstillError("relations: the embeddings have no queries", hint="layers: upper, inner, last")
        if not self.types or not set(self.types) <= set(TYPES) or self.heads < 1:
            raise PotstillError(
                f"relations: types {', '.join(self.types) or 'none'} with {self.heads} heads",
                hint=f"types: {', '.join(TYPES)}; heads: 1 or more",
            )

    @property
    def needs(self) -> Needs:
        return Needs(
            tuple(sorted({letter for pair in self.types for letter in pair})),
            layers=self.layers,
            attention=True,
            heads=self.heads,
        )

    def formula(self, student: Outputs, batch: Batch, given: Given) -> Tensor:
        mask = real(batch)  # [B, T]
        total = mask.new_zeros(())
        for ours, theirs in given.pairs:
            for first, second in map(tuple, self.types):
                got, wanted = (
                    log_attention(
                        by_head(of_layer(outputs, first, layer), self.heads),
                        by_head(of_layer(outputs, second, layer), self.heads),
                        mask,
                    )
                    for outputs, layer in ((student, ours), (batch.told, theirs))
                )  # [B, R, T, T]
                difference = torch.where(mask[:, None, None, :] > 0, wanted.exp() * (wanted - got), 0.0)
                rows = (difference.sum(-1) * mask[:, None, :]).sum((1, 2))  # [B]
                total = total + (rows / (self.heads * mask.sum(1))).mean()
        return total
