"""Layer maps: which layer of a teacher stands for each layer of a student. Two depths -> one tuple of layers.

    map_of("skip", student=4, teacher=12) == (3, 6, 9, 12)

A map has one teacher layer for each layer of the student, the lowest first. Layers count from 1, as in a cache's
column names (`hidden.3`), where 0 is the output of the embeddings: a loss on embeddings pairs 0 with 0 by itself.
What starts from a teacher's weights takes `layers[number - 1]`. Losses, students and `potstill cache --for` share
these maps.
"""

from collections.abc import Callable

from data.errors import PotstillError


def skip(student: int, teacher: int) -> tuple[int, ...]:
    """Even steps that end in the last layer, halves to the even neighbour (TinyBERT, TextBrewer, PKD-skip)."""
    return tuple(round(layer * teacher / student) for layer in range(1, student + 1))


def last(student: int, teacher: int) -> tuple[int, ...]:
    """The upper layers (PKD-last, XtremeDistil)."""
    return tuple(range(teacher - student + 1, teacher + 1))


def first(student: int, teacher: int) -> tuple[int, ...]:
    """The lower layers: what BERT-of-Theseus and PKD start a student from."""
    return tuple(range(1, student + 1))


def spread(student: int, teacher: int) -> tuple[int, ...]:
    """Even steps from the first layer to the last: what DistilBERT starts a student from. One layer takes the first."""
    steps = max(1, student - 1)
    return tuple(1 + round(layer * (teacher - 1) / steps) for layer in range(student))


LAYER_MAPS: dict[str, Callable[[int, int], tuple[int, ...]]] = {
    "skip": skip,
    "last": last,
    "first": first,
    "spread": spread,
}


def map_of(name: str, student: int, teacher: int) -> tuple[int, ...]:
    """The teacher's layer for each of a student's. name: a key of `LAYER_MAPS`, or layers written out, `2,4,6`.

    student, teacher: their numbers of layers. A map that is written out may repeat layers, in any order.
    Errors: an unknown name; a named map for a student deeper than its teacher; layers that the teacher does not have.
    """
    if name not in LAYER_MAPS:
        return _written(name, student, teacher)
    if not 1 <= student <= teacher:
        raise PotstillError(
            f"a student of {student} layers cannot be mapped to a teacher of {teacher} by {name!r}",
            hint=f"take a student of 1 to {teacher} layers, or name layers of the teacher yourself",
        )
    return LAYER_MAPS[name](student, teacher)


def _written(text: str, student: int, teacher: int) -> tuple[int, ...]:
    """Read a map that is written out, and refuse one that does not fit the two depths."""
    numbers = [number.strip() for number in text.split(",")]
    if not all(number.isdecimal() for number in numbers):
        raise PotstillError(
            f"no layer map {text!r}", hint=f"layer maps: {', '.join(LAYER_MAPS)}, or layers of the teacher: 2,4,6"
        )
    layers = tuple(int(number) for number in numbers)
    example = ",".join(map(str, (round(layer * teacher / student) or 1 for layer in range(1, student + 1))))
    if len(layers) != student:
        raise PotstillError(
            f"the layer map {text} names {len(layers)} layers for a student of {student}",
            hint=f"one layer of the teacher for each of the student's, e.g. {example}",
        )
    for layer in layers:
        if not 1 <= layer <= teacher:
            raise PotstillError(
                f"the layer map {text} names layer {layer} of a teacher of {teacher} layers",
                hint=f"layers: 1 to {teacher}, e.g. {example}",
            )
    return layers
