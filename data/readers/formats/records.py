"""Stream the objects of one JSON array, on one line or on many; memory is one object.

json.load would hold the whole file, and several times its size as Python objects.
"""

import codecs
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from data.errors import BAD_DATA, PotstillError
from data.readers.formats.lines import DAMAGED, LONGEST, bad_encoding, damaged, without_mark
from data.readers.source import Source

PIECE = 1 << 20  # bytes read at once
BLANK = " \t\r\n"
BETWEEN = frozenset(BLANK + ",")


def starts_array(source: Source, stream: BinaryIO) -> bool:
    """Tell whether an opened file begins with a JSON array, without moving the read position."""
    try:
        start = bytes(stream.peek(PIECE)[:PIECE])  # type: ignore[attr-defined]
    except DAMAGED as error:
        raise damaged(source, "0 bytes", error) from None
    return start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"[")


def array_objects(source: Source, stream: BinaryIO) -> Iterator[tuple[int, Any]]:
    """Stream (number from 1, element) of an array. Errors: BAD_DATA where the file is cut off or no JSON."""
    decode, pieces = json.JSONDecoder().raw_decode, _pieces(source, stream)
    text = next(pieces).lstrip(BLANK).removeprefix("[")
    at = number = 0
    while True:
        while at < len(text) and text[at] in BETWEEN:
            at += 1
        if text[at : at + 1] == "]":
            return
        try:
            value, at = decode(text, at)
        except (ValueError, RecursionError) as error:  # no JSON, or the rest of the element was not read yet
            longer = _longer(text[at:], pieces) if isinstance(error, json.JSONDecodeError) else ""
            if len(longer) <= len(text) - at:
                raise PotstillError(
                    f"{source.path}, element {number + 1} of the array: not JSON, or cut off: {error}", code=BAD_DATA
                ) from None
            text, at = longer, 0
            continue
        number += 1
        yield number, value


def _longer(text: str, pieces: Iterator[str]) -> str:
    """Read on until the text has doubled, up to `LONGEST`: so the parsing of one element is linear in its size."""
    found, length = [text], len(text)
    while length <= 2 * len(text) and length <= LONGEST and (piece := next(pieces, "")):
        found.append(piece)
        length += len(piece)
    return "".join(found)


def _pieces(source: Source, stream: BinaryIO) -> Iterator[str]:
    """Read a UTF-8 file a piece at a time."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape" if source.skip_bad else "strict")
    count = 0
    try:
        while raw := stream.read(PIECE):
            raw = raw if count else without_mark(source, raw)
            count += 1
            if piece := decoder.decode(raw):
                yield piece
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise bad_encoding(source, 1, error.object, error) from None
    except DAMAGED as error:
        raise damaged(source, f"{count} MB", error) from None
