"""Dev texts that are also training rows of the student: they make the dev score too good."""

from collections.abc import Iterator
from itertools import repeat

import pyarrow as pa

from data.example import Example
from data.row_groups import read_groups
from data.text.held_out import Overlap
from student_train.feed.groups import chosen
from student_train.feed.reader import Reader

HINT = "potstill augment … --exclude DEV leaves them out"


def note_overlap(examples: list[Example], reader: Reader) -> str:
    """Say how many dev examples are also rows of the reader. One pass over the texts: 2 s per million rows."""
    overlap = Overlap(examples)
    for table in _tables(reader):
        pairs = table["pair"].to_pylist() if reader.task.pair else repeat(None)
        overlap.see(zip(table["text"].to_pylist(), pairs, strict=False))
    return overlap.note(HINT)


def _tables(reader: Reader) -> Iterator[pa.Table]:
    names = ["op", "label", "text", *(["pair"] if reader.task.pair else [])]
    for part in reader.parts:
        for table in read_groups(reader.examples / part, names):
            yield table.filter(pa.array(chosen(table, (reader.rows, reader.labels))))
