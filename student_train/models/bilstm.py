"""The student of Tang et al. 2019: a one-layer BiLSTM, its last two states, a ReLU layer, logits."""

import torch
from torch import Tensor, nn

from student_train.batch import Inputs
from student_train.models.embedding import WordEmbedding
from student_train.models.lstm import LastStates
from student_train.models.shape import Shape
from student_train.outputs import Outputs


class BiLSTM(nn.Module):
    """words -> BiLSTM -> [h_forward; h_backward] -> ReLU layer -> logits.

    Parameters without embeddings, hidden 150, dense 200, 2 classes: 603,002 with 300-d input, 963,002 with the
    paper's 600-d multichannel input.
    """

    texts = 1

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embedding, self.encoder, self.dense, self.head = _layers(shape, states=1)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, inputs: Inputs) -> Outputs:
        state = self.encoder(self.dropout(self.embedding(inputs.ids[0])), inputs.lengths[0])  # [B, 2H]
        return Outputs(self.head(self.dropout(torch.relu(self.dense(state)))))


class SiameseBiLSTM(nn.Module):
    """Both texts through one BiLSTM; [h1, h2, h1*h2, |h1-h2|] -> ReLU layer -> logits (Tang et al. 2019, fig. 2)."""

    texts = 2

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embedding, self.encoder, self.dense, self.head = _layers(shape, states=4)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, inputs: Inputs) -> Outputs:
        one, two = (self._encode(ids, lengths) for ids, lengths in zip(inputs.ids, inputs.lengths, strict=True))
        both = torch.cat([one, two, one * two, (one - two).abs()], dim=-1)  # [B, 8H]
        return Outputs(self.head(self.dropout(torch.relu(self.dense(both)))))

    def _encode(self, ids: Tensor, lengths: Tensor) -> Tensor:
        return self.encoder(self.dropout(self.embedding(ids)), lengths)


def _layers(shape: Shape, *, states: int) -> tuple[WordEmbedding, LastStates, nn.Linear, nn.Linear]:
    """Embedding, encoder, ReLU layer over so many pairs of last states, and head; drawn in this order."""
    embedding = WordEmbedding(shape.vocabulary, shape.dimensions, multichannel=shape.multichannel)
    encoder = LastStates(embedding.width, shape.hidden)
    return embedding, encoder, nn.Linear(2 * shape.hidden * states, shape.dense), nn.Linear(shape.dense, shape.classes)
