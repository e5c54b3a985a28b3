"""One student of a table: trained for several seeds from a cache, measured on a file, timed → `Row`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from data import config as configs
from data.manifest import read_manifest
from data.progress import Progress
from data.readers.examples import read
from data.readers.source import Source
from student_train.config import TrainConfig
from student_train.directory.sealed import best_student
from student_train.measure.bench import bench
from student_train.measure.evaluate import evaluate_all
from student_train.train import train

TEXTS = 256  # texts that a student is timed on


@dataclass(frozen=True)
class Row:
    """A line of the table; what was not measured stays out.

    dev, test  mean of the main metric over the seeds, with its standard deviation; train_rows: rows/s of training
    """

    arm: str
    seeds: int
    dev: float
    test: float
    dev_std: float = 0.0
    test_std: float = 0.0
    parameters: int | None = None
    table: int | None = None
    megabytes: float | None = None
    train_rows: float | None = None
    predict_rows: float | None = None
    p50_ms: float | None = None
    steps: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


def measured(
    name: str,
    settings: Mapping[str, Any],
    caches: list[Path],
    files: Mapping[str, Path],
    out: Path,
    *,
    progress: Progress,
) -> Row:
    """Train the students of one arm, or take those that are there, and measure them.

    settings: fields of `TrainConfig`; files: `dev`, and `test` (else dev stands for it)
    """
    config = configs.build(TrainConfig, dict(settings), where=name)
    train(config, caches, Source(files["dev"]), out, progress=progress)
    test = files.get("test", files["dev"])
    found = evaluate_all({name: out}, {"dev": Source(files["dev"]), "test": Source(test)}, progress=progress)[name]
    best = best_student(out)
    manifest = read_manifest(best, "student")
    task = manifest.task
    rows = [row for row, _ in zip(read(Source(test), task, split="test"), range(TEXTS), strict=False)]
    [timed] = bench(
        [best],
        texts=[row.text for row in rows],
        pairs=[row.pair or "" for row in rows] if task.pair else None,
        threads=1,
        progress=progress,
    )
    metric = task.rules.main_metric
    dev, score = found["dev"].spread(metric), found["test"].spread(metric)
    return Row(
        name,
        len(config.seeds),
        dev["mean"],
        score["mean"],
        dev["std"],
        score["std"],
        timed["parameters"],
        timed["embedding_parameters"],
        timed["megabytes"],
        manifest.report["rows_per_second"],
        timed["rows_per_second"],
        timed["p50_ms"],
        manifest.report["steps"],
        dict(settings),
    )
