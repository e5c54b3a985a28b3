"""Remove duplicates over the whole set in flat memory: a stream of ids -> which rows stay.

Of equal ids the row of the lowest rank stays, then the first one. Up to `limit` records are kept in memory; more are
spilled to 256 files by the first byte of their id, and each file is sorted alone. N rows need N bits of memory.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

LIMIT = 1 << 20  # records of 32 bytes held in memory
BUCKETS = 256

RECORD = np.dtype([("high", "<u8"), ("low", "<u8"), ("order", "<u8"), ("value", "<i8")])
_RANK = np.uint64(62)  # the order's upper two bits hold the rank, so that rank is compared before position

LABELLED, UNLABELLED, SYNTHETIC = range(3)  # ranks: a labelled row beats an unlabelled one, an original a synthetic


class Deduper:
    """Takes the ids of a set in order, then finds the repeated ones. directory: for spilled records."""

    def __init__(self, directory: Path, *, limit: int = LIMIT) -> None:
        self.rows = 0
        self._directory = directory
        self._limit = limit
        self._waiting: list[np.ndarray] = []
        self._held = 0
        self._spilled = False

    def add(self, ids: pa.ChunkedArray, ranks: np.ndarray, values: np.ndarray | None = None) -> None:
        """Take the next N rows: ids of 32 hex digits, ranks [N], and for conflicts a value [N] (int64, 0: none)."""
        records = np.zeros(len(ids), RECORD)
        packed = np.frombuffer(bytes.fromhex("".join(ids.to_pylist())), "<u8").reshape(-1, 2)  # [N, 2]
        records["high"], records["low"] = packed[:, 0], packed[:, 1]
        positions = np.arange(self.rows, self.rows + len(ids), dtype=np.uint64)
        records["order"] = (ranks.astype(np.uint64) << _RANK) | positions
        if values is not None:
            records["value"] = values
        self.rows += len(ids)
        self._waiting.append(records)
        self._held += len(records)
        if self._held > self._limit:
            self._spill()

    def finish(self) -> tuple[np.ndarray, int, int]:
        """Return one bit per row, set where the row stays (see `kept_rows`), how many stay, and the conflicts.

        A conflict is a dropped row whose value differs from that of the row that stays, where both have one.
        """
        bits = np.full((self.rows + 7) // 8, 255, np.uint8)
        kept, conflicts = self.rows, 0
        for records in self._buckets():
            dropped, conflicting = _repeated(records)
            np.bitwise_and.at(bits, dropped >> 3, ~(1 << (dropped & 7)).astype(np.uint8))
            kept -= len(dropped)
            conflicts += conflicting
        return bits, kept, conflicts

    def _buckets(self) -> Iterator[np.ndarray]:
        if not self._spilled:
            records, self._waiting = np.concatenate([np.zeros(0, RECORD), *self._waiting]), []
            yield records
            return
        self._spill()
        for path in sorted(self._directory.glob("bucket-*")):
            yield np.fromfile(path, RECORD)
            path.unlink()

    def _spill(self) -> None:
        """Append the waiting records to their buckets' files."""
        if not self._spilled:
            self._directory.mkdir(parents=True, exist_ok=True)
            for path in self._directory.glob("bucket-*"):  # of a run that was interrupted
                path.unlink()
            self._spilled = True
        records = np.concatenate([np.zeros(0, RECORD), *self._waiting])
        buckets = (records["high"] & np.uint64(BUCKETS - 1)).astype(np.intp)
        order = np.argsort(buckets, kind="stable")
        ends = np.searchsorted(buckets[order], np.arange(BUCKETS), side="right")
        for bucket, mine in enumerate(np.split(order, ends[:-1])):
            with (self._directory / f"bucket-{bucket:03d}").open("ab") as stream:
                stream.write(records[mine].tobytes())
        self._waiting, self._held = [], 0


def kept_rows(bits: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Read which of the rows from `start` to `stop` stay: bool [stop - start]."""
    first = start // 8
    some = np.unpackbits(bits[first : (stop + 7) // 8], bitorder="little")
    return some[start - first * 8 : stop - first * 8].astype(bool)


def _repeated(records: np.ndarray) -> tuple[np.ndarray, int]:
    """Find the positions of all but the first of equal ids, and how many of them conflict with it."""
    records = _twins(records)
    records = records[np.lexsort((records["order"], records["low"], records["high"]))]
    if not len(records):
        return np.zeros(0, np.int64), 0
    new = np.ones(len(records), bool)
    new[1:] = (records["high"][1:] != records["high"][:-1]) | (records["low"][1:] != records["low"][:-1])
    first = np.maximum.accumulate(np.where(new, np.arange(len(records)), 0))  # index of the row that stays
    stays, value = records["value"][first], records["value"]
    conflicts = int(((value != 0) & (stays != 0) & (value != stays)).sum())
    mask = (np.uint64(1) << _RANK) - np.uint64(1)
    return (records["order"][~new] & mask).astype(np.int64), conflicts


def _twins(records: np.ndarray) -> np.ndarray:
    """Drop records whose first half of the id is unique, nearly all of them: sorting by all fields is slow."""
    order = np.argsort(records["high"])
    high = records["high"][order]
    twin = high[1:] == high[:-1]
    return records[order[np.append(twin, False) | np.append(False, twin)]] if len(order) else records
