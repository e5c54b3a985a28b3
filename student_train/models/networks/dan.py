"""A deep averaging network (Iyyer et al. 2015): no recurrence, no order; the maximum stands beside the mean."""

from dataclasses import dataclass

import torch
from torch import nn

from student_train.batch import Inputs
from student_train.models.networks.embedding import WordEmbedding
from student_train.models.networks.pooling import compared, compared_width, mean_and_max
from student_train.models.shape import Shape
from student_train.outputs import Outputs


@dataclass(frozen=True)
class DANShape(Shape):
    """dense: ReLU layer; dropout: on the pooled vectors and before the last layer."""

    dense: int
    dropout: float = 0.1


class DAN(nn.Module):
    """word vectors -> mean and maximum over the text -> ReLU layer -> logits; two texts are compared before the layer.

    Parameters without the table, D-d vectors, dense H, C classes: (2D + 1)·H + (H + 1)·C; for pairs (8D + 1)·H + ….
    """

    def __init__(self, shape: DANShape) -> None:
        super().__init__()
        self.embedding = WordEmbedding(shape.vocabulary, shape.dimensions)
        self.dense = nn.Linear(compared_width(2 * self.embedding.width, shape.texts), shape.dense)
        self.head = nn.Linear(shape.dense, shape.classes)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, inputs: Inputs) -> Outputs:
        pooled = [
            mean_and_max(self.embedding(ids), lengths) for ids, lengths in zip(inputs.ids, inputs.lengths, strict=True)
        ]
        return Outputs(self.head(self.dropout(torch.relu(self.dense(self.dropout(compared(pooled)))))))
