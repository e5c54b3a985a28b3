"""Weights and training state on disk: safetensors and JSON only, so a checkpoint can hold no code."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load, save
from torch import Tensor, nn

from data import store
from data.errors import BAD_DATA, STALE, PotstillError
from data.guards.untrusted import refusing
from data.guards.weights import read_header
from student_train.loop.optim import Optimizer
from student_train.loop.steps import State

WEIGHTS = "model.safetensors"
LAST = "last.safetensors"
MODEL, BEST, OPTIMIZER = "model.", "best.", "optimizer."  # what the names of a checkpoint's tensors begin with


def save_weights(directory: Path, weights: Mapping[str, Tensor]) -> None:
    """Write weights as the file that a model's directory is opened by."""
    store.write_bytes(directory / WEIGHTS, save(dict(weights)))


def copy_weights(model: nn.Module) -> dict[str, Tensor]:
    """A model's weights as they are now, float32 on the CPU; further steps do not change them."""
    return {name: tensor.clone() for name, tensor in _tensors(model).items()}


def load_weights(path: Path, model: nn.Module) -> None:
    """Fill a model from a weights file; names and shapes must match exactly."""
    try:
        missing, unexpected = model.load_state_dict(load(path.read_bytes()), strict=False)
    except Exception as error:
        raise PotstillError(f"{path} does not fit this student: {error}", code=BAD_DATA) from None
    if missing or unexpected:
        raise PotstillError(f"{path} does not fit: missing {missing}, unexpected {unexpected}", code=BAD_DATA)


def check_weights(path: Path, build: Callable[[], nn.Module]) -> None:
    """Refuse a weights file that is not sound, or not of the model that `build` makes; nothing is allocated for it.

    The model is built on the meta device (shapes without numbers) and compared with the file's header.
    """
    there = {name: tuple(entry["shape"]) for name, entry in read_header(path).items()}
    with refusing(f"{path.parent} describes no student that can be built"), torch.device("meta"):
        wanted = {name: tuple(tensor.shape) for name, tensor in build().state_dict().items()}
    if there != wanted:
        name = min(name for name in there.keys() | wanted.keys() if there.get(name) != wanted.get(name))
        raise PotstillError(
            f"{path} does not fit: {name} is {there.get(name, 'missing')}, the student's config makes it "
            f"{wanted.get(name, 'unexpected')}",
            hint="the directory was edited or copied in part: make the student again",
            code=BAD_DATA,
        )


@dataclass(frozen=True)
class Kept:
    """Of an interrupted run: where it stood, the learning curve so far and the weights of its best evaluation.

    arithmetic: in which numbers it ran, as `precision.describe` says it; several where it went on elsewhere
    """

    state: State
    curve: list[dict[str, Any]]
    best: dict[str, Tensor]
    arithmetic: list[str]


def save_training(
    directory: Path, model: nn.Module, optimizer: Optimizer, kept: Kept, *, key: str, over: bool = False
) -> None:
    """Write everything a resume needs as one file; `key` identifies config and data, so no other run picks it up.

    over: all steps are taken, so that the optimizer's state (twice the size of the model) is not needed any more.
    """
    tensors = {f"{MODEL}{name}": tensor for name, tensor in _tensors(model).items()}
    tensors |= {f"{BEST}{name}": tensor for name, tensor in kept.best.items()}
    if not over:
        tensors |= {f"{OPTIMIZER}{name}": tensor.contiguous() for name, tensor in optimizer.state().items()}
    values = {"state": asdict(kept.state), "curve": kept.curve, "arithmetic": kept.arithmetic}
    note = {"key": key} | {name: json.dumps(value) for name, value in values.items()}
    store.write_bytes(directory / LAST, save(tensors, metadata=note))


def load_training(directory: Path, model: nn.Module, optimizer: Optimizer, *, key: str) -> Kept | None:
    """Take up an interrupted run, or None where there is none. A checkpoint of another config or data is refused."""
    path = directory / LAST
    if not path.is_file():
        return None
    read_header(path)
    with safe_open(path, framework="pt") as file:
        note = file.metadata() or {}
        if note.get("key") != key:
            raise PotstillError(
                f"{directory} holds an unfinished run of another config or other data",
                hint="name another output directory, or remove this one",
                code=STALE,
            )
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    model.load_state_dict(_below(MODEL, tensors))
    if states := _below(OPTIMIZER, tensors):
        optimizer.load(states)
    state, curve, arithmetic = (json.loads(note[name]) for name in ("state", "curve", "arithmetic"))
    return Kept(State(**state), curve, _below(BEST, tensors), arithmetic)


def clear_training(directory: Path) -> None:
    """Remove the resume state of a finished run: it is several times the size of the student."""
    (directory / LAST).unlink(missing_ok=True)


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in model.state_dict().items()}


def _below(start: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
