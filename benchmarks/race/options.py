"""What every benchmark can be told."""

import argparse
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from benchmarks.race.arm import ROOT


@dataclass(frozen=True)
class Options:
    """data: folder with train.tsv and dev.tsv; out: where results go; work: scratch; the others as said."""

    rounds: int
    threads: int
    rows: int
    data: Path
    out: Path
    work: Path
    quick: bool


def parser(doc: str, *, rows: int) -> argparse.ArgumentParser:
    """The options all benchmarks share. rows: what the fast arms do in one round."""
    made = argparse.ArgumentParser(description=(doc or "").split("\n")[0])
    made.add_argument("--rounds", type=int, default=5, help="warm rounds of each arm")
    made.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of every arm")
    made.add_argument("--rows", type=int, default=rows, help="texts of one round")
    made.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "sst2", help="SST-2 as TSV files")
    made.add_argument("--out", type=Path, help="where NAME.json and NAME.svg go")
    made.add_argument("--quick", action="store_true", help="a smoke run: few rows, a tiny teacher, nothing to quote")
    return made


def options_of(values: argparse.Namespace, *, quick_rows: int = 256) -> Options:
    """Settle the options; a smoke run writes beside the real results, never over them."""
    results = ROOT / ".cache" / "bench" / "quick" if values.quick else ROOT / "benchmarks" / "results"
    return Options(
        rounds=min(values.rounds, 2) if values.quick else values.rounds,
        threads=values.threads,
        rows=min(values.rows, quick_rows) if values.quick else values.rows,
        data=values.data.resolve(),
        out=(values.out or results).resolve(),
        work=ROOT / ".cache" / "bench" / f"{'quick' if values.quick else 'full'}-{_short(values.data)}",
        quick=values.quick,
    )


def _short(data: Path) -> str:
    """What is made of one data set must not be taken for another's."""
    return hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:8]
