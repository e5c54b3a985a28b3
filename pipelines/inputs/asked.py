"""The input of `predict`: a pipe or a file → one `Asked` per line or row, in order, whether it can be answered or not;
and batches of them, each as large as what has arrived so far.
"""

import codecs
import os
import select
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

from data.errors import BAD_DATA, NO_INPUT, PotstillError
from data.readers.columns import Columns
from data.readers.formats.lines import LONGEST, numbered_lines
from data.readers.opened import open_source
from data.readers.rows import format_of
from data.readers.said import FileReport, FileTally
from data.readers.source import Row, Source
from data.readers.texts import Unusable, text_of
from data.tasks.task import Task

TABLES = ("tsv", "csv")
READ = 1 << 16  # bytes taken from a pipe at once, at most
BATCH = 256


@dataclass(frozen=True)
class Asked:
    """One input line, or one row of a file. fault: why it cannot be answered; its texts are then as far as readable."""

    line: int
    text: str
    pair: str | None = None
    fault: str = ""

    @property
    def texts(self) -> list[str]:
        """The text or both texts; lone surrogates, which no output can hold, become question marks."""
        found = [self.text] if self.pair is None else [self.text, self.pair]
        return [text.encode("utf-8", "replace").decode("utf-8") for text in found]


def piped(stream: TextIO | None, task: Task) -> Iterator[Asked | None]:
    """Yield one `Asked` per line of a pipe; None whenever no further line has arrived yet."""
    if stream is None:
        raise PotstillError("there is no pipe to read", hint="name a file", code=NO_INPUT)
    number = 0
    for raw in arriving(stream.fileno()):
        if raw is None:
            yield None
            continue
        number += 1
        yield of_line(number, raw, task)


def of_file(source: Source, task: Task, tell: Callable[[FileReport], object]) -> Iterator[Asked]:
    """Yield one `Asked` per row of a file; plain text is read line by line, as from a pipe.

    tell: called with what the file was read as, once its rows are drawn
    """
    assert source.skip_bad  # or the first bad row would be raised
    if format_of(source) == "text":
        for number, line in numbered_lines(source):
            yield of_line(number, line.encode("utf-8", "surrogateescape"), task)
        return
    opened, tally = open_source(source, pair=task.pair), FileTally(task)
    if task.pair != (opened.columns.pair is not None):
        has, wants = ("two texts", "one") if opened.columns.pair else ("one text", "two")
        hint = f"columns: {', '.join(opened.names)}; options: --text, --pair"
        raise PotstillError(f"{source.path} has {has} a row, this student reads {wants}", hint=hint, code=BAD_DATA)
    following = 0
    for row in opened.rows:
        for blank in range(following or row.line, row.line):  # readers pass over blank lines
            yield Asked(blank, "", fault="the line is empty")
        asked = of_row(source, row, opened.columns, tally)
        breaks = sum(str(cell).count("\n") for cell in row.values.values()) if format_of(source) in TABLES else 0
        following = row.line + 1 + breaks
        yield asked
    tell(tally.report(source, {"role": "texts"} | opened.described()))


def of_row(source: Source, row: Row, columns: Columns, tally: FileTally) -> Asked:
    """Make an `Asked` of a table row; a cell that is not text is turned into text as far as possible."""
    sides, texts, bad = [columns.texts, columns.pairs] if columns.pair else [columns.texts], [], row.fault
    for names in sides:
        try:
            texts.append("" if row.fault else text_of(source, row, names))
        except Unusable as error:
            bad = bad or error.bad
            texts.append(" ".join(str(row.values[name]) for name in names if row.values[name] is not None))
    if bad:
        tally.skip(bad)
    else:
        tally.add(None)
    fault = bad.error.message.removeprefix(source.at(row.line)).lstrip(":, ") if bad else ""
    return Asked(row.line, texts[0], texts[1] if columns.pair else None, fault)


def arriving(handle: int) -> Iterator[bytes | None]:
    """Yield lines without their line ends; None whenever no further line has arrived yet."""
    held = b""
    while block := os.read(handle, READ):
        *lines, held = (held + block).split(b"\n")
        if len(held) > LONGEST:
            raise PotstillError(f"more than {LONGEST:,} bytes without a line end", code=BAD_DATA)
        yield from lines
        if lines and not select.select([handle], [], [], 0)[0]:
            yield None
    if held:
        yield held


def of_line(number: int, raw: bytes, task: Task) -> Asked:
    """Make an `Asked` of one line: the whole line, or for pairs the texts before and after the first tab."""
    if number == 1:
        raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        text, fault = raw.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        text = raw.decode("utf-8", "replace")
        fault = f"byte {raw[error.start]:#04x} at position {error.start} is not UTF-8"
    text = text.removesuffix("\r")
    if not task.pair:
        return checked(number, text, None, fault)
    first, tab, second = text.partition("\t")
    alone = "" if tab or not text.strip() else "one text, this student reads pairs: put a tab between the two"
    return checked(number, first, second if tab else None, fault or alone)


def checked(number: int, text: str, pair: str | None, fault: str = "") -> Asked:
    """Mark an `Asked` whose texts cannot be answered with the reason."""
    if not fault:
        empty = [
            name for name, value in (("text", text), ("second text", pair)) if value is not None and not value.strip()
        ]
        fault = f"the {' and the '.join(empty)} {'are' if len(empty) > 1 else 'is'} empty" if empty else ""
    return Asked(number, text, pair, fault)


def batches(asked: Iterable[Asked | None]) -> Iterator[list[Asked]]:
    """Collect batches of up to `BATCH`; a batch never waits for input that has not arrived."""
    chunk: list[Asked] = []
    for item in asked:
        chunk += [item] if item else []
        if chunk and (item is None or len(chunk) == BATCH):
            yield chunk
            chunk = []
    if chunk:
        yield chunk
