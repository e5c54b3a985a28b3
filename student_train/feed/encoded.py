"""Encoded rows on disk: what was encoded once is read by every later epoch, and by a run that goes on.

encoded/<key>/000012.ids   the rows of row group 12 of a reader

The key is a hash of the rows and of the vocabulary, so no folder is read that others made. A file holds little-endian
numbers: checksum (uint32), lengths of the first side (int32), of the second one, then ids of the first side, ids of the
second one and segment numbers where there are any (uint16 where the vocabulary has as few ids, else int32).

Measured on SST-2, one thread: to encode a row takes 24 µs, to write its ids 0.1, to read and check them 0.02.
"""

import mmap
import zlib
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import tokenizers

from data import store
from student_train.batch import Encoded
from student_train.feed.reader import Reader
from student_train.vocab.vocabulary import Vocabulary

CHECKSUM = 4  # bytes
VERSION = 1  # of these files; the rule by which words are cut stands in the digest of the vocabulary


@dataclass
class EncodedRows:
    """Files of encoded row groups. Any number of processes may write to one folder: they write the same bytes.

    counts    rows of each row group
    size      ids of the vocabulary V; sides: texts of a row; segments: whether there are segment numbers
    say       is told of a damaged file, and once that there is no room
    """

    folder: Path
    counts: tuple[int, ...]
    size: int
    sides: int
    segments: bool
    say: Callable[[str], None]
    full: bool = False

    def load(self, number: int) -> list[Encoded] | None:
        """Encoded rows of a row group, mapped, one `Encoded` a side; None where they are not there or damaged."""
        path = self._path(number)
        try:
            with path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return self._decode(mapped, number)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self.say(f"{path} is damaged ({error}): made again")
            return None

    def keep(self, number: int, sides: list[Encoded]) -> None:
        """Write a row group's encoded rows where they are not yet. A disk that is full costs time, never the run."""
        if self.full:
            return
        path = self._path(number)
        content = self._encode(sides)
        content = zlib.crc32(content, self._start(number)).to_bytes(CHECKSUM, "little") + content
        try:
            path.unlink(missing_ok=True)  # only what `load` has refused is written again
            store.put(path, content)
        except OSError as error:
            self.full = True
            self.say(f"{self.folder} cannot be written ({error}): texts are encoded in every epoch")

    def _encode(self, sides: list[Encoded]) -> bytes:
        segments = [side.types for side in sides if side.types is not None]
        assert (len(sides), bool(segments)) == (self.sides, self.segments)
        numbers = [side.values for side in sides] + segments
        return b"".join(
            [side.lengths.astype("<i4").tobytes() for side in sides]
            + [values.astype(self._dtype).tobytes() for values in numbers]
        )

    def _decode(self, mapped: mmap.mmap, number: int) -> list[Encoded]:
        """Read a file's numbers where they lie; ValueError for one that is not whole."""
        rows, at = self.counts[number], CHECKSUM
        with memoryview(mapped) as view:
            if zlib.crc32(view[at:], self._start(number)) != int.from_bytes(view[:at], "little"):
                raise ValueError("its checksum is another")
        lengths = np.frombuffer(mapped, "<i4", self.sides * rows, at).reshape(self.sides, rows)
        flat = np.frombuffer(mapped, self._dtype, -1, at + lengths.nbytes)
        totals = lengths.sum(axis=1, dtype=np.int64)
        if int(lengths.min(initial=1)) < 1 or int(totals.sum()) * (1 + self.segments) != len(flat):
            raise ValueError("its lengths are not those of its ids")
        if int(flat.min(initial=0)) < 0 or int(flat.max(initial=0)) >= self.size:
            raise ValueError("it has ids outside the vocabulary")
        parts = np.split(flat, np.cumsum([*totals, *totals[:-1]] if self.segments else totals[:-1]))
        types: list[np.ndarray | None] = [*parts[self.sides :]] or [None] * self.sides
        return [Encoded.laid(*side) for side in zip(parts[: self.sides], lengths, types, strict=True)]

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.ids"

    def _start(self, number: int) -> int:
        """Begin a checksum with the file's name, so that a file in the place of another is none."""
        return zlib.crc32(f"{self.folder.name}/{number}".encode())

    @property
    def _dtype(self) -> str:
        return "<u2" if self.size <= 1 << 16 else "<i4"


def open_encoded(directory: Path, reader: Reader, vocabulary: Vocabulary, *, say: Callable[[str], None]) -> EncodedRows:
    """Open the folder for a reader's rows in a vocabulary's ids, below `directory`; it need not be there."""
    groups = [astuple(group) for group in reader.groups]
    identity = [VERSION, tokenizers.__version__, reader.root, reader.rows, reader.labels, groups, vocabulary.digest()]
    return EncodedRows(
        folder=directory / store.digest_of(identity)[:16],
        counts=tuple(group.count for group in reader.groups),
        size=vocabulary.size,
        sides=2 if reader.task.pair and not vocabulary.joint else 1,
        segments=vocabulary.segments,
        say=say,
    )
