"""The sizes of a network: what every one has. Each network adds its own, in a class of its own beside it."""

from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class Shape:
    """All that a network is built from; of a student it is saved as the `shape` of its `config.json`.

    model: key of `MODELS`; vocabulary: ids V; dimensions: width D of a word vector; classes: C
    texts: how many texts a row has
    FILLED: names of the fields that nobody asks for: they are filled in when training begins
    """

    FILLED: ClassVar[tuple[str, ...]] = ()

    @property
    def layers(self) -> int:
        """Layers that can be compared with the teacher's; 0: none."""
        return 0

    @property
    def heads(self) -> int:
        """Heads of the attention in these layers."""
        return 0

    model: str
    vocabulary: int
    dimensions: int
    classes: int
    texts: int = field(default=1, kw_only=True)
