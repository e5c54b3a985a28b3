"""Transformer students that start from an encoder's layers: which sizes follow from it, and whose weights they take."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from data.errors import BAD_DATA, PotstillError
from data.layer_maps import map_of
from student_train.config import TrainConfig
from student_train.models.encoders.encoder import head
from student_train.models.encoders.hugging_face import stack_of
from student_train.models.encoders.transformer import TransformerShape, config_of, size_of
from student_train.models.sources import Sources

DEVIATION = 0.02  # of a new BERT's weights; its word vectors are brought to it
LAYER_TYPES = "layer_types"  # of a ModernBERT: which layers see the whole row


def settle_transformer(config: TrainConfig) -> TrainConfig:
    """Let the size decide the width. Refuse what would not be an ordinary Hugging Face model, or is said twice."""
    size = size_of((config.shape or {}).get("size", TransformerShape.size))
    if config.table_dtype != "float32":
        raise PotstillError(
            f"table_dtype {config.table_dtype}: a transformer is saved as Hugging Face saves it, in float32",
            hint="leave train.table_dtype out",
        )
    if config.min_count:
        raise PotstillError("a transformer keeps all of the teacher's sub-words", hint="leave train.min_count out")
    if config.start and (config.vectors or config.dimensions or size.width):
        raise PotstillError(
            f"a transformer that starts from {config.start} has its width and its word vectors",
            hint="leave out train.vectors and train.dimensions, and name layers alone: --set train.shape.size=3",
        )
    return replace(config, dimensions=config.dimensions or size.width)


def complete_transformer(shape: TransformerShape, sources: Sources) -> TransformerShape:
    """Write Hugging Face's config of the student: that of its encoder with fewer layers, or a new BERT's."""
    from transformers import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

    config = config_of(shape) if sources.encoder is None else _shorter(sources, size_of(shape.size).layers)
    config.update(head(sources.task) if sources.task else {})
    cls: Any = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)]
    config.architectures = [cls.__name__]
    return replace(shape, types=sources.types, encoder=json.loads(config.to_json_string(use_diff=True)))


def take_layers(network: nn.Module, sources: Sources) -> None:
    """Give a student the weights of its encoder's mapped layers and all that stands beside them, head included; or
    without an encoder its word vectors alone."""
    model: Any = network.model
    if sources.encoder is None:
        if sources.table is not None:
            words = model.get_input_embeddings().weight
            with torch.no_grad():
                words.copy_(sources.table * (DEVIATION / sources.table.std()))
        return
    layers = map_of(sources.layer_map, model.config.num_hidden_layers, sources.encoder.config.num_hidden_layers)
    wanted, there = model.state_dict(), sources.encoder.state_dict()
    model.load_state_dict(taken(wanted, there, stack_of(sources.encoder), layers))


def taken(
    wanted: Mapping[str, Tensor], there: Mapping[str, Tensor], stack: str, layers: tuple[int, ...]
) -> dict[str, Tensor]:
    """The weights of a student by name. stack: what the names of the encoder's layers begin with; layers from 1."""
    found: dict[str, Tensor] = {}
    for name, tensor in wanted.items():
        source = name
        if stack and name.startswith(stack):
            number, _, rest = name.removeprefix(stack).partition(".")
            source = f"{stack}{layers[int(number)] - 1}.{rest}"
        if source not in there or there[source].shape != tensor.shape:
            raise PotstillError(
                f"the encoder has no {source} of shape {list(tensor.shape)}: its layers differ from each other",
                hint="take another layer map: --set train.start_map=spread",
                code=BAD_DATA,
            )
        found[name] = there[source]
    return found


def _shorter(sources: Sources, layers: int) -> Any:
    """A copy of an encoder's config with fewer layers, each of its kind."""
    config = type(sources.encoder.config).from_dict(sources.encoder.config.to_dict())
    chosen = map_of(sources.layer_map, layers, config.num_hidden_layers)
    if kinds := getattr(config, LAYER_TYPES, None):
        setattr(config, LAYER_TYPES, [kinds[layer - 1] for layer in chosen])
    config.num_hidden_layers = layers
    return config
