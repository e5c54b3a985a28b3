"""All that a shard's answers depend on besides the teacher in memory: the inputs of the phase, opened and checked."""

from dataclasses import dataclass
from pathlib import Path

from data.errors import PotstillError
from data.manifest import Manifest, read_manifest
from data.schema import signal_columns
from teacher_cache.config import CacheConfig
from teacher_cache.fingerprint import TeacherFiles, check_labels, inspect_teacher


@dataclass(frozen=True)
class Job:
    """One cache to be made.

    source    manifest of the examples directory `examples`
    files     the teacher on disk
    columns   the signals, spelled out: `logits`, `cls.6`
    out       the cache directory
    """

    config: CacheConfig
    source: Manifest
    examples: Path
    files: TeacherFiles
    columns: tuple[str, ...]
    out: Path

    @property
    def widths(self) -> dict[str, int]:
        """Column -> numbers in a row: C for logits, D for vectors."""
        return {name: self.source.task.width if name == "logits" else self.files.width for name in self.columns}


def open_job(config: CacheConfig, examples: Path, teacher: str | Path, out: Path) -> Job:
    """Read and check all inputs, without torch."""
    source = read_manifest(examples, "examples")
    files = inspect_teacher(teacher)
    check_labels(files, source.task)
    if files.positions and config.max_length > files.positions:
        raise PotstillError(
            f"max_length {config.max_length} is above the teacher's {files.positions} positions",
            hint=f"--set cache.max_length={files.positions}",
        )
    columns = signal_columns(config.signals, config.layers, depth=files.depth)
    return Job(config, source, examples, files, columns, out)
