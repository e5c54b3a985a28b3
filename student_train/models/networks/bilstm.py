"""The student of Tang et al. 2019: a one-layer BiLSTM, its last two states, a ReLU layer, logits.

The last states are read on right-padded batches without PackedSequence. The backward direction of a plain
`nn.LSTM(bidirectional=True)` starts in the padding and is wrong. Here each direction is an LSTM of its own: the forward
one is read at each row's last real word, the backward one runs over rows flipped inside their length. Both equal the
packed result (tested at 1e-5), export to ONNX, and cost nothing extra on the loader's mostly equal-length batches,
where no gather is needed at all.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from student_train.models.networks.embedding import WordEmbedding
from student_train.models.networks.network import Network
from student_train.models.networks.pooling import compared_width
from student_train.models.shape import Shape


@dataclass(frozen=True)
class BiLSTMShape(Shape):
    """hidden: LSTM states of one direction; dense: ReLU layer; multichannel: a static and a tuned copy of the table."""

    hidden: int
    dense: int
    dropout: float = 0.1
    multichannel: bool = False


class LastStates(nn.Module):
    """One-layer bidirectional LSTM, or another `cell`: [B, T, E] and lengths [B] -> [B, 2·hidden] (forward state,
    backward state)."""

    def __init__(self, width: int, hidden: int, cell: type[nn.LSTM] | type[nn.GRU] = nn.LSTM) -> None:
        super().__init__()
        self.forwards = cell(width, hidden, batch_first=True)
        self.backwards = cell(width, hidden, batch_first=True)

    def forward(self, words: Tensor, lengths: Tensor) -> Tensor:
        if not torch.jit.is_tracing() and bool((lengths == words.shape[1]).all()):
            return torch.cat([self.forwards(words)[0][:, -1], self.backwards(words.flip(1))[0][:, -1]], dim=-1)
        rows = torch.arange(words.shape[0], device=words.device)
        last = lengths - 1  # [B]
        flipped = words[rows[:, None], flip_index(lengths, words.shape[1])]  # [B, T, E]
        return torch.cat([self.forwards(words)[0][rows, last], self.backwards(flipped)[0][rows, last]], dim=-1)


def flip_index(lengths: Tensor, longest: int) -> Tensor:
    """For each row, the places length-1 … 0 and then the padding's own places: [B, T]."""
    places = torch.arange(longest, device=lengths.device)  # [T]
    mirrored = lengths[:, None] - 1 - places  # [B, T]
    return torch.where(mirrored >= 0, mirrored, places)


class BiLSTM(Network):
    """words -> BiLSTM -> [h_forward; h_backward] -> ReLU layer -> logits.

    Parameters without embeddings, hidden 150, dense 200, 2 classes: 603,002 with 300-d input, 963,002 with the
    paper's 600-d multichannel input.
    """

    cell: type[nn.LSTM] | type[nn.GRU] = nn.LSTM

    def __init__(self, shape: BiLSTMShape, texts: int | None = None) -> None:
        """texts: of a row, where the shape does not say it"""
        super().__init__()
        self.embedding = WordEmbedding(shape.vocabulary, shape.dimensions, multichannel=shape.multichannel)
        self.encoder = LastStates(self.embedding.width, shape.hidden, self.cell)
        width = compared_width(2 * shape.hidden, texts or shape.texts)
        self.finish(width, shape.dense, shape.classes, shape.dropout)

    def encode(self, ids: Tensor, lengths: Tensor) -> Tensor:
        states: Tensor = self.encoder(self.dropout(self.embedding(ids)), lengths)  # [B, 2H]
        return states


class SiameseBiLSTM(BiLSTM):
    """Both texts through one BiLSTM; [h1, h2, h1*h2, |h1-h2|] -> ReLU layer -> logits (Tang et al. 2019, fig. 2)."""

    def __init__(self, shape: BiLSTMShape) -> None:
        super().__init__(shape, texts=2)


class BiGRU(BiLSTM):
    """As the BiLSTM, or for two texts the siamese one, with gated recurrent units (Cho et al. 2014).

    Parameters without embeddings, hidden H, width E, dense F, C classes: 6·H·(E + H + 2) + (2H + 1)·F + (F + 1)·C; for
    pairs (8H + 1)·F + ….
    """

    cell = nn.GRU
