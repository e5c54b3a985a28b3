"""A smoke run of a whole benchmark: few rows, a tiny teacher, arms in processes of their own, the gate, the files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from data.demo.files import demo_files

ROOT = Path(__file__).parents[2]


@pytest.fixture
def sst2(tmp_path: Path) -> Path:
    """The embedded reviews under SST-2's names and columns."""
    data = tmp_path / "sst2"
    data.mkdir()
    for split in ("train", "dev"):
        _, *rows = demo_files()[split].read_text("utf-8").splitlines()
        pairs = [row.split("\t") for row in rows]
        lines = [f"{text}\t{int(label == pairs[0][1])}" for text, label in pairs]
        (data / f"{split}.tsv").write_text("\n".join(["sentence\tlabel", *lines]) + "\n", "utf-8")
    return data


@pytest.mark.slow
@pytest.mark.parametrize(("name", "more"), [("teacher", ()), ("train", ()), ("stream", ("--only", "race"))])
def test_a_quick_run_passes_the_gate_and_writes_its_files(
    name: str, more: tuple[str, ...], sst2: Path, tmp_path: Path
) -> None:
    out = tmp_path / "results"
    command = [sys.executable, "-m", f"benchmarks.{name}", "--quick", "--rounds", "1", "--threads", "1", *more]
    subprocess.run(
        [*command, "--data", str(sst2), "--out", str(out)],
        cwd=ROOT,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    result = json.loads((out / f"{name}.json").read_text("utf-8"))
    assert result["quick"] and result["parity"]
    assert result["aims"] or result["skipped"]  # where no rival is installed, the stream's race has nothing to aim at
    assert (out / f"{name}.svg").stat().st_size > 0
    assert all({"median", "low", "high"} == set(ratio) for ratio in result["ratios"].values())
