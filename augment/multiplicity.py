"""Count synthetic rows and originals, by the originals' length and by operation."""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ORIGINAL = "original"
LENGTHS = {"1": 1, "2": 2, "3": 3, "4-5": 5, "6-10": 10, "11-20": 20, "21+": 1 << 31}  # name -> most words


class Multiplicity:
    """Running counts of written rows; the length of a pair is that of both texts together."""

    def __init__(self) -> None:
        self._ops: Counter[str] = Counter()
        self._rows = np.zeros(len(LENGTHS), np.int64)
        self._originals = np.zeros(len(LENGTHS), np.int64)

    def add(self, ops: pa.ChunkedArray, n_words: pa.ChunkedArray) -> None:
        """Count rows by their operation (null: an original) and the number of words of their original."""
        for value in pc.value_counts(ops).to_pylist():
            self._ops[value["values"] or ORIGINAL] += value["counts"]
        bucket = np.searchsorted(list(LENGTHS.values()), n_words.to_numpy())
        is_original = ops.is_null().to_numpy()
        self._rows += np.bincount(bucket, minlength=len(LENGTHS))
        self._originals += np.bincount(bucket[is_original], minlength=len(LENGTHS))

    def counts(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return {"ops": dict(self._ops), "rows": self._rows.tolist(), "originals": self._originals.tolist()}

    def add_counts(self, counts: dict[str, Any]) -> None:
        """Add the counts of other rows."""
        self._ops.update(counts["ops"])
        self._rows += np.array(counts["rows"], np.int64)
        self._originals += np.array(counts["originals"], np.int64)

    def report(self) -> dict[str, Any]:
        """Return totals and the factor: all rows, originals included, per original."""
        originals, rows = int(self._originals.sum()), int(self._rows.sum())
        by_length = {
            name: {"originals": int(n), "rows": int(m), "factor": _factor(int(m), int(n))}
            for name, n, m in zip(LENGTHS, self._originals, self._rows, strict=True)
        }
        return {
            "originals": originals,
            "synthetic": rows - originals,
            "rows": rows,
            "factor": _factor(rows, originals),
            "by_length": by_length,
            "by_op": dict(sorted(self._ops.items(), key=lambda item: (-item[1], item[0]))),
        }


def _factor(rows: int, originals: int) -> float:
    return round(rows / originals, 3) if originals else 0.0
