"""Where the first weights of a network come from."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from data.tasks.task import Task


@dataclass(frozen=True)
class Sources:
    """What first weights can be taken from.

    table  word vectors [V, D]: of a file, of the teacher's embedding table, or random (`vocab/start.py`); None where a
           network brings its own

    encoder  an encoder whose layers are taken, lowest first, those of a layer map (`data.layer_maps`)
    types  whether rows say which text of a pair a sub-word belongs to
    task   whose classes a network that names them has
    """

    table: Tensor | None = None
    encoder: Any = None
    layer_map: str = "spread"
    types: bool = False
    task: Task | None = None
