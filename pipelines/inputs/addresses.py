"""Columns given for one file only, behind its name: `FILE::text=2,label=0`."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.errors import PotstillError

MARK = "::"  # between a file and what is said of it alone
OF_A_FILE = ("text", "pair", "label", "format", "header", "delimiter")

_ITEMS = re.compile(rf",(?=(?:{'|'.join(OF_A_FILE)})=)")  # a column's name may hold a comma
_YES_NO = {"yes": True, "true": True, "no": False, "false": False}


def said_of(path: str) -> tuple[str, dict[str, Any]]:
    """Split `FILE::text=2,label=0` into the file and its columns; `label=` means that it has no label column."""
    place, mark, said = path.rpartition(MARK)
    if not mark or Path(path).exists():
        return path, {}
    values: dict[str, Any] = {}
    for item in _ITEMS.split(said):
        name, sign, value = item.partition("=")
        if not sign or name not in OF_A_FILE:
            raise PotstillError(
                f"{path}: {item!r} after {MARK} is not NAME=VALUE",
                hint=f"names: {', '.join(OF_A_FILE)}; e.g. {place}{MARK}text=2,label=0",
            )
        values[name] = value or ("" if name == "label" else None)
    if isinstance(values.get("header"), str):
        if values["header"] not in _YES_NO:
            raise PotstillError(f"{path}: header={values['header']}", hint=f"{place}{MARK}header=yes, or header=no")
        values["header"] = _YES_NO[values["header"]]
    return place, values


def with_said(path: str, values: Mapping[str, Any]) -> str:
    """Append the columns of one file to its name."""
    spelled = {True: "yes", False: "no", None: ""}
    items = [f"{name}={spelled[value] if value in (True, False, None) else value}" for name, value in values.items()]
    return f"{path}{MARK}{','.join(items)}" if items else path
