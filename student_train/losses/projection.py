"""A linear layer from the student's states to the teacher's width, trained with the student and dropped after it."""

from collections.abc import Iterable

from torch import Tensor, nn

STD = 0.02  # of the first weights (TinyBERT, TextBrewer)


class Projection(nn.Module):
    """One linear layer for each layer of the student that a loss compares: states [..., d] -> [..., D]."""

    def __init__(self, layers: Iterable[int], width: int, target: int) -> None:
        super().__init__()
        self.linear = nn.ModuleDict({str(layer): nn.Linear(width, target) for layer in layers})
        for name, parameter in self.named_parameters():
            nn.init.zeros_(parameter) if name.endswith("bias") else nn.init.normal_(parameter, std=STD)

    def forward(self, layer: int, states: Tensor) -> Tensor:
        return self.linear[str(layer)](states.float())
