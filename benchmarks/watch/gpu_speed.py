"""Rates of a teacher on a GPU, and how near they come to what the device can do.

Model FLOPs utilisation (MFU) counts real sub-words, at 2·(encoder parameters) + 4·L·D·length operations each, against a
bfloat16 matrix product measured in the same run. What the last layer is spared where only its first token is asked for
(`teacher_cache/inference/first_token.py`) is not counted.
"""

import statistics
import time
from pathlib import Path
from typing import Any

import torch


def speeds(rows: int, tokens: int, seconds: float, peak: float, teacher: Path, *, first: bool) -> dict[str, Any]:
    """Rows and sub-words a second, and MFU of `peak` operations a second. first: see `spared_flops`."""
    from teacher_cache.estimate import flops_per_token
    from teacher_cache.teacher.files import inspect_teacher

    files, length = inspect_teacher(teacher), tokens / rows
    each = flops_per_token(files, length)
    if first:
        each -= spared_flops(files.width, files.config["intermediate_size"], length)
    return {
        "rows": rows,
        "seconds": round(seconds, 3),
        "rows_per_second": round(rows / seconds, 1),
        "tokens_per_second": round(tokens / seconds, 1),
        "mfu": round(tokens * each / seconds / peak, 4),
    }


def spared_flops(width: int, intermediate: int, length: float) -> float:
    """Operations a sub-word that the last layer does not do for the tokens behind the first.

    Query, attention output and feed-forward, at 2 operations a weight, and 4·D·length of attention.
    """
    layer = 2 * (2 * width * width + 2 * width * intermediate) + 4 * width * length
    return layer * (1 - 1 / length)


def matmul_flops(device: str, size: int) -> float:
    """Operations a second of a square bfloat16 matrix product on this device, the median of 20."""
    dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    times = []
    for _ in range(25):
        wait(device)
        start = time.perf_counter()
        left @ right
        wait(device)
        times.append(time.perf_counter() - start)
    return 2.0 * size**3 / statistics.median(times[5:])


def wait(device: str) -> None:
    """Wait until the device has done all that it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
