"""Decode Thrift's compact protocol as far as Parquet's footer and page headers use it: bytes -> field number -> value.

The bytes are not trusted: every length is compared with what is left. pyarrow reads the same structures, but does not
expose page headers, and crashes the process where a footer contradicts itself.
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

import mmap
from typing import Any

Content = bytes | mmap.mmap
DEEPEST = 16
LONGEST_TEXT = 1 << 16  # bytes of a text that is kept; longer ones (statistics) are passed over
TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
NUMBERS = (4, 5, 6)  # of 16, 32 and 64 bits


def read_struct(content: Content, at: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """Read the struct at an offset; return field number -> value, and the offset of its end.

    Numbers are int, texts bytes, lists list, structs dict; doubles are skipped. Errors: ValueError or IndexError for
    bytes that are no struct.
    """
    if depth > DEEPEST:
        raise ValueError(f"structs lie {DEEPEST} levels deep")
    fields: dict[int, Any] = {}
    number = 0
    while (byte := content[at]) != 0:
        kind, step, at = byte & 15, byte >> 4, at + 1
        if step:
            number += step
        else:
            number, at = read_number(content, at)
        if kind in (TRUE, FALSE):  # the value lies in the type itself
            fields[number] = kind == TRUE
        else:
            fields[number], at = _read_value(content, at, kind, depth)
    return fields, at + 1


def read_number(content: Content, at: int) -> tuple[int, int]:
    """Read a signed number; return it and the offset of its end."""
    value, at = _read_varint(content, at)
    return (value >> 1) ^ -(value & 1), at


def _read_value(content: Content, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in NUMBERS:
        return read_number(content, at)
    if kind == STRUCT:
        return read_struct(content, at, depth + 1)
    if kind == BINARY:
        length, at = _read_varint(content, at)
        if length > len(content) - at:
            raise ValueError(f"a text claims {length:,} bytes, {len(content) - at:,} are there")
        return bytes(content[at : at + length]) if length <= LONGEST_TEXT else None, at + length
    if kind in (LIST, SET):
        return _read_list(content, at, depth)
    if kind in (BYTE, TRUE, FALSE):
        return content[at], at + 1
    if kind == DOUBLE:
        return None, at + 8
    raise ValueError(f"no type {kind} in Parquet's structures")


def _read_list(content: Content, at: int, depth: int) -> tuple[list[Any], int]:
    """Read a list: its first byte holds type and length, 15 for a length that follows; elements have a byte or more."""
    kind, length, at = content[at] & 15, content[at] >> 4, at + 1
    if length == 15:
        length, at = _read_varint(content, at)
    if length > len(content) - at:
        raise ValueError(f"a list claims {length:,} elements, {len(content) - at:,} bytes are there")
    items = []
    for _ in range(length):
        item, at = _read_value(content, at, kind, depth + 1)
        items.append(item)
    return items, at


def _read_varint(content: Content, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("a number of more than ten bytes")
