"""Strict configs: a frozen dataclass beside its consumer, built from TOML tables, defaults and `--set key=value`.

An unknown key or a value of the wrong type is refused with the list of known keys; nothing is silently ignored.
"""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from data.errors import NO_INPUT, USAGE, PotstillError

Config = TypeVar("Config")


def build(cls: type[Config], values: Mapping[str, Any], *, where: str) -> Config:
    """Make a config of class `cls` from plain values; `where` names the source in errors (`recipe.toml [augment]`)."""
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(cls)
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise PotstillError(f"{where}: unknown key {unknown[0]!r}", hint=f"known keys: {', '.join(fields)}")
    made = {name: _convert(value, hints[name], f"{where}: {name}") for name, value in values.items()}
    try:
        return cls(**made)
    except TypeError as error:
        raise PotstillError(f"{where}: {error}") from None


def as_dict(config: Any) -> dict[str, Any]:
    """Turn a config into plain JSON/TOML values (tuples become lists, paths strings, None keys stay out)."""
    return {
        field.name: _plain(getattr(config, field.name))
        for field in dataclasses.fields(config)
        if getattr(config, field.name) is not None
    }


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file into nested tables."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise PotstillError(f"recipe {path} is not there", code=NO_INPUT) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PotstillError(f"{path} is not valid TOML: {error}", code=USAGE) from None


def apply_settings(table: Mapping[str, Any], settings: list[str]) -> dict[str, Any]:
    """Overlay `a.b=value` settings onto nested tables. A value is TOML (`3`, `[1, 2]`) or else a bare string."""
    result = _deep_copy(table)
    for setting in settings:
        key, sign, text = setting.partition("=")
        if not sign or not key.strip():
            raise PotstillError(f"--set {setting!r} is not key=value", hint="e.g. --set augment.n_iter=10")
        *parents, last = key.strip().split(".")
        target = result
        for name in parents:
            target = target.setdefault(name, {})
            if not isinstance(target, dict):
                raise PotstillError(f"--set {setting!r}: {name!r} is a value, not a table")
        target[last] = _toml_value(text)
    return result


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _deep_copy(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _deep_copy(value) if isinstance(value, Mapping) else value for key, value in table.items()}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return as_dict(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _convert(value: Any, hint: Any, where: str) -> Any:
    """Check `value` against a type hint and convert the few lossless cases (int→float, list→tuple, str→Path)."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        return _convert_union(value, args, where)
    if origin is tuple and isinstance(value, (list, tuple)):
        return tuple(_convert(item, args[0], where) for item in value)
    if origin is dict and isinstance(value, Mapping):
        return {str(key): _convert(item, args[1], where) for key, item in value.items()}
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return build(hint, value, where=where)  # type: ignore[arg-type]
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if isinstance(hint, type) and isinstance(value, hint) and (hint is bool) == isinstance(value, bool):
        return value
    raise PotstillError(f"{where} = {value!r} is not {_name(hint)}")


def _convert_union(value: Any, options: tuple[Any, ...], where: str) -> Any:
    for option in options:
        if option is type(None) and value is None:
            return None
        try:
            return _convert(value, option, where)
        except PotstillError:
            continue
    raise PotstillError(f"{where} = {value!r} is not {' or '.join(_name(option) for option in options)}")


def _name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)
