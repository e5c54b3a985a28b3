"""Check the header of a safetensors file before a library opens it: file -> name -> {dtype, shape, data_offsets}.

The file is 8 bytes of length, a JSON header, then the numbers. The header must agree with the size of the file: else a
header that claims a terabyte over ten bytes of data would make a library allocate a terabyte.
"""

import json
import math
import os
from pathlib import Path
from typing import Any

from data.errors import BAD_DATA, PotstillError
from data.guards.untrusted import open_regular

# 25 kB for the 200 tensors of a BERT. The format itself allows 100 MB, which is a gigabyte of Python objects.
MAX_HEADER = 16 << 20
MAX_DIMENSIONS = 16
BITS = {
    "F64": 64,
    "I64": 64,
    "U64": 64,
    "C64": 64,
    "F32": 32,
    "I32": 32,
    "U32": 32,
    "F16": 16,
    "BF16": 16,
    "I16": 16,
    "U16": 16,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F8_E8M0": 8,
    "I8": 8,
    "U8": 8,
    "BOOL": 8,
}


def read_header(path: Path) -> dict[str, dict[str, Any]]:
    """Read the header of a safetensors file; refuse (BAD_DATA) a file whose size does not match it to the byte."""
    handle = open_regular(path)
    with os.fdopen(handle, "rb") as stream:
        size = os.fstat(handle).st_size
        length = int.from_bytes(stream.read(8), "little")
        if size < 10 or not 2 <= length <= size - 8:
            raise _bad(path, f"a header of {length:,} bytes in a file of {size:,}")
        if length > MAX_HEADER:
            raise _bad(path, f"a header of {length:,} bytes, above {MAX_HEADER:,}")
        entries = _parse(path, stream.read(length))
    entries.pop("__metadata__", None)
    _check_ranges(path, entries, size - 8 - length)
    return entries


def count_numbers(entries: dict[str, dict[str, Any]]) -> int:
    """Count the numbers in all tensors of a header."""
    return sum(math.prod(entry["shape"]) for entry in entries.values())


def _parse(path: Path, content: bytes) -> dict[str, Any]:
    try:
        entries = json.loads(content, object_pairs_hook=_unique)
    except (ValueError, RecursionError, MemoryError) as error:  # of which UnicodeDecodeError, JSONDecodeError
        raise _bad(path, f"its header is no JSON: {error}") from None
    if not isinstance(entries, dict):
        raise _bad(path, "its header is no table of tensors")
    return entries


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name stands there twice")
    return values


def _check_ranges(path: Path, entries: dict[str, Any], data: int) -> None:
    """Check that tensors follow each other without a gap, each of the size of its type and shape, to the file's end."""
    ranges = sorted((*_range(path, name, entry), name) for name, entry in entries.items())
    expected = 0
    for start, end, name in ranges:
        if start != expected:
            raise _bad(path, f"tensor {name!r} begins at byte {start:,}, the one before it ends at {expected:,}")
        expected = end
    if expected != data:
        raise _bad(path, f"its tensors take {expected:,} bytes, the file holds {data:,}")


def _range(path: Path, name: str, entry: Any) -> tuple[int, int]:
    values: list[Any] = [entry.get(key) for key in _KEYS] if isinstance(entry, dict) else [None] * 3
    kind, shape, offsets = values
    if not (_counts(shape) and len(shape) <= MAX_DIMENSIONS and _counts(offsets) and len(offsets) == 2):
        raise _bad(path, f"tensor {name!r} has no shape and offsets that can be read")
    if not isinstance(kind, str) or kind not in BITS:
        raise _bad(path, f"tensor {name!r} is of type {str(kind)[:20]!r}, known are {', '.join(BITS)}")
    start, end = offsets
    size = math.prod(shape) * BITS[kind] // 8
    if end - start != size:
        raise _bad(path, f"tensor {name!r} of shape {shape} takes {size:,} bytes, its range has {end - start:,}")
    return start, end


_KEYS = ("dtype", "shape", "data_offsets")


def _counts(values: Any) -> bool:
    """Tell whether a value is a list of non-negative integers of 63 bits at most."""
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 1 << 62 for value in values)


def _bad(path: Path, what: str) -> PotstillError:
    return PotstillError(
        f"{path} is not a sound safetensors file: {what}", hint="get or make the file again", code=BAD_DATA
    )
