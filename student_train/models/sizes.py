"""The sizes of a student: from what a config asks for, and from the `config.json` that it was saved with.

A size that several students share is a field of `TrainConfig` (`train.hidden`); one that a student alone has stands in
its table `shape` (`train.shape.kernel`), or is the default of its Shape.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from data.config import build
from data.errors import PotstillError
from student_train.config import PLUS, Sizes, TrainConfig
from student_train.models.networks.total import SumShape
from student_train.models.shape import Shape
from student_train.models.table import MODELS, row_of, usual_of

WHERE = "[train.shape]"
SHAPE, ENCODER = "shape", "encoder"  # in config.json; the field of a shape that is the rest of config.json
OURS = (SHAPE, "task", "potstill")  # what we add to that of a transformer
GIVEN = tuple(field.name for field in fields(Shape))  # what every network has: never asked for by its size


def shape_of(config: TrainConfig, *, vocabulary: int, dimensions: int, classes: int, texts: int = 1) -> Shape:
    """The sizes of the student that a config asks for. Refuse one that it does not have, or of another type."""
    _refuse_others(config)
    given = {"model": config.model, "vocabulary": vocabulary, "dimensions": dimensions, "classes": classes}
    return _shape(config, given | {"texts": texts})


def _shape(config: TrainConfig, given: dict[str, Any]) -> Shape:
    row, own = row_of(config.model), dict(config.shape or {})
    if row.Shape is SumShape:
        alone = {name: own.pop(name, None) for name in config.model.split(PLUS)}
        parts = [_shape(replace(config, model=part, shape=alone[part]), given | {"model": part}) for part in alone]
        return replace(build(SumShape, {**given, **own}, where=WHERE), parts=tuple(parts))
    shared = {name: getattr(config, name) for name in own_sizes(config.model) if name in _fields(TrainConfig)}
    usual = {name: usual_of(config.model, name) for name, value in shared.items() if value is None}
    return build(row.Shape, given | shared | usual | own, where=WHERE)


def sizes_alone(config: TrainConfig) -> Sizes | None:
    """The sizes that the student alone has, as asked for or else by default; None where it has none."""
    return _alone(shape_of(config, vocabulary=1, dimensions=1, classes=1)) or None


def _alone(shape: Shape) -> Sizes:
    parts = {part.model: _alone(part) for part in shape.parts} if isinstance(shape, SumShape) else {}
    sizes = {name: getattr(shape, name) for name in _own_fields(type(shape)) if name not in _fields(TrainConfig)}
    return {name: values for name, values in parts.items() if values} | sizes


def spell_shape(shape: Shape) -> dict[str, Any]:
    """What config.json says of a shape. Of a transformer its top is Hugging Face's config, so that theirs open it."""
    values = asdict(shape)
    return {**values.pop(ENCODER, {}), SHAPE: values}


def read_shape(values: Mapping[str, Any], config: Mapping[str, Any] | None = None) -> Shape:
    """The shape of a student that was saved. config: all of config.json, whose top is a transformer's own config.

    Errors: any but PotstillError, of values that nobody trusts.
    """
    try:
        if ENCODER in _fields(row_of(values["model"]).Shape):
            theirs = {name: value for name, value in (config or {}).items() if name not in OURS}
            if not theirs:  # without it the network would be built by sizes that nothing has checked
                raise ValueError(f"a {values['model']} without its encoder's config")
            return _read({**values, ENCODER: theirs})
        return _read(values)
    except PotstillError as error:
        raise ValueError(error.message) from None


def _read(values: Mapping[str, Any]) -> Shape:
    name, row = values["model"], row_of(values["model"])
    if not row.student:
        raise ValueError(f"no student {name!r} (students: {', '.join(MODELS)})")
    sizes: dict[str, Any] = {key: tuple(size) if isinstance(size, list) else size for key, size in values.items()}
    if row.Shape is SumShape:
        sizes["parts"] = tuple(_read(part) for part in sizes["parts"])
        if [part.model for part in sizes["parts"]] != name.split(PLUS):
            raise ValueError(f"{name} has other parts than its name says")
    return row.Shape(**sizes)


def own_sizes(model: str) -> list[str]:
    """Names of the sizes that a model has besides those of every one; `dan.dense` of a part of a sum is its own."""
    row = row_of(model)
    if row.Shape is not SumShape:
        return _own_fields(row.Shape)
    parts = {part: own_sizes(part) for part in model.split(PLUS)}
    shared = {name: None for sizes in parts.values() for name in sizes if name in _fields(TrainConfig)}
    alone = [f"{part}.{name}" for part, sizes in parts.items() for name in sizes if name not in shared]
    return [*shared, *alone, *_own_fields(SumShape)]


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
    wrong += [f"train.shape.{name}" for name in _asked(config) if name not in own or name in shared]
    if wrong:
        sizes = ", ".join(spell_size(name) for name in own)
        raise PotstillError(f"{config.model} has no size {wrong[0]}", hint=f"its sizes: {sizes or 'none'}")


def _asked(config: TrainConfig) -> list[str]:
    """Names of the sizes in the table `shape`, `dan.dense` for those of a part."""
    names = []
    for name, value in (config.shape or {}).items():
        names += [f"{name}.{own}" for own in value] if isinstance(value, Mapping) else [name]
    return names


def _own_fields(cls: type[Shape]) -> list[str]:
    return [name for name in _fields(cls) if name not in (*GIVEN, *cls.FILLED)]


def _fields(cls: type) -> list[str]:
    return [field.name for field in fields(cls)]
