"""Whether a teacher can be computed in the arithmetic that suits the machine: some give an error there, or NaN."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from data.text.encoding import feed_of, pad, tokenise
from teacher_cache.job import Job
from teacher_cache.launch.machine import Machine, choose, choose_attention
from teacher_cache.teacher.load import load_model

TEXTS = ("a", "The quick brown fox jumps over the lazy dog.")


def suit(machine: Machine, job: Job, tokenizer: Any, *, say: Callable[[str], None]) -> Machine:
    """Take float32 where the teacher fails in less, and say so, as of a kernel that its family does not have."""
    kind, asked = job.files.config.get("model_type"), job.config.attention
    usual = choose_attention(machine.device.startswith("cuda"), machine.dtype)
    if machine.attention != (usual if asked == "auto" else asked):
        say(f"{kind} has no sdpa attention: eager is taken")
    if machine.dtype == "float32":
        return machine
    model = load_model(job.files, device=machine.device, dtype=machine.dtype, attention=machine.attention)
    reason = failure(model, tokenizer, pair=job.source.task.pair)
    if not reason:
        return machine
    say(f"{kind} cannot be computed in {machine.dtype} ({reason}): float32 is taken")
    return choose(replace(job.config, dtype="float32", device=machine.device), job.files)


@torch.inference_mode()
def failure(model: Any, tokenizer: Any, *, pair: bool = False) -> str:
    """Why two short texts have no finite scores; "" where they have."""
    feed = feed_of(tokenizer, model, 32)
    tokens = tokenise(feed, TEXTS, TEXTS if pair else None)
    try:
        for rows in [np.array([row]) for row in range(len(TEXTS))]:
            batch = {name: torch.from_numpy(values).to(model.device) for name, values in pad(tokens, rows, 0).items()}
            if not model(**batch).logits.isfinite().all():
                return "its scores are not finite"
    except RuntimeError as error:
        return str(error).strip().splitlines()[0][:120]
    return ""
