"""Word and n-gram tables in fewer bytes on disk: rows in float16, or in int8 with a scale each.

They are most of a student's file. In memory a student has float32 throughout: tables are unpacked when it is opened.
"""

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from student_train.models.networks.embedding import WordEmbedding

SCALE = ".scale"  # behind a table's name: largest number of each row / 127, float32 [V]
CODES = "I8"  # safetensors' name for int8


def tables_of(model: nn.Module) -> list[str]:
    """Names of a network's tables among its weights: those that are looked up row by row."""
    names = [f"{name}.weight" for name, module in model.named_modules() if isinstance(module, nn.Embedding)]
    words = [(name, module) for name, module in model.named_modules() if isinstance(module, WordEmbedding)]
    return names + [f"{name}.static" for name, module in words if module.static is not None]


def pack(weights: Mapping[str, Tensor], tables: Collection[str], dtype: str) -> dict[str, Tensor]:
    """Weights for a file, with the tables [V, D] in `dtype`: float32, float16 or int8.

    An int8 number is off by half of its row's scale at most, a float16 one by 2^-11 of itself.
    """
    made = dict(weights)
    for name in tables:
        if dtype == "float16":
            made[name] = weights[name].half()
        elif dtype == "int8":
            scale = weights[name].abs().amax(dim=1).clamp_min(1e-30) / 127
            made[name], made[name + SCALE] = (weights[name] / scale[:, None]).round().to(torch.int8), scale
    return made


def unpack(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `pack` was given, as near as the numbers allow; all float32."""
    made = {name: tensor.float() for name, tensor in weights.items() if not name.endswith(SCALE)}
    for name, scale in weights.items():
        if name.endswith(SCALE):
            made[name.removesuffix(SCALE)] *= scale[:, None]
    return made


def shapes_of(header: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors in a file's header once they are unpacked.

    A scale that fits no int8 table, and a table of int8 without one, stay under their own names, or are left out.
    """
    shapes = {name: tuple(entry["shape"]) for name, entry in header.items()}
    scaled = {
        name
        for name, entry in header.items()
        if entry["dtype"] == CODES and shapes.get(name + SCALE) == shapes[name][:1] and len(shapes[name]) == 2
    }
    lone = {name for name, entry in header.items() if entry["dtype"] == CODES} - scaled
    return {name: shape for name, shape in shapes.items() if name not in {table + SCALE for table in scaled} | lone}
