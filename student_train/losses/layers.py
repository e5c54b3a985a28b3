"""Which layer of the student a loss compares with which of the teacher, for students and teachers of any depth."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from data.errors import PotstillError
from data.layer_maps import map_of

Pairs = tuple[tuple[int, int], ...]  # (layer of the student, layer of the teacher); 0 is the output of the embeddings


@dataclass(frozen=True)
class Stack:
    """How many layers a model has, how wide their states are, and into how many heads its attention is cut."""

    layers: int
    width: int
    heads: int = 0


LAYERS: dict[str, Callable[[Pairs], Pairs]] = {
    "all": lambda pairs: ((0, 0), *pairs),
    "upper": lambda pairs: pairs,
    "inner": lambda pairs: pairs[:-1],
    "last": lambda pairs: pairs[-1:],
}


EVERY = "every"  # the embeddings, and each layer with each layer


def check_rule(rule: str) -> None:
    """Refuse a rule that is none."""
    if rule not in LAYERS:
        raise PotstillError(f"no layers {rule!r}", hint=f"layers: {', '.join(LAYERS)}")


def layer_pairs(rule: str, student: Stack, teacher: Stack, *, layer_map: str = "skip") -> Pairs:
    """Pair layers by a map of `data.layer_maps`, and keep those of a rule of `LAYERS`.

    "all" has the embeddings too, "upper" all layers above them. Rule "every" pairs each layer with each, by no map.
    """
    if rule == EVERY:
        return ((0, 0), *product(range(1, student.layers + 1), range(1, teacher.layers + 1)))
    return LAYERS[rule](tuple(enumerate(map_of(layer_map, student.layers, teacher.layers), 1)))
