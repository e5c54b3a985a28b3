"""Stream the rows of any source: find its format and call the reader of that format."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from data.errors import PotstillError
from data.readers import READERS
from data.readers.formats.hub import PREFIXES
from data.readers.formats.lines import numbered_lines
from data.readers.source import Row, Source

ENDINGS = {
    ".tsv": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
}
PACKED = ".gz"  # the ending before it names the format of a compressed file
PEEK = 20  # lines of a .txt file looked at


def rows_of(source: Source) -> Iterator[Row]:
    """Stream the rows of a source in their order, in flat memory."""
    return READERS[format_of(source)](source)


def format_of(source: Source) -> str:
    """Return the format: given by the user, else by the address, else by the ending; a .txt file with tabs is TSV."""
    if source.format is not None:
        if source.format not in READERS:
            raise PotstillError(f"unknown format {source.format!r}", hint=f"formats: {', '.join(READERS)}")
        return source.format
    if str(source.path).startswith(PREFIXES):
        return "hub"
    name = Path(source.path).name.lower()
    ending = Path(name.removesuffix(PACKED)).suffix
    if ending == ".txt":
        return "tsv" if source.delimiter or _tabbed(source) else "text"
    if ending not in ENDINGS or (ENDINGS[ending] == "parquet" and name.endswith(PACKED)):
        known = ", ".join([*ENDINGS, ".txt"])
        raise PotstillError(
            f"{source.path}: no known ending ({known}; all but .parquet also with {PACKED} behind)",
            hint=f"--format tsv, or another of {', '.join(READERS)}",
        )
    return ENDINGS[ending]


def _tabbed(source: Source) -> bool:
    start = [line for _, line in islice(numbered_lines(source), PEEK) if line.strip()]
    return bool(start) and all("\t" in line for line in start)
