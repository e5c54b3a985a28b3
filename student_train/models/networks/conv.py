"""Convolutions over word vectors: no recurrence; gated, depthwise-separable or densely connected."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from data.errors import PotstillError
from student_train.models.networks.embedding import WordEmbedding
from student_train.models.networks.network import Network
from student_train.models.networks.pooling import compared_width, mean_and_max, real_places
from student_train.models.shape import Shape


@dataclass(frozen=True)
class ConvShape(Shape):
    """dense: ReLU layer; dropout: on the narrowed words and before the last layer.

    channels  width that the word vectors are narrowed to, and of each layer
    kernels   words that each layer looks at, odd numbers
    layer     gated (Dauphin et al. 2017), separable (depthwise, then pointwise, gated) or dense (Huang et al. 2017:
              each layer sees all before it)
    """

    dense: int
    dropout: float = 0.1
    channels: int = 128
    kernels: tuple[int, ...] = (3, 5, 3)
    layer: str = "gated"

    def __post_init__(self) -> None:
        if self.layer not in LAYERS:
            raise PotstillError(f"no layer {self.layer!r}", hint=f"layers: {', '.join(LAYERS)}")
        if not self.kernels or any(kernel < 1 or kernel % 2 == 0 for kernel in self.kernels):
            raise PotstillError(f"kernels {self.kernels} are not odd numbers from 1 on", hint="e.g. [3, 5, 3]")


class Gated(nn.Module):
    """x + A(x)·σ(B(x)), A and B convolutions over the same words: [B, C, T] -> [B, C, T]."""

    def __init__(self, inputs: int, channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, 2 * channels, kernel, padding=kernel // 2)

    def forward(self, states: Tensor) -> Tensor:
        return states + nn.functional.glu(self.conv(states), dim=1)


class Separable(nn.Module):
    """As `Gated`, of a convolution of each channel by itself and one that mixes the channels of a word."""

    def __init__(self, inputs: int, channels: int, kernel: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(inputs, inputs, kernel, padding=kernel // 2, groups=inputs)
        self.pointwise = nn.Conv1d(inputs, 2 * channels, 1)

    def forward(self, states: Tensor) -> Tensor:
        return states + nn.functional.glu(self.pointwise(self.depthwise(states)), dim=1)


class Dense(nn.Module):
    """[x; ReLU(conv(x))]: what a layer finds stands behind all that it was given: [B, I, T] -> [B, I + C, T]."""

    def __init__(self, inputs: int, channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, channels, kernel, padding=kernel // 2)

    def forward(self, states: Tensor) -> Tensor:
        return torch.cat([states, torch.relu(self.conv(states))], dim=1)


LAYERS: dict[str, Callable[[int, int, int], nn.Module]] = {"gated": Gated, "separable": Separable, "dense": Dense}


class Conv(Network):
    """word vectors -> narrowed -> convolutions -> mean and maximum -> ReLU layer -> logits; two texts are compared.

    Parameters without the table, D-d vectors, C channels, kernels k, dense H, K classes: (D + 1)·C + Σ (k·C + 1)·2C
    (gated) + (2C + 1)·H + (H + 1)·K; separable layers have (k + 1)·C + (C + 1)·2C, the i-th dense one (k·i·C + 1)·C.
    """

    def __init__(self, shape: ConvShape) -> None:
        super().__init__()
        self.embedding, size = WordEmbedding(shape.vocabulary, shape.dimensions), shape.channels
        self.narrow = nn.Linear(self.embedding.width, size)
        widths = [size * (1 + (number if shape.layer == "dense" else 0)) for number in range(len(shape.kernels) + 1)]
        layers = zip(widths[:-1], shape.kernels, strict=True)
        self.layers = nn.ModuleList(LAYERS[shape.layer](width, size, kernel) for width, kernel in layers)
        self.finish(compared_width(2 * widths[-1], shape.texts), shape.dense, shape.classes, shape.dropout)

    def encode(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """What stands in the padding is set to 0 before each layer, as at a text's edge."""
        real = real_places(lengths, ids.shape[1])[:, None]  # [B, 1, T]
        states = self.dropout(self.narrow(self.embedding(ids))).transpose(1, 2) * real  # [B, C, T]
        for layer in self.layers:
            states = layer(states) * real
        return mean_and_max(states.transpose(1, 2), lengths)
