"""What was typed for an option → the value of its config field: `0,1,2` is a list, `kl=0.9,ce=0.1` a table."""

import types
import typing
from collections.abc import Mapping
from typing import Any

from data.errors import PotstillError

Given = Mapping[str, Any]  # config field -> what was typed for it; None where the option is not given
EXAMPLES: dict[type, str] = {int: "0,1,2", float: "0.7,0.3"}


def forms_of(hint: Any) -> dict[Any, tuple[Any, ...]]:
    """List what a field may be, apart from None: `tuple[int, ...] | None` is {tuple: (int, ...)}."""
    union = typing.get_origin(hint) in (types.UnionType, typing.Union)
    forms = [form for form in (typing.get_args(hint) if union else (hint,)) if form is not type(None)]
    return {typing.get_origin(form) or form: typing.get_args(form) for form in forms}


def value_of(hint: Any, typed: Any, option: str) -> Any:
    """Read what was typed for a field of type `hint`: text for a list or a table is taken apart."""
    forms = forms_of(hint)
    if not isinstance(typed, str):
        return typed
    if not typed and str not in forms:
        return None
    if dict in forms and ("=" in typed or str not in forms):
        return _weights(typed, option)
    if tuple in forms:
        kind = forms[tuple][0]
        return [_read(kind, part.strip(), f"e.g. {option} {EXAMPLES.get(kind)}") for part in typed.split(",")]
    return typed


def _weights(text: str, option: str) -> dict[str, float]:
    """Read `kl=0.9,ce=0.1`; a name alone has weight 1. A name may hold `=` itself."""
    found = {}
    for item in text.split(","):
        name, sign, weight = item.strip().rpartition("=")
        found[name if sign else weight] = _read(float, weight, f"e.g. {option} A=0.9,B=0.1") if sign and weight else 1.0
    return found


def _read(kind: type, text: str, hint: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise PotstillError(f"{text!r} is not {what}", hint=hint) from None
