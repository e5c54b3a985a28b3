"""Configs with strict keys: a frozen dataclass, built from defaults, TOML tables and `--set key=value`.

An unknown key or a value of the wrong type is refused with the list of known keys; nothing is silently ignored.
"""

import dataclasses
import inspect
import math
import os
import re
import sys
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from data.errors import NO_INPUT, USAGE, PotstillError
from data.guards.untrusted import open_regular

Config = TypeVar("Config")
MAX_TOML = 1 << 20  # bytes; the bundled recipes have one or two thousand
MAX_DEPTH = 32  # tables in each other; recipes have three
LARGEST = 1 << 63
FIELDS = re.compile(r"((?:\w+, )*\w+)(?:: |  +)(?=\S)(.*)")  # the line of a docstring that begins a field's text
SAME = "as in "


def build(cls: type[Config], values: Mapping[str, Any], *, where: str) -> Config:
    """Make a config of class `cls` from plain values; `where` names the source in errors (`recipe.toml [augment]`)."""
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(cls)
    unknown = sorted(set(values) - set(fields))
    if unknown:
        moved = getattr(cls, "moved", lambda *about: None)(unknown[0], values, where)
        raise PotstillError(f"{where}: unknown key {unknown[0]!r}", hint=moved or f"known keys: {', '.join(fields)}")
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


def described(cls: type[Any]) -> dict[str, str]:
    """Read what the docstring of a config says of each field, on lines such as `seed   another seed draws other rows`.

    A field's text may go on in the lines below; one line may be about several fields; of `as in TrainConfig` the text
    is the one of that class in the same module.
    """
    found: dict[str, str] = {}
    names: list[str] = []
    for line in inspect.cleandoc(cls.__doc__ or "").splitlines():
        if head := FIELDS.match(line):
            names = head[1].split(", ")
        names = names if line else []
        more = (head[2] if head else line).strip()
        found |= {name: f"{found.get(name, '')} {more}".strip() for name in names}
    for name, text in found.items():
        if text.startswith(SAME):
            found[name] = described(getattr(sys.modules[cls.__module__], text.removeprefix(SAME)))[name]
    return {field.name: found[field.name] for field in dataclasses.fields(cls) if field.name in found}


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file into nested tables. Errors: missing, no TOML, larger or deeper than any recipe."""
    if not path.exists():
        raise PotstillError(f"recipe {path} is not there", code=NO_INPUT)
    with os.fdopen(open_regular(path), "rb") as stream:
        content = stream.read(MAX_TOML + 1)
    if len(content) > MAX_TOML:
        raise PotstillError(f"{path} has more than {MAX_TOML:,} bytes, too many for a recipe")
    try:
        tables = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # of which TOMLDecodeError, and an int of 5,000 digits
        raise PotstillError(f"{path} is not valid TOML: {str(error)[:200]}", code=USAGE) from None
    level: list[Any] = [tables]
    for _ in range(MAX_DEPTH):
        level = [item for value in level if isinstance(value, dict) for item in value.values()]
    if level:
        raise PotstillError(f"{path} holds more than {MAX_DEPTH} tables in each other", code=USAGE)
    return tables


def apply_settings(table: Mapping[str, Any], settings: list[str]) -> dict[str, Any]:
    """Overlay `a.b=value` settings onto nested tables. A value is TOML (`3`, `[1, 2]`) or else a bare string."""
    result = _deep_copy(table)
    for setting in settings:
        key, sign, text = setting.partition("=")
        if not sign or not key.strip():
            raise PotstillError(f"--set {setting!r} is not key=value", hint="e.g. --set augment.n_iter=10")
        *parents, last = key.strip().split(".")
        if len(parents) > MAX_DEPTH:
            raise PotstillError(f"--set {key[:40]}…: the key has {len(parents) + 1} parts, {MAX_DEPTH} are the most")
        target = result
        for name in parents:
            target = target.setdefault(name, {})
            if not isinstance(target, dict):
                raise PotstillError(f"--set {setting!r}: {name!r} is a value, not a table")
        target[last] = _toml_value(text)
    return result


def _toml_value(text: str) -> Any:
    try:
        values = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return values["value"] if len(values) == 1 else text


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
    if type(value) is int and abs(value) >= LARGEST:
        raise PotstillError(f"{where} has a number of {value.bit_length()} bits; 63 are the most")
    if isinstance(value, float) and not math.isfinite(value):
        raise PotstillError(f"{where} = {value} is not a finite number")
    if isinstance(value, str) and "\0" in value:
        raise PotstillError(f"{where} holds a NUL character")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if isinstance(hint, type) and isinstance(value, hint) and (hint is bool) == isinstance(value, bool):
        return value
    hint_of_list = f"a list stands in brackets: [{_shown(value)}]" if origin is tuple else ""
    raise PotstillError(f"{where} = {_shown(value)} is not {_name(hint)}", hint=hint_of_list)


def _convert_union(value: Any, options: tuple[Any, ...], where: str) -> Any:
    for option in options:
        if option is type(None) and value is None:
            return None
        try:
            return _convert(value, option, where)
        except PotstillError:
            continue
    raise PotstillError(f"{where} = {_shown(value)} is not {' or '.join(_name(option) for option in options)}")


def _shown(value: Any) -> str:
    """Write a value for an error message; repr itself fails on an int of 5,000 digits and on very deep lists."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return "a value too large to show"
    return text if len(text) <= 80 else text[:79] + "…"


def _name(hint: Any) -> str:
    if typing.get_origin(hint) is tuple:
        return f"a list of {_name(typing.get_args(hint)[0])}"
    return hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)
