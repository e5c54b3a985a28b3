"""Weights and training state on disk: safetensors and JSON only, so a checkpoint can hold no code."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load, save
from torch import Tensor, nn

from data import store
from data.errors import BAD_DATA, STALE, PotstillError
from data.untrusted import refusing
from data.weights import read_header
from student_train.loop import State
from student_train.optim import Optimizer

WEIGHTS = "model.safetensors"
LAST = "last.safetensors"


def save_weights(directory: Path, model: nn.Module) -> None:
    """Write a model's weights atomically."""
    store.write_bytes(directory / WEIGHTS, save(_tensors(model)))


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


def save_training(directory: Path, model: nn.Module, optimizer: Optimizer, state: State, *, key: str) -> None:
    """Write everything a resume needs as one file; `key` identifies config and data, so no other run picks it up."""
    tensors = {f"model.{name}": tensor for name, tensor in _tensors(model).items()}
    tensors |= {f"optimizer.{name}": tensor.contiguous() for name, tensor in optimizer.state().items()}
    note = {"key": key, "state": json.dumps(asdict(state))}
    store.write_bytes(directory / LAST, save(tensors, metadata=note))


def load_training(directory: Path, model: nn.Module, optimizer: Optimizer, *, key: str) -> State | None:
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
    model.load_state_dict({n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")})
    optimizer.load({n.removeprefix("optimizer."): t for n, t in tensors.items() if n.startswith("optimizer.")})
    return State(**json.loads(note["state"]))


def clear_training(directory: Path) -> None:
    """Remove the resume state of a finished run: it is several times the size of the student."""
    (directory / LAST).unlink(missing_ok=True)


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in model.state_dict().items()}
