"""One JSON object a line → rows. Columns are the keys of the first object; a later one may lack some."""

import json
from collections.abc import Iterator

from data.errors import BAD_DATA, PotstillError
from data.readers.lines import numbered_lines
from data.readers.source import Row, Source


def read_rows(source: Source) -> Iterator[Row]:
    """Stream the objects of a JSON Lines file; blank lines are passed over."""
    names: dict[str, None] | None = None
    for number, line in numbered_lines(source):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise PotstillError(f"{source.at(number)}: not JSON: {error}", code=BAD_DATA) from None
        if not isinstance(value, dict):
            raise PotstillError(
                f"{source.at(number)}: {type(value).__name__}, expected an object such as "
                '{"text": "…", "label": "…"}',
                code=BAD_DATA,
            )
        names = dict.fromkeys(value) if names is None else names
        yield Row(number, {**names, **value})
