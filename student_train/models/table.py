"""The table of models: how each is built, what it reads, where its first weights come from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import nn

from data.errors import PotstillError
from data.tasks.task import Task
from student_train.config import JOINT, PLUS, SUBWORDS, USUAL, WORDS, TrainConfig
from student_train.models.encoders.encoder import open_to_teach
from student_train.models.encoders.from_teacher import complete_transformer, settle_transformer, take_layers
from student_train.models.encoders.hugging_face import EncoderShape
from student_train.models.encoders.transformer import TransformerShape, build_transformer
from student_train.models.networks.bi_attention import BiAttention, BiAttentionShape
from student_train.models.networks.bilstm import BiGRU, BiLSTM, BiLSTMShape, SiameseBiLSTM
from student_train.models.networks.conv import Conv, ConvShape
from student_train.models.networks.dan import DAN, DANShape
from student_train.models.networks.ngrams import Bag, BagShape, Wide, WideShape
from student_train.models.networks.total import Sum, SumShape
from student_train.models.shape import Shape
from student_train.models.sources import Sources


@dataclass(frozen=True)
class Model:
    """One row of `MODELS`.

    build  the network of a shape; what it draws comes from torch's current random state
    Shape  class of its sizes, which stands beside the network
    texts  how many texts a row may have
    units  what a text may be cut into: WORDS, SUBWORDS, JOINT of `student_train.config`
    start  gives a built network its first weights
    usual  values of fields of `TrainConfig` that are taken where nobody names them, besides those of `config.USUAL`
    settle what its sizes decide of a config, and what it refuses of one
    complete  fills in what a shape has of its sources
    student  whether it can be one: a network that opens files of others is none
    """

    build: Callable[[Any], nn.Module]
    Shape: type[Shape]
    texts: tuple[int, ...]
    units: tuple[str, ...]
    start: Callable[[nn.Module, Sources], None]
    usual: Mapping[str, Any] = field(default_factory=dict)
    settle: Callable[[TrainConfig], TrainConfig] = lambda config: config
    complete: Callable[[Any, Sources], Any] = lambda shape, sources: shape
    student: bool = True

    def reads(self, unit: str) -> bool:
        """Whether it reads texts cut into this unit; who reads whole rows cuts them into the teacher's sub-words."""
        return unit in self.units or (unit == SUBWORDS and JOINT in self.units)


def from_table(network: nn.Module, sources: Sources) -> None:
    """Start the word vectors, `network.embedding`, from a table; all else stays as drawn."""
    network.embedding.fill(sources.table)  # type: ignore[union-attr,operator]


def as_built(network: nn.Module, sources: Sources) -> None:
    """Keep the weights that the network was built with: those of a checkpoint, or random ones."""


def from_parts(rows: Sequence[Model], network: nn.Module, sources: Sources) -> None:
    """Start each part of a sum as it is started alone. rows: of the parts."""
    for row, part in zip(rows, network.parts, strict=True):  # type: ignore[arg-type]
        row.start(part, sources)


def build_sum(shape: SumShape) -> Sum:
    """Build the parts one after the other, in the order of the name."""
    return Sum([build_model(part) for part in shape.parts], one_table=shape.one_table)


OWN_IDS = (WORDS, SUBWORDS)
MODELS: dict[str, Model] = {
    "bilstm": Model(BiLSTM, BiLSTMShape, (1,), OWN_IDS, from_table),
    "siamese_bilstm": Model(SiameseBiLSTM, BiLSTMShape, (2,), OWN_IDS, from_table),
    "bigru": Model(BiGRU, BiLSTMShape, (1, 2), OWN_IDS, from_table),
    "bi_attention": Model(BiAttention, BiAttentionShape, (1, 2), OWN_IDS, from_table),
    "conv": Model(Conv, ConvShape, (1, 2), OWN_IDS, from_table),
    "dan": Model(DAN, DANShape, (1, 2), OWN_IDS, from_table, {"dense": 256}),
    "bag": Model(Bag, BagShape, (1, 2), OWN_IDS, as_built, {"dense": 128}),
    "wide": Model(Wide, WideShape, (1,), OWN_IDS, as_built, {"lr": 1e-2}),
    "transformer": Model(
        build_transformer,
        TransformerShape,
        (1, 2),
        (JOINT,),
        take_layers,
        {"lr": 1e-4, "batch_size": 32},
        settle_transformer,
        complete_transformer,
    ),
    "hugging_face": Model(open_to_teach, EncoderShape, (1, 2), (JOINT,), as_built, student=False),
}


def choose_model(name: str, task: Task, unit: str = SUBWORDS) -> str:
    """Resolve "auto", and refuse a model that reads another number of texts, or texts cut into other units."""
    texts = 2 if task.pair else 1
    readers = [key for key, model in MODELS.items() if model.student and model.reads(unit)]
    fitting = [key for key in readers if texts in MODELS[key].texts]
    if name == "auto":
        return fitting[0]
    model, fit = row_of(name), f"students that fit: {', '.join(fitting)}"
    if texts not in model.texts:
        count = " or ".join(map(str, model.texts))
        raise PotstillError(f"{name} reads {count} text(s), the task's rows have {texts}", hint=fit)
    if not model.student or not model.reads(unit):
        raise PotstillError(f"{name} reads texts cut into {' or '.join(model.units)}, not {unit}", hint=fit)
    return name


def row_of(name: str) -> Model:
    """A model's row; that of a sum, `conv+dan`, is made from its parts'."""
    if name in MODELS:
        return MODELS[name]
    parts = name.split(PLUS)
    wrong = [part for part in parts if part not in MODELS or not set(OWN_IDS) & set(MODELS[part].units)]
    if wrong or len(parts) < 2:
        raise PotstillError(
            f"no student {wrong[0]!r}", hint=f"students: {', '.join(MODELS)}, and sums such as conv+dan"
        )
    if len(set(parts)) < len(parts):
        raise PotstillError(f"{name} adds a student to itself", hint="name each student once")
    rows = [MODELS[part] for part in parts]
    texts = tuple(count for count in (1, 2) if all(count in row.texts for row in rows))
    return Model(build_sum, SumShape, texts, OWN_IDS, partial(from_parts, rows))


def usual_of(name: str, field: str) -> Any:
    """The value of a field that nobody names, for this model."""
    return row_of(name).usual.get(field, USUAL[field])


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
