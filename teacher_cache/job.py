"""`Job`: the inputs and settings of the cache phase, opened and checked, without torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from data.errors import PotstillError
from data.layout import CONFIG
from data.manifest import Manifest, read_manifest, whole_part
from data.row_groups import read_groups
from data.schema import Sizes, cache_schema, signal_columns, width_of
from data.tasks.task import Task
from teacher_cache.config import CacheConfig
from teacher_cache.methods import method_signals
from teacher_cache.teacher.classes import Classes, match_classes
from teacher_cache.teacher.files import TeacherFiles, inspect_teacher

# Names of the same sizes in different model families.
HEADS = ("num_attention_heads", "n_heads", "num_heads", "n_head")
# Families whose attention is not softmax(Q Kᵀ / √size): content and position are separate terms.
DISENTANGLED = ("deberta", "deberta-v2")


@dataclass(frozen=True)
class Job:
    """One cache to be made.

    source    manifest of the examples directory `examples`
    files     the teacher on disk
    columns   the signals, spelled out: `logits`, `cls.6`
    out       the cache directory
    classes   which output of the teacher is which class
    """

    config: CacheConfig
    source: Manifest
    examples: Path
    files: TeacherFiles
    columns: tuple[str, ...]
    out: Path
    classes: Classes

    @property
    def task(self) -> Task:
        """The task of the logits: that of the examples, plus classes that only the teacher has."""
        return self.classes.task

    @property
    def sizes(self) -> Sizes:
        return read_sizes(self.files)

    @property
    def widths(self) -> dict[str, int]:
        """Column -> numbers in a vector: C for logits, D for hidden states, heads x head size for q, k and v."""
        return {name: width_of(name, self.task, self.sizes) for name in self.columns}

    @property
    def schema(self) -> pa.Schema:
        """Columns of a shard."""
        return cache_schema(self.task, self.columns, self.sizes)


def open_job(config: CacheConfig, examples: Path, teacher: str | Path, out: Path) -> Job:
    """Read and check all inputs, without torch."""
    source = read_manifest(examples, "examples")
    files = inspect_teacher(teacher)
    classes = match_classes(files, source.task, config.teacher_labels)
    if files.positions and config.max_length > files.positions:
        raise PotstillError(
            f"max_length {config.max_length} is above the teacher's {files.positions} positions",
            hint=f"--set cache.max_length={files.positions}",
        )
    asked = (*config.signals, *method_signals(config.methods, files.depth, config.student_layers))
    columns = signal_columns(asked, config.layers, depth=files.depth)
    refuse_attention(files, columns)
    return Job(config, source, examples, files, columns, out, classes)


def row_set(job: Job) -> str:
    """Hash the ids of all rows regardless of order, as a sum over ids."""
    total = 0
    for part in job.source.parts:
        for table in read_groups(whole_part(job.examples, part), ["id"]):
            total += sum(int(row, 16) for row in table["id"].to_pylist())
    return f"{total % (1 << 128):032x}"


def read_sizes(files: TeacherFiles) -> Sizes:
    """Read the widths of the teacher's vectors from config.json; heads is 0 if it is not given."""
    config = files.config
    heads = next((config[name] for name in HEADS if isinstance(config.get(name), int)), 0)
    size = config.get("head_dim") or (files.width // heads if heads else 0)
    return Sizes(
        files.width, heads, config.get("num_key_value_heads") or heads, size, read_windows(config, files.depth)
    )


def read_windows(config: dict[str, Any], depth: int) -> tuple[int, ...]:
    """Read the attention window of each layer, in sub-words to either side; () if every layer sees the whole row.

    ModernBERT: `local_attention` is the full width of the window; older configs give the local layers as
    `global_attn_every_n_layers`.
    """
    window = (
        int(config["local_attention"]) // 2 if "local_attention" in config else int(config.get("sliding_window") or 0)
    )
    types = config.get("layer_types")
    if types is None and (every := config.get("global_attn_every_n_layers")):
        types = ["sliding_attention" if number % every else "full_attention" for number in range(depth)]
    if not window or not types:
        return ()
    return tuple(window if kind == "sliding_attention" else 0 for kind in types)


def refuse_attention(files: TeacherFiles, columns: tuple[str, ...]) -> None:
    """Refuse signals q, k and v for teachers whose attention is not a function of them, before anything is loaded."""
    asked = [column for column in columns if column.partition(".")[0] in ("q", "k", "v")]
    kind = files.config.get("model_type")
    if asked and kind in DISENTANGLED:
        raise PotstillError(
            f"{', '.join(asked)} cannot be had of a {kind} teacher: its attention is more than q times k",
            hint="take other signals: logits, input_ids, cls, mean, hidden and gram can be had of every encoder",
        )
    if asked and not read_sizes(files).heads:
        raise PotstillError(f"{files.path / CONFIG} names no number of attention heads, for {', '.join(asked)}")
