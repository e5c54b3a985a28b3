"""Examples joined with the teacher's answers as a polars LazyFrame.

    open_frame("runs/x/cache").filter(pl.col("agrees").not_()).sort("entropy").head(20).collect()

Cache directory -> LazyFrame, one row an example, in the order of the examples. Everything is lazy: nothing is read
before `collect`, and then only the selected columns. Float16 vectors need polars 1.36. Signals per sub-word
(hidden, q, k, v, gram) stay packed bytes; `matrix` and `square` unpack a row.
"""

import math
from pathlib import Path

import numpy as np
import polars as pl

from data.errors import BAD_DATA, PotstillError
from data.manifest import Manifest, check_made_from, read_manifest
from data.schema import SIGNALS, split_signal
from teacher_cache.view.kinds import VIEWS


def open_frame(directory: str | Path) -> pl.LazyFrame:
    """Open a sealed cache beside its examples; ids are compared in order, part by part.

    Columns: all of the examples; n_tokens, status, logits; what the kind of task adds (`class_columns`, `score_columns`
    in teacher_cache/view; null where the teacher has no answer); cls.<layer> and mean.<layer> as float16 [D]; input_ids
    as a list; hidden, q, k, v and gram as bytes (see `matrix`, `square`).
    Errors: examples that changed since; rows that are not the examples' (BAD_DATA).
    """
    directory = Path(directory)
    manifest = read_manifest(directory, "cache")
    examples = (directory / str(manifest.config["examples"])).resolve()
    source = read_manifest(examples, "examples")
    check_made_from(directory, manifest, "examples", source.root)
    check_ids(directory, manifest, examples, source)
    asked = _scan(examples, source)
    said = _scan(directory, manifest).drop("id").with_columns(_vectors(manifest))
    frame = pl.concat([asked, said], how="horizontal")
    return VIEWS[manifest.task.kind].columns(frame, manifest.task)


def matrix(row: bytes, width: int) -> np.ndarray:
    """Unpack a row of `hidden`, `q`, `k` or `v`: float16 [T, width]. width: D, or heads x head size."""
    return np.frombuffer(row, "<f2").reshape(-1, width)


def square(row: bytes) -> np.ndarray:
    """Unpack a row of `gram`: its lower triangle, stored row by row, as a symmetric float32 [T, T]."""
    packed = np.frombuffer(row, "<f4")
    side = math.isqrt(2 * len(packed))  # T² < T(T + 1) < (T + 1)²
    full = np.zeros((side, side), np.float32)
    full[np.tril_indices(side)] = packed
    return full + np.tril(full, -1).T


def check_ids(directory: Path, manifest: Manifest, examples: Path, source: Manifest) -> None:
    """Refuse a cache whose rows are not the rows of the examples, in the same order."""
    for part, asked in zip(manifest.parts, source.parts, strict=True):
        ours, theirs = [_ids(path) for path in (directory / part.name, examples / asked.name)]
        if not ours.equals(theirs):
            raise PotstillError(
                f"{directory / part.name} does not hold the ids of {examples / asked.name}",
                hint="one of them was damaged or replaced: run potstill cache again into another directory",
                code=BAD_DATA,
            )


def _scan(directory: Path, manifest: Manifest) -> pl.LazyFrame:
    return pl.scan_parquet([directory / part.name for part in manifest.parts], glob=False)


def _ids(path: Path) -> pl.Series:
    return pl.scan_parquet(path, glob=False).select("id").collect()["id"]


def _vectors(manifest: Manifest) -> list[pl.Expr]:
    halves = pl.Array(pl.Float16, int(manifest.config["width"]))
    signals = {name: split_signal(name)[0] for name in manifest.config["signals"]}
    columns = [name for name, signal in signals.items() if signal.per == "text" and signal is not SIGNALS["logits"]]
    return [pl.col(name).bin.reinterpret(dtype=halves, endianness="little") for name in columns]
