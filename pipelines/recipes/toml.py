"""Nested plain values → TOML text (the standard library reads TOML and does not write it)."""

import json
from collections.abc import Mapping
from typing import Any


def write(tables: Mapping[str, Any], remarks: Mapping[str, str] | None = None) -> str:
    """Write values first, then each table under its header. None has no TOML form: such keys stay out.

    remarks: `teach.lr` -> what stands as a comment behind the value, or above a table
    """
    return "\n".join(_lines(tables, (), remarks or {})).lstrip("\n") + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...], remarks: Mapping[str, str]) -> list[str]:
    inner = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    plain = {key: value for key, value in table.items() if value is not None and key not in inner}
    about = remarks.get(".".join(path))
    lines = ["", *_remark(about)] if about else []
    lines += [*[""][: not about], f"[{'.'.join(map(_key, path))}]"] if path and (plain or not inner) else []
    for key, value in plain.items():
        lines.append(" ".join([f"{_key(key)} = {_value(value)}", *_remark(remarks.get(".".join((*path, key))))]))
    for key, value in inner.items():
        lines += _lines(value, (*path, key), remarks)
    return lines


def _remark(text: str | None) -> list[str]:
    return [f"# {' '.join(text.split())}"] if text else []


def _key(key: str) -> str:
    bare = key and all(letter.isascii() and (letter.isalnum() or letter in "_-") for letter in key)
    return key if bare else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, Mapping):
        inner = (f"{_key(key)} = {_value(item)}" for key, item in value.items() if item is not None)
        return f"{{ {', '.join(inner)} }}"
    if isinstance(value, (bool, int, float)):
        return str(value).lower()
    return _text(str(value))


def _text(text: str) -> str:
    """A JSON string is a TOML string, but for DEL, which TOML wants escaped, and for escaped pairs of surrogates."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
