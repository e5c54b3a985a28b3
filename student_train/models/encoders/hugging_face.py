"""A Hugging Face encoder behind the interface of our loop: `Inputs` in, `Outputs` out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from data.tasks.task import Task
from data.text.encoding import Feed
from student_train.batch import Inputs
from student_train.models.shape import Shape
from student_train.outputs import Outputs


@dataclass(frozen=True)
class EncoderShape(Shape):
    """vocabulary, dimensions: 0, those of the encoder's own config.json.

    task       its classes are those of the head, and are named in config.json
    source     hub name, directory, or `scratch[:LAYERSxWIDTH]`
    longest    sub-words of the longest row
    tokenizer  file of the tokenizer that an encoder from scratch is to have
    """

    task: Task
    source: str
    longest: int
    tokenizer: Path | None = None


def encoder_shape(task: Task, source: str, *, longest: int, tokenizer: Path | None = None) -> EncoderShape:
    """The shape of an encoder that is to be fine-tuned for a task."""
    return EncoderShape("hugging_face", 0, 0, task.width, task, source, longest, tokenizer)


class Transformer(nn.Module):
    """Wrap an `AutoModelForSequenceClassification`; its word table's gradient is made sparse (see optim.py).

    feed: how the model is padded (`data.text.encoding`). A model that would read its padding is asked for the rows of
    one length at a time, but not in training: dropout is the larger noise, and a step is one batch.
    tokenizer, notes: of an encoder that is to be fine-tuned: what is saved beside it, what a user should know of it.
    """

    def __init__(self, model: nn.Module, feed: Feed, tokenizer: Any = None, notes: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.model = model
        self.feed = feed
        self.tokenizer = tokenizer
        self.notes = notes
        words = model.get_input_embeddings()  # type: ignore[operator]
        if isinstance(words, nn.Embedding):
            words.sparse = True

    def forward(self, inputs: Inputs) -> Outputs:
        ids, lengths, types = inputs.ids[0], inputs.lengths[0], inputs.types
        if self.training or not self.feed.alone:
            return self.said(ids, lengths, types)
        logits: Tensor | None = None
        for length in lengths.unique().tolist():
            rows = (lengths == length).nonzero()[:, 0]
            some = None if types is None else types[rows, :length]
            found = self.said(ids[rows, :length], lengths[rows], some).logits  # [R, C]
            logits = found.new_empty(len(ids), found.shape[1]) if logits is None else logits
            logits[rows] = found
        assert logits is not None
        return Outputs(logits)

    def said(self, ids: Tensor, lengths: Tensor, types: Tensor | None) -> Outputs:
        """What the model says of a batch: logits [B, C]."""
        return Outputs(self.called(ids, lengths, types).logits)

    def called(self, ids: Tensor, lengths: Tensor, types: Tensor | None, **asked: Any) -> Any:
        """Run the model. No attention mask for a batch of one length: that keeps the fast attention kernels."""
        kwargs = {} if types is None or not self.feed.types else {"token_type_ids": types}
        places = torch.arange(ids.shape[1], device=ids.device)
        real = places < lengths[:, None]  # [B, T]
        if not bool(real.all()):
            ids = ids.masked_fill(~real, self.feed.pad)
            kwargs["attention_mask"] = real.long()
            if self.feed.left:
                turned = (places - (ids.shape[1] - lengths[:, None])) % ids.shape[1]  # [B, T]: padding comes first
                ids = ids.gather(1, turned)
                kwargs = {name: values.gather(1, turned) for name, values in kwargs.items()}
        return self.model(input_ids=ids, **kwargs, **asked)


def stack_of(model: nn.Module) -> str:
    """What the names of an encoder's layers begin with, `bert.encoder.layer.`; empty where all share their weights."""
    depth = model.config.num_hidden_layers  # type: ignore[union-attr]
    lists = {
        name: sum(parameter.numel() for parameter in module.parameters())
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == depth
    }
    return f"{max(lists, key=lambda name: lists[name])}." if lists else ""
