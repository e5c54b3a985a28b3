"""The sizes of a student: from what a config asks for, and from the `config.json` that it was saved with.

A size that several students share is a field of `TrainConfig` (`train.hidden`); one that a student alone has stands in
its table `shape` (`train.shape.kernel`), or is the default of its Shape.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from data.config import build
from data.errors import PotstillError
from student_train.config import SUBWORDS, WORDS, Sizes, TrainConfig
from student_train.models.shape import Shape
from student_train.models.table import MODELS, row_of

GIVEN = tuple(field.name for field in fields(Shape))  # what every network has: never asked for by its size


def shape_of(config: TrainConfig, *, vocabulary: int, dimensions: int, classes: int) -> Shape:
    """The sizes of the student that a config asks for. Refuse one that it does not have, or of another type."""
    row, given = row_of(config.model), (config.model, vocabulary, dimensions, classes)
    _refuse_others(config)
    shared = {name: getattr(config, name) for name in own_sizes(config.model) if name in _fields(TrainConfig)}
    return build(row.Shape, dict(zip(GIVEN, given, strict=True)) | shared | (config.shape or {}), where="[train.shape]")


def sizes_alone(config: TrainConfig) -> Sizes | None:
    """The sizes that the student alone has, as asked for or else by default; None where it has none."""
    shape = shape_of(config, vocabulary=1, dimensions=1, classes=1)
    return {name: getattr(shape, name) for name in own_sizes(config.model) if name not in _fields(TrainConfig)} or None


def read_shape(values: Mapping[str, Any]) -> Shape:
    """The shape of a student that was saved. Errors: any, of values that nobody trusts."""
    row = MODELS.get(values["model"])
    if row is None or not {WORDS, SUBWORDS} & set(row.units):  # a network that opens files of others is none
        raise ValueError(f"no student {values['model']!r} (students: {', '.join(MODELS)})")
    sizes: dict[str, Any] = {name: tuple(size) if isinstance(size, list) else size for name, size in values.items()}
    return row.Shape(**sizes)


def own_sizes(model: str) -> list[str]:
    """Names of the sizes that a model has besides those of every one."""
    return [name for name in _fields(row_of(model).Shape) if name not in GIVEN]


def spell_size(name: str) -> str:
    """How a size is asked for: `train.hidden`, or `train.shape.kernel`."""
    return f"train.{name}" if name in _fields(TrainConfig) else f"train.shape.{name}"


def _refuse_others(config: TrainConfig) -> None:
    """Refuse a size of another student's, and one that is asked for in the wrong place."""
    own, anybodys = own_sizes(config.model), {name for model in MODELS for name in own_sizes(model)}
    shared = [name for name in _fields(TrainConfig) if name in anybodys]
    wrong = [
        f"train.{name}" for name in shared if name not in own and getattr(config, name) != getattr(TrainConfig, name)
    ]
    wrong += [f"train.shape.{name}" for name in config.shape or {} if name not in own or name in shared]
    if wrong:
        sizes = ", ".join(spell_size(name) for name in own)
        raise PotstillError(f"{config.model} has no size {wrong[0]}", hint=f"its sizes: {sizes or 'none'}")


def _fields(cls: type) -> list[str]:
    return [field.name for field in fields(cls)]
