"""Attention between two texts on top of a BiLSTM (McCann et al. 2017, the student of Liu et al. 2019, MKD).

A single text attends to itself. Where the siamese student sees each text through one vector, every word is compared
here with the words of the other text that it fits best.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from student_train.batch import Inputs
from student_train.models.networks.bilstm import flip_index
from student_train.models.networks.embedding import WordEmbedding
from student_train.models.networks.network import Network
from student_train.models.networks.pooling import real_places
from student_train.models.shape import Shape

NOTHING = -1e9  # what the scores of padding are set to before a softmax


@dataclass(frozen=True)
class BiAttentionShape(Shape):
    """hidden: LSTM states of one direction, of both layers; dense: ReLU layer; dropout: on words and pooled states."""

    hidden: int
    dense: int
    dropout: float = 0.1


class States(nn.Module):
    """One-layer bidirectional LSTM: [B, T, E] and lengths [B] -> the states of every word, [B, T, 2·hidden].

    The backward direction runs over rows flipped inside their length, as in `bilstm.LastStates`.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.forwards = nn.LSTM(width, hidden, batch_first=True)
        self.backwards = nn.LSTM(width, hidden, batch_first=True)

    def forward(self, words: Tensor, lengths: Tensor) -> Tensor:
        rows = torch.arange(words.shape[0], device=words.device)[:, None]
        flip = flip_index(lengths, words.shape[1])  # [B, T]; flipping twice changes nothing
        back = self.backwards(words[rows, flip])[0][rows, flip]
        return torch.cat([self.forwards(words)[0], back], dim=-1)


class BiAttention(Network):
    """words -> BiLSTM -> what the other text says of each word -> BiLSTM -> maximum, mean, minimum and attentive mean
    of both texts -> ReLU layer -> logits.

    Parameters without embeddings, width E, hidden H, dense F, C classes, n texts: 8·H·(E + H + 2) + 8·H·(7·H + 2) +
    (2·H + 1) + (8·n·H + 1)·F + (F + 1)·C.
    """

    drop_vectors = True

    def __init__(self, shape: BiAttentionShape) -> None:
        super().__init__()
        hidden = shape.hidden
        self.embedding = WordEmbedding(shape.vocabulary, shape.dimensions)
        self.encoder = States(self.embedding.width, hidden)
        self.integration = States(6 * hidden, hidden)
        self.weight = nn.Linear(2 * hidden, 1)
        self.finish(8 * hidden * shape.texts, shape.dense, shape.classes, shape.dropout)

    def vectors(self, inputs: Inputs) -> Tensor:
        """The vectors of both texts side by side [B, 8·n·H], each written with the other text in view."""
        texts = [
            (self.encoder(self.dropout(self.embedding(ids)), lengths), lengths)
            for ids, lengths in zip(inputs.ids, inputs.lengths, strict=True)
        ]
        pooled = [self._integrated(*own, *other) for own, other in zip(texts, texts[::-1], strict=True)]
        return torch.cat(pooled, dim=-1)

    def _integrated(self, own: Tensor, lengths: Tensor, other: Tensor, other_lengths: Tensor) -> Tensor:
        """States of a text [B, T, 2H] and of the other [B, U, 2H] -> the vector of the text [B, 8H]."""
        said = attended(own, other, other_lengths)
        states = self.integration(torch.cat([own, own - said, own * said], dim=-1), lengths)
        return pooled_four(states, self.weight(states), lengths)


def attended(own: Tensor, other: Tensor, lengths: Tensor) -> Tensor:
    """For each word the mean of the other text's words, weighted by the softmax of the dot products: [B, T, D]."""
    real = real_places(lengths, other.shape[1])[:, None]  # [B, 1, U]
    scores = (own @ other.transpose(1, 2)).float().masked_fill(~real, NOTHING)  # [B, T, U]
    return scores.softmax(dim=-1).to(other.dtype) @ other


def pooled_four(states: Tensor, scores: Tensor, lengths: Tensor) -> Tensor:
    """Maximum, mean, minimum and mean by the softmax of `scores` [B, T, 1] over real places: [B, T, D] -> [B, 4·D]."""
    real = real_places(lengths, states.shape[1])[..., None]  # [B, T, 1]
    weights = scores.float().masked_fill(~real, NOTHING).softmax(dim=1).to(states.dtype)
    return torch.cat(
        [
            states.masked_fill(~real, NOTHING).amax(dim=1),
            (states * real).sum(dim=1) / lengths[:, None].to(states.dtype),
            states.masked_fill(~real, -NOTHING).amin(dim=1),
            (weights * states).sum(dim=1),
        ],
        dim=-1,
    )
