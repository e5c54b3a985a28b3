"""The table of models: how each is built, what it reads, where its first weights come from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from data.errors import PotstillError
from data.tasks.task import Task
from student_train.config import JOINT, SUBWORDS, WORDS
from student_train.models.bilstm import BiLSTM, BiLSTMShape, SiameseBiLSTM
from student_train.models.encoder import open_to_teach
from student_train.models.hugging_face import EncoderShape
from student_train.models.shape import Shape


@dataclass(frozen=True)
class Sources:
    """What first weights can be taken from.

    table  word vectors [V, D]: of a file, of the teacher's embedding table, or random (`vocab/start.py`); None where a
           network brings its own

    The layers of a teacher will be a field here, lowest first, chosen by a layer map (`data.layer_maps`).
    """

    table: Tensor | None = None


@dataclass(frozen=True)
class Model:
    """One row of `MODELS`.

    build  the network of a shape; what it draws comes from torch's current random state
    Shape  class of its sizes, which stands beside the network
    texts  how many texts a row may have
    units  what a text may be cut into: WORDS, SUBWORDS, JOINT of `student_train.config`
    start  gives a built network its first weights
    """

    build: Callable[[Any], nn.Module]
    Shape: type[Shape]
    texts: tuple[int, ...]
    units: tuple[str, ...]
    start: Callable[[nn.Module, Sources], None]


def from_table(network: nn.Module, sources: Sources) -> None:
    """Start the word vectors, `network.embedding`, from a table; all else stays as drawn."""
    network.embedding.fill(sources.table)  # type: ignore[union-attr,operator]


def as_built(network: nn.Module, sources: Sources) -> None:
    """Keep the weights that the network was built with: those of a checkpoint, or random ones."""


MODELS: dict[str, Model] = {
    "bilstm": Model(BiLSTM, BiLSTMShape, texts=(1,), units=(WORDS, SUBWORDS), start=from_table),
    "siamese_bilstm": Model(SiameseBiLSTM, BiLSTMShape, texts=(2,), units=(WORDS, SUBWORDS), start=from_table),
    "hugging_face": Model(open_to_teach, EncoderShape, texts=(1, 2), units=(JOINT,), start=as_built),
}


def choose_model(name: str, task: Task, unit: str = SUBWORDS) -> str:
    """Resolve "auto", and refuse a model that reads another number of texts, or texts cut into other units."""
    texts = 2 if task.pair else 1
    readers = [key for key, model in MODELS.items() if unit in model.units]
    fitting = [key for key in readers if texts in MODELS[key].texts]
    if name == "auto":
        return fitting[0]
    if name not in MODELS:
        raise PotstillError(f"no student {name!r}", hint=f"students: {', '.join(readers)}")
    model, fit = MODELS[name], f"students that fit: {', '.join(fitting)}"
    if texts not in model.texts:
        count = " or ".join(map(str, model.texts))
        raise PotstillError(f"{name} reads {count} text(s), the task's rows have {texts}", hint=fit)
    if unit not in model.units:
        raise PotstillError(f"{name} reads texts cut into {' or '.join(model.units)}, not {unit}", hint=fit)
    return name


def row_of(name: str) -> Model:
    """A model's row."""
    if name not in MODELS:
        raise PotstillError(f"no student {name!r}", hint=f"students: {', '.join(MODELS)}")
    return MODELS[name]


def build_model(shape: Shape) -> nn.Module:
    """Build an untrained network; its weights come from torch's current random state."""
    return row_of(shape.model).build(shape)


def start_model(shape: Shape, sources: Sources, *, seed: int) -> nn.Module:
    """Build a network and give it its first weights. What is drawn depends on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_model(shape)
        row_of(shape.model).start(network, sources)
    return network


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """Parameters without embeddings, and those of embedding tables (static copies counted)."""
    tables = {
        id(module.weight): module.weight.numel() for module in model.modules() if isinstance(module, nn.Embedding)
    }
    everything = sum(parameter.numel() for parameter in model.parameters())
    frozen = sum(buffer.numel() for name, buffer in model.named_buffers() if name.endswith("embedding.static"))
    return everything - sum(tables.values()), sum(tables.values()) + frozen
