"""In which numbers the matrix products of a training step run. Weights, losses and sums stay float32."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TypeVar

import torch
from torch import nn

from data.errors import PotstillError
from student_train.batch import Inputs
from student_train.config import TeachConfig, TrainConfig

Config = TypeVar("Config", bound=TrainConfig | TeachConfig)
PRECISIONS = ("auto", "float32", "bfloat16")


def choose_device(name: str) -> torch.device:
    """Resolve "auto" to the first GPU or the CPU; refuse a GPU that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise PotstillError(f"no device {name!r}", hint="devices: auto, cpu, cuda or cuda:1") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise PotstillError(f"device {name!r} asked for, but torch sees no GPU", hint="use --device cpu or auto")
    return device


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Resolve "auto": bfloat16 on a GPU and on a CPU with bf16 units, else float32.

    A CPU without them runs bf16 a hundred times slower. With AVX512-BF16 a BiLSTM step measured 1.8x faster.
    """
    if name not in PRECISIONS:
        raise PotstillError(f"no precision {name!r}", hint=f"precisions: {', '.join(PRECISIONS)}")
    if name != "auto":
        return getattr(torch, name)
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if fast else torch.float32


def precision_that_suits(
    model: nn.Module, inputs: Inputs, precision: torch.dtype, device: torch.device, *, say: Callable[[str], None]
) -> torch.dtype:
    """Take float32 where a model fails on a few rows in less, or gives no finite scores there; say so."""
    if precision == torch.float32:
        return precision
    training = model.training
    model.eval()  # without dropout: nothing is drawn
    try:
        with products_in(precision, device):
            logits = model(inputs.to(device)).logits.float()
        logits.sum().backward()
        reason = "" if bool(logits.isfinite().all()) else "its scores are not finite"
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0][:120]
    model.zero_grad()
    model.train(training)
    if not reason:
        return precision
    say(f"the model cannot be computed in {str(precision).removeprefix('torch.')} ({reason}): float32 is taken")
    return torch.float32


def spell_out(config: Config, precision: torch.dtype, device: torch.device) -> Config:
    """The config with what `auto` and 0 stood for, as far as it changes the arithmetic.

    On a CPU another number of threads takes sums in another order; on a GPU it changes nothing, and stays as it is.
    """
    threads = torch.get_num_threads() if device.type == "cpu" else config.threads
    return replace(config, precision=str(precision).removeprefix("torch."), device=str(device), threads=threads)


def describe(config: TrainConfig | TeachConfig) -> str:
    """Say where and in which numbers a config that is spelled out trains: "float32 on cpu, threads 2"."""
    threads = f", threads {config.threads}" if config.device == "cpu" else ""
    return f"{config.precision} on {config.device}{threads}"


def products_in(precision: torch.dtype, device: torch.device) -> AbstractContextManager:
    """The context in which a forward pass runs its matrix products in `precision`."""
    if precision == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, precision)
