"""What a student's architecture needs to be rebuilt: saved as its `config.json`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """model: key of `MODELS`; vocabulary V, dimensions D, hidden (one direction), dense, classes C."""

    model: str
    vocabulary: int
    dimensions: int
    hidden: int
    dense: int
    classes: int
    dropout: float = 0.1
    multichannel: bool = False
