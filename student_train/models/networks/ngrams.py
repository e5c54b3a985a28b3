"""Hashed n-grams of a text's words or sub-words: the features of TF-IDF, fastText and Model2Vec, learnt from a teacher.

What an n-gram is follows from the vocabulary: of sub-words, or with `vocabulary = words` of words. Hashes are computed
from the ids by integer arithmetic below 2^52, so that they are the same on every machine and in every runtime.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from student_train.batch import Inputs
from student_train.models.networks.network import Network
from student_train.models.networks.pooling import compared_width, real_places
from student_train.models.shape import Shape
from student_train.outputs import Outputs

MODULUS, FACTOR, MIX = (1 << 31) - 1, 1_000_003, 1_640_531  # a prime, and factors below 2^21


@dataclass(frozen=True)
class WideShape(Shape):
    """buckets: rows of the table of n-grams; ngrams: the longest n-gram."""

    buckets: int = 1 << 18
    ngrams: int = 3


@dataclass(frozen=True)
class BagShape(Shape):
    """dense: ReLU layer; dropout: before it and before the last layer; width: of an n-gram's vector."""

    dense: int
    dropout: float = 0.1
    buckets: int = 1 << 18
    ngrams: int = 3
    width: int = 64


class NGrams(nn.Module):
    """Sum of the vectors of a text's n-grams, divided by the root of their number: ids [B, T] -> [B, width].

    The table's gradient is sparse: a step pays for the n-grams that it meets.
    """

    def __init__(self, buckets: int, width: int, longest: int, *, deviation: float) -> None:
        super().__init__()
        self.longest = longest
        self.table = nn.Embedding(buckets, width, sparse=True)
        nn.init.normal_(self.table.weight, std=deviation) if deviation else nn.init.zeros_(self.table.weight)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        rows, real = hashed(ids, lengths, longest=self.longest, buckets=self.table.num_embeddings)
        weights = real / real.sum(dim=1, keepdim=True).sqrt()  # [B, G]
        return nn.functional.embedding_bag(
            rows, self.table.weight, mode="sum", sparse=True, per_sample_weights=weights.to(self.table.weight.dtype)
        )


def hashed(ids: Tensor, lengths: Tensor, *, longest: int, buckets: int) -> tuple[Tensor, Tensor]:
    """Table rows of all n-grams of 1 … `longest` ids, int64 [B, G], and which of them are real, bool [B, G].

    ids: [B, T]; an n-gram that reaches into the padding is not real and has row 0.
    """
    size = ids.shape[1]
    state, found = torch.zeros_like(ids), []
    for n in range(1, min(longest, size) + 1):
        state = (state[:, : size - n + 1] * FACTOR + ids[:, n - 1 :] + n) % MODULUS  # of the n-gram from each place on
        found.append(state * MIX % MODULUS % buckets)
    real = torch.cat([real_places(lengths - n, rows.shape[1]) for n, rows in enumerate(found)], dim=1)
    return torch.cat(found, dim=1) * real, real


class Wide(nn.Module):
    """n-grams -> logits: a linear model that begins with zeros. Parameters: buckets·C of the table, C besides."""

    def __init__(self, shape: WideShape) -> None:
        super().__init__()
        self.ngrams = NGrams(shape.buckets, shape.classes, shape.ngrams, deviation=0.0)
        self.bias = nn.Parameter(torch.zeros(shape.classes))

    def forward(self, inputs: Inputs) -> Outputs:
        return Outputs(self.ngrams(inputs.ids[0], inputs.lengths[0]) + self.bias)


class Bag(Network):
    """n-grams -> vectors of 64 numbers -> ReLU layer -> logits; two texts are compared before the layer.

    Parameters without the table, width W, dense H, C classes: (W + 1)·H + (H + 1)·C; for pairs (4W + 1)·H + ….
    """

    drop_vectors = True

    def __init__(self, shape: BagShape) -> None:
        super().__init__()
        self.ngrams = NGrams(shape.buckets, shape.width, shape.ngrams, deviation=0.1)
        self.finish(compared_width(shape.width, shape.texts), shape.dense, shape.classes, shape.dropout)

    def encode(self, ids: Tensor, lengths: Tensor) -> Tensor:
        bag: Tensor = self.ngrams(ids, lengths)
        return bag
