"""Open a Hugging Face encoder for fine-tuning or measuring, or make a small new one where no weights exist."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from data.errors import BAD_DATA, PotstillError
from data.guards.model import check_model, find_model
from data.guards.sizes import budget_of, watching
from data.guards.tokenizer import check_tokenizers
from data.guards.untrusted import read_json, refusing
from data.layout import CONFIG, MANIFEST, TOKENIZER
from data.manifest import open_sealed
from data.readers.identity import SCRATCH_SIZE
from data.tasks.task import Task
from data.text.encoding import feed_of
from data.text.families import OURS, PADDABLE, position_limit
from student_train.models.encoders.hugging_face import EncoderShape, Transformer
from student_train.models.encoders.scratch import SPECIAL, read_tokenizer
from student_train.models.room import refuse_too_large

NEEDS = "name a directory with config.json, model.safetensors and tokenizer.json, or a hub model"


def load_encoder(name: str, task: Task, *, fresh: bool = False) -> tuple[Any, Any]:
    """A pretrained encoder with a head of the task's width, and its fast tokenizer. Safetensors, no remote code.

    fresh: a head of another width is made anew, not refused.
    Errors: whatever `data.guards.model` and `data.guards.tokenizer` refuse, or transformers cannot open (BAD_DATA).
    """
    from torch.nn.modules import module as registry
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    be_quiet()
    with refusing(f"cannot open encoder {name!r}", hint=NEEDS):
        path = _checked(name)
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False, use_fast=True, local_files_only=True)
        config = AutoConfig.from_pretrained(path, trust_remote_code=False, local_files_only=True, **head(task))
        vars(config).update({key: value for key, value in OURS.items() if hasattr(config, key)})
        with watching(budget_of(path), registry):
            model = AutoModelForSequenceClassification.from_pretrained(
                path,
                config=config,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                dtype="float32",
                ignore_mismatched_sizes=fresh,
            )
    if not getattr(tokenizer, "is_fast", False):
        raise PotstillError(f"{name} has no fast tokenizer", hint="convert it to a tokenizer.json first", code=BAD_DATA)
    with refusing(f"the tokenizer of {name!r} cannot be used"):
        _check_ids(name, tokenizer, model)
    return model, tokenizer


def open_to_teach(shape: EncoderShape) -> Transformer:
    """An encoder that is to be fine-tuned, with a head for the task: pretrained, or new and of random weights."""
    notes: list[str] = []
    if shape.tokenizer is None:
        network, tokenizer = _open_pretrained(shape, notes.append)
    else:
        size, own = shape.source.partition(":")[2] or SCRATCH_SIZE, read_tokenizer(shape.tokenizer)
        network, tokenizer = new_encoder(size, shape.task, own, longest=shape.longest)
    return Transformer(network, feed_of(tokenizer, network, shape.longest), tokenizer, tuple(notes))


def _open_pretrained(shape: EncoderShape, say: Callable[[str], None]) -> tuple[Any, Any]:
    """Open a pretrained encoder; refuse a damaged one of potstill's, and rows longer than its positions."""
    if (Path(shape.source) / MANIFEST).is_file():
        open_sealed(Path(shape.source), "teacher")
    network, tokenizer = load_to_teach(shape.source, shape.task, say=say)
    longest = position_limit(network.config.to_dict(), tokenizer.model_max_length)
    if longest and shape.longest > longest:
        raise PotstillError(
            f"max_length {shape.longest} is above the {longest} positions of {shape.source}",
            hint=f"--set teach.max_length={longest}",
        )
    return network, tokenizer


def load_to_teach(name: str, task: Task, *, say: Callable[[str], None]) -> tuple[Any, Any]:
    """A pretrained encoder that is to be fine-tuned: a head of other classes is made anew, and padding is settled."""
    model, tokenizer = load_encoder(name, task, fresh=True)
    old = read_json(find_model(name) / CONFIG)
    names = [str(label) for _, label in sorted((old.get("id2label") or {}).items(), key=lambda item: int(item[0]))]
    known = names and any(label != f"LABEL_{number}" for number, label in enumerate(names))
    if len(names) != task.width and names and known:
        say(f"{name} has the classes {_listed(names)}: a fresh head for {_listed(task.labels) or 'a score'}")
    elif known and task.labels and [label.casefold() for label in names] != [label.casefold() for label in task.labels]:
        say(f"{name} has the classes {_listed(names)}: a fresh head for {_listed(task.labels)}")
        _renew_head(model, task.width)
    _settle_padding(name, model, tokenizer)
    return model, tokenizer


def new_encoder(size: str, task: Task, tokenizer: Tokenizer, *, longest: int) -> tuple[Any, Any]:
    """A BERT of random weights, `LAYERSxWIDTH`, and its tokenizer (see `student_train.models.encoders.scratch`).

    For languages and machines without a pretrained encoder at hand.
    """
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    be_quiet()

    layers, width = _size(size)
    roles = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],  # else Hugging Face gives pairs no types
        **roles,
    )
    config = BertConfig(
        vocab_size=len(fast),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=next(heads for heads in range(width // 64 or 1, 0, -1) if width % heads == 0),
        intermediate_size=4 * width,
        max_position_embeddings=max(512, longest),
        pad_token_id=0,
        **head(task),
    )
    build = functools.partial(BertForSequenceClassification, config)
    refuse_too_large(build, torch.device("cpu"), hint="smaller ones: -m scratch:4x256, --set teach.max_length=128")
    return build(), fast


def reads_types(longest: int, files: Path, network: Any, tokenizer: Any) -> bool:
    """Whether an encoder reads which text of a pair a sub-word belongs to, as a student that starts from it does.

    Errors: its sub-words are not those of the tokenizer in `files`; rows longer than its positions.
    """
    if tokenizer.get_vocab() != Tokenizer.from_file(str(files / TOKENIZER)).get_vocab(with_added_tokens=True):
        raise PotstillError(
            "the encoder to start from has other sub-words than the teacher whose answers the cache holds",
            hint="name the teacher itself, or the encoder that it was fine-tuned from",
        )
    most = position_limit(network.config.to_dict(), tokenizer.model_max_length)
    if most and longest > most:
        raise PotstillError(
            f"max_words {longest} is above the {most} positions of the encoder to start from",
            hint=f"--set train.max_words={most}",
        )
    return feed_of(tokenizer, network, longest).types


def word_vectors(name: str) -> tuple[dict[str, int], torch.Tensor]:
    """An encoder's sub-words, spelling -> row, and its table of word vectors [V, D] float32."""
    model, tokenizer = load_encoder(name, Task("regress"), fresh=True)
    return tokenizer.get_vocab(), model.get_input_embeddings().weight.detach()


def be_quiet() -> None:
    """Keep transformers' own bars and load reports out of our output."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def head(task: Task) -> dict[str, Any]:
    """What a Hugging Face config must say of the task: names in the order of the logits."""
    names = dict(enumerate(task.labels)) or {0: "score"}
    return {"num_labels": task.width, "id2label": names, "label2id": {name: number for number, name in names.items()}}


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(labels[:8]) + (f", … {len(labels) - 8} more" if len(labels) > 8 else "")


def _renew_head(model: Any, width: int) -> None:
    """Draw the last layer anew, as transformers draws one."""
    body = f"{model.base_model_prefix}."
    for name, module in model.named_modules():
        if not name.startswith(body) and getattr(module, "out_features", None) == width:
            module.weight.data.normal_(0.0, getattr(model.config, "initializer_range", 0.02))
            if module.bias is not None:
                module.bias.data.zero_()


def _settle_padding(name: str, model: Any, tokenizer: Any) -> None:
    """Give a model that finds its last sub-word by the padding id one, where it has none: batches are padded."""
    config = model.config
    if config.model_type in PADDABLE or config.pad_token_id is not None:
        return
    if tokenizer.pad_token_id is None:
        token = tokenizer.eos_token or tokenizer.unk_token
        if token is None:
            raise PotstillError(
                f"{name} has no padding token, and its tokenizer neither an end nor an unknown token to pad with",
                hint="name one in its tokenizer_config.json (pad_token) and config.json (pad_token_id)",
                code=BAD_DATA,
            )
        tokenizer.pad_token = token
    config.pad_token_id = tokenizer.pad_token_id


def _checked(name: str) -> Path:
    """Find an encoder's directory, checked."""
    try:
        path = find_model(name, role="encoder")
        check_model(path)
        check_tokenizers(path)
    except PotstillError as error:
        raise PotstillError(
            f"cannot open encoder {name!r}: {error.message}", hint=error.hint or NEEDS, code=error.code
        ) from None
    return path


def _check_ids(name: str, tokenizer: Any, model: Any) -> None:
    """Refuse ids beyond the word table: an error on a CPU, the end of the process on a GPU."""
    rows, largest = model.get_input_embeddings().weight.shape[0], max(tokenizer.get_vocab().values(), default=0)
    if largest >= rows:
        raise PotstillError(
            f"the tokenizer of {name} gives ids up to {largest:,}, the encoder has {rows:,} word vectors", code=BAD_DATA
        )
    kinds, types = getattr(model.config, "type_vocab_size", None), tokenizer.backend_tokenizer.encode("a", "a").type_ids
    if "token_type_ids" in tokenizer.model_input_names and kinds and kinds <= max(types, default=0):
        raise PotstillError(
            f"the tokenizer of {name} gives token types up to {max(types)}, the encoder has {kinds}", code=BAD_DATA
        )


def _size(size: str) -> tuple[int, int]:
    """Read `LAYERSxWIDTH`."""
    layers, sign, width = size.partition("x")
    if not (sign and layers.isdecimal() and width.isdecimal() and int(layers) and int(width)):
        raise PotstillError(f"scratch size {size!r} is not LAYERSxWIDTH", hint="e.g. -m scratch:4x256")
    return int(layers), int(width)
