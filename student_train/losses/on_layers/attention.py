"""Attention before and after its softmax, layer by layer (TinyBERT, Jiao et al. 2020; TextBrewer's four forms)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from data.errors import PotstillError
from student_train.batch import Batch
from student_train.losses.layers import check_rule
from student_train.losses.loss import Given, Needs
from student_train.losses.on_layers.states import by_head, of_layer, real, scores
from student_train.outputs import Outputs


def squared(ours: Tensor, theirs: Tensor, both: Tensor) -> Tensor:
    """Squared difference of scores [B, H, T, T], a mean over heads and places. both: [B, 1, T, T]."""
    return ((ours - theirs) ** 2 * both).sum() / (both.sum() * ours.shape[1])


def squared_sums(ours: Tensor, theirs: Tensor, both: Tensor) -> Tensor:
    """The same of the sums over heads: the two may have different numbers of them."""
    return ((ours.sum(1) - theirs.sum(1)) ** 2 * both[:, 0]).sum() / both.sum()


def crossed(ours: Tensor, theirs: Tensor, both: Tensor) -> Tensor:
    """Cross-entropy of the attention, a mean over heads and rows of it. Least, not zero, where both are equal."""
    hidden = both < 0.5
    wanted = theirs.masked_fill(hidden, -torch.inf).softmax(-1).nan_to_num()
    got = ours.masked_fill(hidden, -1e9).log_softmax(-1)
    rows = both.amax(-1)  # [B, 1, T]
    return -(wanted * got * both).sum() / (rows.sum() * ours.shape[1])


def crossed_means(ours: Tensor, theirs: Tensor, both: Tensor) -> Tensor:
    """The same of the mean of the heads' scores."""
    return crossed(ours.mean(1, keepdim=True), theirs.mean(1, keepdim=True), both)


FORMS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "mse": squared,
    "mse_sum": squared_sums,
    "ce": crossed,
    "ce_mean": crossed_means,
}
EQUAL_HEADS = ("mse", "ce")  # forms that compare head with head


@dataclass(frozen=True)
class AttentionMSE:
    """Difference of the attention scores Q Kᵀ / √size of the mapped layers, summed over them.

    form    mse (TinyBERT) and ce compare head with head, mse_sum and ce_mean take the heads together
    layers  which of the mapped layers: all but the embeddings (upper), inner or last
    """

    weight: float = 1.0
    form: str = "mse"
    layers: str = "upper"

    kinds = ()

    def __post_init__(self) -> None:
        check_rule(self.layers)
        if self.layers == "all":
            raise PotstillError("attention_mse: the embeddings have no attention", hint="layers: upper, inner, last")
        if self.form not in FORMS:
            raise PotstillError(f"no attention_mse form {self.form!r}", hint=f"forms: {', '.join(FORMS)}")

    @property
    def needs(self) -> Needs:
        return Needs(("q", "k"), layers=self.layers, attention=True, equal_heads=self.form in EQUAL_HEADS)

    def formula(self, student: Outputs, batch: Batch, given: Given) -> Tensor:
        mask = real(batch)  # [B, T]
        both = (mask[:, :, None] * mask[:, None, :])[:, None]  # [B, 1, T, T]
        total = mask.new_zeros(())
        for ours, theirs in given.pairs:
            made, told = (
                scores(by_head(of_layer(said, "q", layer), heads), by_head(of_layer(said, "k", layer), heads))
                for said, layer, heads in ((student, ours, given.heads[0]), (batch.told, theirs, given.heads[1]))
            )
            total = total + FORMS[self.form](made, told, both)
        return total
