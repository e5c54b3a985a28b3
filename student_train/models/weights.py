"""A network's weights and the file they come from: checked before anything is allocated, and it can hold no code."""

from collections.abc import Callable, Collection
from pathlib import Path

import torch
from safetensors.torch import load
from torch import Tensor, nn

from data.errors import BAD_DATA, PotstillError
from data.guards.untrusted import refusing
from data.guards.weights import read_header
from student_train.models.packed import shapes_of, unpack


def copy_weights(model: nn.Module) -> dict[str, Tensor]:
    """A model's weights as they are now, float32 on the CPU; further steps do not change them."""
    return {name: tensor.clone() for name, tensor in tensors_of(model).items()}


def freeze(model: nn.Module, names: Collection[str]) -> None:
    """Keep the parameters whose names begin with one of these as they are, and train all others.

    Errors: a name that no parameter begins with; all of them.
    """
    parameters = {
        name: value for name, value in model.state_dict(keep_vars=True).items() if isinstance(value, nn.Parameter)
    }
    for start in names:
        if not any(name.startswith(start) for name in parameters):
            known = dict.fromkeys(name.rpartition(".")[0] for name in parameters)
            raise PotstillError(
                f"frozen: no parameter begins with {start!r}", hint=f"there are {', '.join(known)}"[:400]
            )
    for name, parameter in parameters.items():
        parameter.requires_grad_(not any(name.startswith(start) for start in names))
    if not any(parameter.requires_grad for parameter in parameters.values()):
        raise PotstillError(f"frozen: {', '.join(names)} are all parameters, nothing is trained")


def load_weights(path: Path, model: nn.Module) -> None:
    """Fill a model from a weights file; names and shapes must match exactly."""
    try:
        missing, unexpected = model.load_state_dict(unpack(load(path.read_bytes())), strict=False)
    except Exception as error:
        raise PotstillError(f"{path} does not fit this student: {error}", code=BAD_DATA) from None
    if missing or unexpected:
        raise PotstillError(f"{path} does not fit: missing {missing}, unexpected {unexpected}", code=BAD_DATA)


def check_weights(path: Path, build: Callable[[], nn.Module]) -> None:
    """Refuse a weights file that is not sound, or not of the model that `build` makes; nothing is allocated for it.

    The model is built on the meta device (shapes without numbers) and compared with the file's header.
    """
    there = shapes_of(read_header(path))
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


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """A model's weights, float32 on the CPU; not copied where they lie there already."""
    return {name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in model.state_dict().items()}
