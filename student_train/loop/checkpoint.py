"""Weights and training state on disk: safetensors and JSON only, so a checkpoint can hold no code."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from data import store
from data.errors import STALE, PotstillError
from data.guards.weights import read_header
from data.layout import CHECKPOINT, WEIGHTS
from student_train.loop.steps import Run, State
from student_train.models.weights import tensors_of

# what the names of a checkpoint's tensors begin with
MODEL, BEST, OPTIMIZER, OBJECTIVE, AVERAGE = "model.", "best.", "optimizer.", "objective.", "average."


def save_weights(directory: Path, weights: Mapping[str, Tensor]) -> None:
    """Write weights as the file that a model's directory is opened by."""
    store.write_bytes(directory / WEIGHTS, save(dict(weights)))


@dataclass(frozen=True)
class Kept:
    """Of an interrupted run: where it stood, the learning curve so far and the weights of its best evaluation.

    arithmetic: in which numbers it ran, as `precision.describe` says it; several where it went on elsewhere
    """

    state: State = field(default_factory=State)
    curve: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    arithmetic: list[str] = field(default_factory=list)


def save_training(run: Run, kept: Kept, *, over: bool = False) -> None:
    """Write everything a resume needs as one file.

    over: all steps are taken, so that the optimizer's state (twice the size of the model) is not needed any more.
    """
    tensors = {f"{MODEL}{name}": tensor for name, tensor in tensors_of(run.model).items()}
    tensors |= {f"{OBJECTIVE}{name}": tensor for name, tensor in tensors_of(run.objective).items()}
    tensors |= {f"{BEST}{name}": tensor for name, tensor in kept.best.items()}
    if run.average:
        tensors |= {f"{AVERAGE}{name}": tensor.contiguous() for name, tensor in run.average.state().items()}
    if not over:
        tensors |= {f"{OPTIMIZER}{name}": tensor.contiguous() for name, tensor in run.optimizer.state().items()}
    values = {"state": asdict(kept.state), "curve": kept.curve, "arithmetic": kept.arithmetic}
    note = {"key": run.key} | {name: json.dumps(value) for name, value in values.items()}
    store.write_bytes(run.out / CHECKPOINT, save(tensors, metadata=note))


def load_training(run: Run) -> Kept:
    """Take up an interrupted run where there is one. A checkpoint of another config or data is refused."""
    path = run.out / CHECKPOINT
    if not path.is_file():
        return Kept()
    read_header(path)
    with safe_open(path, framework="pt") as file:
        note = file.metadata() or {}
        if note.get("key") != run.key:
            raise PotstillError(
                f"{run.out} holds an unfinished run of another config or other data",
                hint="name another output directory, or remove this one",
                code=STALE,
            )
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    run.model.load_state_dict(_below(MODEL, tensors))
    run.objective.load_state_dict(_below(OBJECTIVE, tensors))
    if states := _below(OPTIMIZER, tensors):
        run.optimizer.load(states)
    if run.average:
        run.average.load(_below(AVERAGE, tensors))
    state, curve, arithmetic = (json.loads(note[name]) for name in ("state", "curve", "arithmetic"))
    return Kept(State(**state), curve, _below(BEST, tensors), arithmetic)


def _below(start: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
