"""Read JSON Lines, or one JSON array of objects → rows.

Columns are the keys of the first object; later objects may lack some. The first character of a file decides which of
the two it is, whatever its ending.
"""

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

from data.errors import BAD_DATA, PotstillError
from data.readers.formats.lines import lines_of, opened
from data.readers.formats.records import array_objects, starts_array
from data.readers.known import KNOWN
from data.readers.source import BadRow, Row, Rows, Source


def read_rows(source: Source) -> Rows:
    """Stream the objects of a file in order; `Row.line` is the object's line, or its number in an array."""
    about: list[str] = []
    return Rows(_rows(source, about), about)


def _rows(source: Source, about: list[str]) -> Iterator[Row]:
    with opened(source) as stream:
        array = starts_array(source, stream)
        about.append("JSON records" if array else "JSON Lines")
        names: dict[str, None] | None = None
        for number, value in array_objects(source, stream) if array else _line_objects(source, stream):
            if isinstance(value, dict):
                names = dict.fromkeys(value) if names is None else names
                yield Row(number, {**names, **value})
            elif isinstance(value, BadRow):
                yield Row(number, {}, value)
            else:
                example = '{"text": "…", "label": "…"}'
                what = f": {type(value).__name__}, expected an object such as {example}"
                yield Row(number, {}, source.bad(number, "not an object", what))


def _line_objects(source: Source, stream: BinaryIO) -> Iterator[tuple[int, Any]]:
    """Parse each line that is not blank. Errors: the file is one object that contains the rows."""
    lines = lines_of(source, stream)
    number, line = next(((number, line) for number, line in lines if line.strip()), (0, "null"))
    value = _parsed(source, number, line, first=True) if number else None
    if isinstance(value, dict) and not _is_row(source, value):  # a row only where it is not alone
        after = next((item for item in lines if item[1].strip()), None)
        if after is None:
            raise _container(source, f"one object with the keys {', '.join(map(repr, list(value)[:5]))}")
        lines = chain([after], lines)
    if number:
        yield number, value
    for number, line in lines:
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError):
            if line.strip():
                yield number, _parsed(source, number, line)


def _parsed(source: Source, number: int, line: str, *, first: bool = False) -> Any:
    """Parse a line. Errors: no JSON, or a number of more than 4,300 digits (both ValueErrors of `json`)."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        if first and line.rstrip().endswith(("{", ",", "[")):
            raise _container(source, "one object over several lines") from None
        return source.bad(number, "not JSON", f": not JSON: {error}")


def _is_row(source: Source, value: dict[str, Any]) -> bool:
    """Tell whether an object is a row: it has a named or well-known column, or no nested value."""
    named = any(key in source.asked or key.casefold() in KNOWN for key in value if not isinstance(value[key], dict))
    return named or not any(isinstance(item, dict | list) for item in value.values())


def _container(source: Source, what: str) -> PotstillError:
    return PotstillError(
        f"{source.path} holds {what}, expected an array of objects, or one object a line",
        hint=f"take the rows out of it, e.g. jq -c '.data[]' {source.path} > rows.jsonl",
        code=BAD_DATA,
    )
