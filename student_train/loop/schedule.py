"""The learning rate's way: warm up, then fall or stay. Step number -> rate."""

import torch

from data.errors import PotstillError


def rate_at(step: int, total: int, *, peak: float, warmup: float, schedule: str) -> float:
    """Learning rate of step 0 … total-1: linear warm-up over `warmup`·total steps, then the schedule's way down."""
    rising = int(total * warmup)
    if step < rising:
        return peak * (step + 1) / rising
    done = (step - rising) / max(1, total - rising)
    if schedule == "constant":
        return peak
    if schedule == "linear":
        return peak * max(0.0, 1.0 - done)
    if schedule == "cosine":
        return peak * 0.5 * (1.0 + float(torch.cos(torch.tensor(done * torch.pi))))
    raise PotstillError(f"no schedule {schedule!r}", hint="schedules: constant, linear, cosine")
