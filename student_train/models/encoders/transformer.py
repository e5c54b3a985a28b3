"""A small transformer as a student: an encoder of the teacher's kind with fewer layers, or a new and narrower BERT.

It reads what the teacher reads, special tokens and both texts of a pair in one row, and is saved as an ordinary Hugging
Face model: its weights have Hugging Face's names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from data.errors import PotstillError
from data.text.encoding import Feed
from data.text.families import LEFT, PADDABLE
from student_train.models.encoders.hugging_face import Transformer, stack_of
from student_train.models.shape import Shape
from student_train.outputs import Outputs

# Layers, width, heads and feed-forward of the students of TextBrewer's examples; those of T12-nano's heads and of all
# widths that stand not there are a head for each 64 numbers.
SIZES: dict[str, tuple[int, int, int, int]] = {
    "T6": (6, 768, 12, 3072),
    "T3": (3, 768, 12, 3072),
    "T3-small": (3, 384, 12, 1536),
    "T4-tiny": (4, 312, 12, 1200),
    "T12-nano": (12, 256, 4, 1024),
}
# Names of the linear layers of attention -> signal, and families whose attention is softmax(Q Kᵀ / √size) of these.
PROJECTIONS = {"query": "q", "key": "k", "value": "v", "q_lin": "q", "k_lin": "k", "v_lin": "v"}
PLAIN = frozenset({"bert", "camembert", "distilbert", "electra", "ernie", "roberta", "xlm-roberta"})
HEAD, WIDER = 64, 4  # numbers of a head; a feed-forward layer is so many times as wide as the states
POSITIONS, DEEPEST = 512, 1_024


@dataclass(frozen=True)
class TransformerShape(Shape):
    """dimensions: width D of the states.

    size     LAYERSxWIDTH; layers alone, as wide as the word vectors; or a name of `SIZES`
    types    whether it reads which text of a pair a sub-word belongs to
    encoder  Hugging Face's config of the network, as it stands in config.json; empty until training begins
    """

    size: str | int = 3
    types: bool = False
    encoder: dict[str, Any] = field(default_factory=dict)

    FILLED = ("types", "encoder")

    @property
    def layers(self) -> int:
        return size_of(self.size).layers

    @property
    def heads(self) -> int:
        return int(config_of(self).num_attention_heads)


@dataclass(frozen=True)
class Size:
    """layers, width, heads, feed_forward: 0 where nothing is said."""

    layers: int
    width: int = 0
    heads: int = 0
    feed_forward: int = 0


def size_of(size: str | int) -> Size:
    """Read a size. Errors: neither a name of `SIZES` nor LAYERS nor LAYERSxWIDTH."""
    text = str(size)
    if text in SIZES:
        return Size(*SIZES[text])
    layers, sign, width = text.partition("x")
    if not (layers.isdecimal() and 0 < int(layers) <= DEEPEST and (not sign or (width.isdecimal() and int(width)))):
        raise PotstillError(
            f"no transformer of size {text!r}", hint=f"sizes: {', '.join(SIZES)}, LAYERS or LAYERSxWIDTH such as 3x192"
        )
    return Size(int(layers), int(width or 0))


class SmallTransformer(Transformer):
    """A transformer student. Its weights go by Hugging Face's names.

    For losses that compare layers it gives in training, beside the logits:
    states     the states of all layers
    attention  queries, keys and values of all layers, by name of the signal and layer from 1 (see `keep_attention`)
    """

    states = False
    attention: dict[str, dict[int, Tensor]] | None = None

    def said(self, ids: Tensor, lengths: Tensor, types: Tensor | None) -> Outputs:
        if not (self.training and self.states):
            return super().said(ids, lengths, types)
        found = self.called(ids, lengths, types, output_hidden_states=True)
        q, k, v = (dict(self.attention[name]) if self.attention else None for name in ("q", "k", "v"))
        return Outputs(found.logits, hidden=dict(enumerate(found.hidden_states)), q=q, k=k, v=v)

    def keep_attention(self) -> None:
        """Keep what the linear layers of queries, keys and values give, from now on.

        Errors: a family whose attention has no such layers, or is more than softmax(Q Kᵀ / √size).
        """
        kept: dict[str, dict[int, Tensor]] = {"q": {}, "k": {}, "v": {}}
        stack = stack_of(self.model)
        for name, module in self.model.named_modules():
            signal = PROJECTIONS.get(name.rpartition(".")[2])
            if signal and stack and name.startswith(stack):
                layer = 1 + int(name.removeprefix(stack).partition(".")[0])
                module.register_forward_hook(lambda _, __, made, at=(signal, layer): kept[at[0]].update({at[1]: made}))
                kept[signal][layer] = torch.empty(0)
        family, depth = self.model.config.model_type, self.model.config.num_hidden_layers  # type: ignore[union-attr]
        if family not in PLAIN or {len(layers) for layers in kept.values()} != {depth}:
            raise PotstillError(
                f"the attention of a {family} student cannot be compared", hint=f"families: {', '.join(sorted(PLAIN))}"
            )
        self.attention = kept

    @staticmethod
    def of(config: Any) -> Any:
        """Hugging Face's network of a config, with random weights."""
        from transformers import AutoModelForSequenceClassification

        return AutoModelForSequenceClassification.from_config(config, trust_remote_code=False)

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        return self.model.state_dict(*args, **kwargs)

    def load_state_dict(self, state_dict: Mapping[str, Tensor], strict: bool = True, assign: bool = False) -> Any:
        return self.model.load_state_dict(state_dict, strict=strict, assign=assign)


def build_transformer(shape: TransformerShape) -> SmallTransformer:
    """Build a student; its weights come from torch's current random state."""
    config = config_of(shape)
    family, pad = config.model_type, config.pad_token_id or 0
    feed = Feed(None, pad=pad, types=shape.types, alone=family not in PADDABLE, left=family in LEFT)
    return SmallTransformer(SmallTransformer.of(config), feed)


def config_of(shape: TransformerShape) -> Any:
    """Hugging Face's config of a student: the one it was given, or a new BERT's."""
    from transformers import AutoConfig, BertConfig

    if shape.encoder:
        values = dict(shape.encoder)
        return AutoConfig.for_model(values.pop("model_type"), **values)
    size, width = size_of(shape.size), shape.dimensions
    made = BertConfig(
        vocab_size=shape.vocabulary,
        hidden_size=width,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads or next(n for n in range(max(1, width // HEAD), 0, -1) if width % n == 0),
        intermediate_size=size.feed_forward or WIDER * width,
        max_position_embeddings=POSITIONS,
    )
    made.num_labels = shape.classes
    return made
