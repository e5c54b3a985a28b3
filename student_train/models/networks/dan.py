"""A deep averaging network (Iyyer et al. 2015): no recurrence, no order; the maximum stands beside the mean."""

from dataclasses import dataclass

from torch import Tensor

from student_train.models.networks.embedding import WordEmbedding
from student_train.models.networks.network import Network
from student_train.models.networks.pooling import compared_width, mean_and_max
from student_train.models.shape import Shape


@dataclass(frozen=True)
class DANShape(Shape):
    """dense: ReLU layer; dropout: on the pooled vectors and before the last layer."""

    dense: int
    dropout: float = 0.1


class DAN(Network):
    """word vectors -> mean and maximum over the text -> ReLU layer -> logits; two texts are compared before the layer.

    Parameters without the table, D-d vectors, dense H, C classes: (2D + 1)·H + (H + 1)·C; for pairs (8D + 1)·H + ….
    """

    drop_vectors = True

    def __init__(self, shape: DANShape) -> None:
        super().__init__()
        self.embedding = WordEmbedding(shape.vocabulary, shape.dimensions)
        width = compared_width(2 * self.embedding.width, shape.texts)
        self.finish(width, shape.dense, shape.classes, shape.dropout)

    def encode(self, ids: Tensor, lengths: Tensor) -> Tensor:
        return mean_and_max(self.embedding(ids), lengths)
