"""Read a text file line by line: file → (line number, text). Gzip is detected by content, whatever the name.

Lines end at "\\n" only: `str.splitlines` would also cut at U+0085 and U+2028, which occur inside real texts. Bytes are
decoded line by line, so that bad encoding is reported with its line. Only one line is in memory; a line of more than
`LONGEST` bytes is refused, so that a few kilobytes of gzip cannot decompress to gigabytes.
"""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from data.errors import BAD_DATA, NO_INPUT, NO_PERMISSION, PotstillError
from data.readers.source import SKIP, Source

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
GZIP = b"\x1f\x8b"
DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)  # what reading broken gzip data raises
LONGEST = 16 << 20  # bytes of one line, or of one cell: a longer one is no text but a broken file


def numbered_lines(source: Source) -> Iterator[tuple[int, str]]:
    """Stream (1-based number, line without its end) of a UTF-8 file, with or without a byte order mark.

    With `source.skip_bad`, bytes that are not UTF-8 come as lone surrogates, and the text that holds them is skipped.
    """
    with opened(source) as stream:
        yield from lines_of(source, stream)


def lines_of(source: Source, stream: BinaryIO) -> Iterator[tuple[int, str]]:
    """Stream the numbered lines of an opened file."""
    number = 0
    try:
        for number, raw in enumerate(iter(partial(stream.readline, LONGEST + 1), b""), start=1):
            if number == 1:
                raw = without_mark(source, raw)
            if len(raw) > LONGEST:
                raise PotstillError(
                    f"{source.at(number)}: more than {LONGEST:,} bytes in one line",
                    hint="a text file with line ends is expected; split or remove that line",
                    code=BAD_DATA,
                )
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                if not source.skip_bad:
                    raise bad_encoding(source, number, raw, error) from None
                line = raw.decode("utf-8", "surrogateescape")
            yield number, line.removesuffix("\n").removesuffix("\r")
    except DAMAGED as error:
        raise damaged(source, f"line {number}", error) from None


@contextmanager
def opened(source: Source) -> Iterator[BinaryIO]:
    """Open a file for reading bytes, decompressed if its first two bytes are gzip's. The stream has `peek`."""
    with open_file(source) as stream:
        packed = stream.peek(2)[:2] == GZIP  # type: ignore[attr-defined]
        yield cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if packed else stream


def open_file(source: Source) -> BinaryIO:
    """Open a file for reading bytes. Errors: missing, a directory, or without permission."""
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
    except ValueError as error:  # a null byte in the name
        raise PotstillError(f"{path!s:.200} names no file: {error}", code=NO_INPUT) from None


def damaged(source: Source, where: str, error: Exception) -> PotstillError:
    """Make the error for gzip data that is cut off or damaged. where: the last place that was read."""
    return PotstillError(
        f"{source.path}: the gzip data is cut off or damaged after {where} ({error})",
        hint="fetch or make the file again",
        code=BAD_DATA,
    )


def without_mark(source: Source, first: bytes) -> bytes:
    if first.startswith(UTF16):
        raise PotstillError(
            f"{source.at(1)}: the file is UTF-16, expected UTF-8",
            hint=f"iconv -f UTF-16 -t UTF-8 {source.path}",
            code=BAD_DATA,
        )
    return first.removeprefix(codecs.BOM_UTF8)


def bad_encoding(source: Source, number: int, raw: bytes, error: UnicodeDecodeError) -> PotstillError:
    return PotstillError(
        f"{source.at(number)}: byte {raw[error.start]:#04x} at position {error.start} is not UTF-8",
        hint=f"convert the file first, e.g. iconv -f LATIN1 -t UTF-8 {source.path}; or {SKIP}",
        code=BAD_DATA,
    )


def _neighbours(path: Path) -> str:
    names = sorted(item.name for item in path.parent.iterdir() if item.is_file()) if path.parent.is_dir() else []
    if names:
        return f"files in {path.parent}: {', '.join(names[:10])}{' …' if len(names) > 10 else ''}"
    return "" if path.parent.is_dir() else f"the directory {path.parent} is not there either"
