"""Estimate the cost of a cache before the teacher is loaded: rows, bytes of each column, seconds.

Reads config.json, the header of the weights and a sample of the texts. Seconds come from the cost of a forward pass per
sub-word, 2·(encoder parameters) + 4·L·D·length multiply-adds, and a short matrix product on this machine.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import USAGE, PotstillError
from data.guards.untrusted import refusing
from data.guards.weights import read_header
from data.layout import TOKENIZER
from data.manifest import whole_part
from data.row_groups import read_groups
from data.schema import count_numbers, split_signal
from teacher_cache.config import CacheConfig
from teacher_cache.job import Job, open_job
from teacher_cache.teacher.files import TeacherFiles

SAMPLE = 512  # texts whose sub-words are counted
ROW_BYTES = 19.0  # id (32 hex digits, zstd), n_tokens and status of a row; measured 17.7 to 18.8
PACKED = {"input_ids": 1.3}  # bytes of a number that is compressed; measured on the augmented SST-2, 0.8 to 1.3
RAGGED_BYTES = 4.0  # length of a row of large_binary
# Share of the speed of a plain matrix product that a whole encoder reaches (layer norms, softmax, small batches);
# measured on MiniLM-L6 and two cores: 142 of 146 GFLOP/s in float32, 350 in bfloat16 where the processor has it.
CPU_SHARE, GPU_SHARE = 0.9, 0.4
BF16_SHARE = 2.2
BF16_FLAGS = ("avx512_bf16", "amx_bf16")
GPU_FLOPS = 300e12  # an order of magnitude for a data-centre GPU in bfloat16; nothing is measured before it is loaded


@dataclass(frozen=True)
class Estimate:
    """The expected cost of a cache. bytes: column -> bytes on disk; tokens: mean sub-words of a row."""

    rows: int
    bytes: dict[str, int]
    tokens: float
    seconds: float

    @property
    def total(self) -> int:
        return sum(self.bytes.values())

    def __str__(self) -> str:
        columns = ", ".join(f"{name} {_size(count)}" for name, count in self.bytes.items())
        return (
            f"{self.rows:,} rows of about {self.tokens:.0f} sub-words: {_size(self.total)} on disk ({columns}), "
            f"about {_duration(self.seconds)} of teacher time"
        )


def estimate(config: CacheConfig, examples: Path, teacher: str | Path) -> Estimate:
    """Estimate what `build` with the same arguments would cost."""
    return estimate_of(open_job(config, examples, teacher, Path()))


def estimate_of(job: Job) -> Estimate:
    """Estimate the cost of a job; loads no weights."""
    rows = job.source.rows
    lengths = sample_lengths(job)
    tokens = float(lengths.mean()) if len(lengths) else 0.0
    size = {name: int(rows * row_bytes(name, width, lengths)) for name, width in job.widths.items()}
    work = rows * tokens * flops_per_token(job.files, tokens)
    return Estimate(
        rows, {"id": int(rows * ROW_BYTES), **size}, tokens, work / speed(job.config.device, job.config.dtype)
    )


def refuse_size(guess: Estimate, max_bytes: int) -> None:
    """Refuse a cache larger than the budget (0: no limit)."""
    if max_bytes and guess.total > max_bytes:
        raise PotstillError(
            f"the cache would be {_size(guess.total)}, above max_bytes {_size(max_bytes)}",
            hint="ask for fewer signals or layers, or raise --set cache.max_bytes=" + str(guess.total),
            code=USAGE,
        )


def flops_per_token(files: TeacherFiles, length: float) -> float:
    """Floating-point operations of a forward pass for one sub-word in a text of `length`."""
    return 2.0 * encoder_parameters(files) + 4.0 * files.depth * files.width * length


def encoder_parameters(files: TeacherFiles) -> int:
    """Count the weights that every sub-word is multiplied with: all but the embedding tables."""
    shapes = (
        (name, entry["shape"])
        for file in files.files
        if file.endswith(".safetensors")
        for name, entry in read_header(files.path / file).items()
    )
    return sum(int(np.prod(shape)) for name, shape in shapes if "embeddings" not in name and "embed_tokens" not in name)


def row_bytes(column: str, width: int, lengths: np.ndarray) -> float:
    """Return the mean bytes of a row in a column. lengths: sub-words of the sampled rows, int [N]."""
    signal = split_signal(column)[0]
    if not len(lengths):
        return 0.0
    size = PACKED.get(column, np.dtype(signal.dtype).itemsize)
    plain = float(count_numbers(signal, width, lengths).mean()) * size
    return plain + (RAGGED_BYTES if signal.per != "text" else 0.0)


def sample_lengths(job: Job) -> np.ndarray:
    """Count the sub-words of a sample of rows, truncated to max_length; int64 [N]. See `sample`."""
    texts = list(sample(job))
    if not texts:
        return np.zeros(0, np.int64)
    path = job.files.path / TOKENIZER
    if not path.exists():
        words = [len((" ".join(row) if job.source.task.pair else row).split()) for row in texts]
        return np.minimum(1.3 * np.array(words) + 2, job.config.max_length).astype(np.int64)
    from tokenizers import Tokenizer

    with refusing(str(path)):
        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        counts = [len(encoding) for encoding in tokenizer.encode_batch_fast(texts)]
    return np.minimum(counts, job.config.max_length).astype(np.int64)


def sample(job: Job) -> Iterator[Any]:
    """Draw about `SAMPLE` rows evenly from the first row groups of up to 8 parts: texts, or pairs of texts."""
    columns = ["text", "pair"] if job.source.task.pair else ["text"]
    parts = [part for part in job.source.parts[:: max(1, len(job.source.parts) // 8)] if part.rows]
    for part in parts:
        table = next(read_groups(whole_part(job.examples, part), columns))
        step = max(1, table.num_rows * len(parts) // SAMPLE)
        rows = [table[name].to_pylist()[::step] for name in columns]
        yield from ((a or "", b or "") for a, b in zip(*rows, strict=True)) if len(rows) == 2 else rows[0]


def speed(device: str, dtype: str) -> float:
    """Estimate the floating-point operations a second of an encoder here, as a share of a plain matrix product's."""
    if device.startswith("cuda"):
        return GPU_FLOPS * GPU_SHARE
    share = BF16_SHARE if dtype in ("auto", "bfloat16") and has_bf16() else CPU_SHARE
    return share * matrix_product()


@cache
def matrix_product() -> float:
    """Floating-point operations a second of a float32 matrix product here; measured once a process, 0.1 s."""
    left, right = np.ones((512, 384), np.float32), np.ones((384, 1536), np.float32)
    times = []
    for _ in range(8):
        start = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - start)
    return 2.0 * left.size * right.shape[1] / min(times)


def has_bf16(flags: Path = Path("/proc/cpuinfo")) -> bool:
    """Tell whether the processor has bfloat16 multiplication, by its flags; False if they cannot be read."""
    try:
        said = flags.read_text("utf-8", errors="replace")
    except OSError:
        return False
    return any(flag in said for flag in BF16_FLAGS)


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
