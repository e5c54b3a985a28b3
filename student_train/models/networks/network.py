"""What most students have in common: each text becomes a vector, two are compared, a ReLU layer, logits."""

import torch
from torch import Tensor, nn

from student_train.batch import Inputs
from student_train.models.networks.pooling import compared
from student_train.outputs import Outputs


class Network(nn.Module):
    """A network that ends in a ReLU layer and logits. It says how a text becomes a vector, or all texts of a row.

    drop_vectors  whether dropout is on the vectors of the texts, too
    """

    drop_vectors = False

    def finish(self, width: int, dense: int, classes: int, dropout: float) -> None:
        """Add the layers behind the vectors [B, width]; called last, so that their weights are drawn last."""
        self.dense, self.head = nn.Linear(width, dense), nn.Linear(dense, classes)
        self.dropout = nn.Dropout(dropout)

    def encode(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """The vector of one text: ids [B, T] and lengths [B] -> [B, S]."""
        raise NotImplementedError

    def vectors(self, inputs: Inputs) -> Tensor:
        """One vector a row, [B, width]: that of its text, or of two texts compared."""
        return compared([self.encode(ids, lengths) for ids, lengths in zip(inputs.ids, inputs.lengths, strict=True)])

    def forward(self, inputs: Inputs) -> Outputs:
        vectors = self.vectors(inputs)
        vectors = self.dropout(vectors) if self.drop_vectors else vectors
        return Outputs(self.head(self.dropout(torch.relu(self.dense(vectors)))))
