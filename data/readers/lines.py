"""A text file as numbered lines: bytes → (line number, text).

Lines end at "\\n" and nowhere else: `str.splitlines` would also cut at U+0085 and U+2028, which stand inside real
texts. Bytes are decoded line by line, so that bad encoding is reported with its line.
"""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from data.errors import BAD_DATA, NO_INPUT, NO_PERMISSION, PotstillError
from data.readers.source import Source

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def numbered_lines(source: Source) -> Iterator[tuple[int, str]]:
    """Stream (1-based number, line without its end) of a UTF-8 file, with or without a byte order mark."""
    with open_file(source) as stream:
        for number, raw in enumerate(stream, start=1):
            if number == 1:
                raw = _without_mark(source, raw)
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise _bad_encoding(source, number, raw, error) from None
            yield number, line.removesuffix("\n").removesuffix("\r")


def open_file(source: Source) -> BinaryIO:
    """Open a file for reading bytes; what is missing or closed to us is a clear error."""
    path = Path(source.path)
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise PotstillError(f"{path} is not there", hint=_neighbours(path), code=NO_INPUT) from None
    except IsADirectoryError:
        raise PotstillError(
            f"{path} is a directory, not a file", hint=f"a saved Hugging Face dataset is read as disk:{path}"
        ) from None
    except PermissionError:
        raise PotstillError(f"{path} may not be read", code=NO_PERMISSION) from None


def _without_mark(source: Source, first: bytes) -> bytes:
    if first.startswith(UTF16):
        raise PotstillError(
            f"{source.at(1)}: the file is UTF-16, expected UTF-8",
            hint=f"iconv -f UTF-16 -t UTF-8 {source.path}",
            code=BAD_DATA,
        )
    return first.removeprefix(codecs.BOM_UTF8)


def _bad_encoding(source: Source, number: int, raw: bytes, error: UnicodeDecodeError) -> PotstillError:
    return PotstillError(
        f"{source.at(number)}: byte {raw[error.start]:#04x} at position {error.start} is not UTF-8",
        hint=f"convert the file first, e.g. iconv -f LATIN1 -t UTF-8 {source.path}",
        code=BAD_DATA,
    )


def _neighbours(path: Path) -> str:
    names = sorted(item.name for item in path.parent.iterdir() if item.is_file()) if path.parent.is_dir() else []
    if names:
        return f"files in {path.parent}: {', '.join(names[:10])}{' …' if len(names) > 10 else ''}"
    return "" if path.parent.is_dir() else f"the directory {path.parent} is not there either"
