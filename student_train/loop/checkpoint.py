"""Weights and training state on disk: safetensors and JSON only, so a checkpoint can hold no code."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from data import store
from data.errors import STALE, PotstillError
from data.guards.weights import read_header
from data.layout import CHECKPOINT, WEIGHTS
from student_train.loop.optim import Optimizer
from student_train.loop.steps import State
from student_train.models.weights import tensors_of

MODEL, BEST, OPTIMIZER = "model.", "best.", "optimizer."  # what the names of a checkpoint's tensors begin with


def save_weights(directory: Path, weights: Mapping[str, Tensor]) -> None:
    """Write weights as the file that a model's directory is opened by."""
    store.write_bytes(directory / WEIGHTS, save(dict(weights)))


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
    tensors = {f"{MODEL}{name}": tensor for name, tensor in tensors_of(model).items()}
    tensors |= {f"{BEST}{name}": tensor for name, tensor in kept.best.items()}
    if not over:
        tensors |= {f"{OPTIMIZER}{name}": tensor.contiguous() for name, tensor in optimizer.state().items()}
    values = {"state": asdict(kept.state), "curve": kept.curve, "arithmetic": kept.arithmetic}
    note = {"key": key} | {name: json.dumps(value) for name, value in values.items()}
    store.write_bytes(directory / CHECKPOINT, save(tensors, metadata=note))


def load_training(directory: Path, model: nn.Module, optimizer: Optimizer, *, key: str) -> Kept | None:
    """Take up an interrupted run, or None where there is none. A checkpoint of another config or data is refused."""
    path = directory / CHECKPOINT
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
    (directory / CHECKPOINT).unlink(missing_ok=True)


def _below(start: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
