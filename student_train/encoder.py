"""Open a Hugging Face encoder for fine-tuning or measuring, or make a small new one where no weights exist."""

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from data.errors import BAD_DATA, PotstillError
from data.examples import read_examples
from data.model_files import check_model, find_model
from data.model_sizes import budget_of, watching
from data.tasks.task import Task
from data.tokenizer_files import check_tokenizer
from data.untrusted import refusing

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
NEW_VOCABULARY = 8_000
NEEDS = "name a directory with config.json, model.safetensors and tokenizer.json, or a hub model"


def load_encoder(name: str, task: Task) -> tuple[Any, Any]:
    """A pretrained encoder with a head of the task's width, and its fast tokenizer. Safetensors, no remote code.

    Errors: whatever `data.model_files` and `data.tokenizer_files` refuse, or transformers cannot open (BAD_DATA).
    """
    from torch.nn.modules import module as registry
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    be_quiet()
    with refusing(f"cannot open encoder {name!r}", hint=NEEDS):
        path = _checked(name)
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False, use_fast=True, local_files_only=True)
        with watching(budget_of(path), registry):
            model = AutoModelForSequenceClassification.from_pretrained(
                path,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                dtype="float32",
                **head(task),
            )
    if not getattr(tokenizer, "is_fast", False):
        raise PotstillError(f"{name} has no fast tokenizer", hint="convert it to a tokenizer.json first", code=BAD_DATA)
    _check_ids(name, tokenizer, model)
    return model, tokenizer


def new_encoder(size: str, task: Task, examples: Path, *, longest: int) -> tuple[Any, Any]:
    """A BERT of random weights, `LAYERSxWIDTH`, with a WordPiece tokenizer trained on the examples' texts.

    For languages and machines without a pretrained encoder at hand. Chinese characters are words of their own.
    """
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    be_quiet()

    layers, width = _size(size)
    roles = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_train_tokenizer(examples),
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],  # else Hugging Face gives pairs no types
        **roles,
    )
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=next(heads for heads in range(width // 64 or 1, 0, -1) if width % heads == 0),
        intermediate_size=4 * width,
        max_position_embeddings=max(512, longest),
        pad_token_id=0,
        **head(task),
    )
    return BertForSequenceClassification(config), tokenizer


def be_quiet() -> None:
    """Keep transformers' own bars and load reports out of our output."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def head(task: Task) -> dict[str, Any]:
    """What a Hugging Face config must say of the task: names in the order of the logits."""
    names = dict(enumerate(task.labels)) or {0: "score"}
    return {"num_labels": task.width, "id2label": names, "label2id": {name: number for number, name in names.items()}}


def _checked(name: str) -> Path:
    """Find an encoder's directory, checked."""
    try:
        path = find_model(name, role="encoder")
        check_model(path)
        if (path / "tokenizer.json").exists():
            check_tokenizer(path / "tokenizer.json")
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


def _size(size: str) -> tuple[int, int]:
    """Read `LAYERSxWIDTH`."""
    layers, sign, width = size.partition("x")
    if not (sign and layers.isdecimal() and width.isdecimal() and int(layers) and int(width)):
        raise PotstillError(f"scratch size {size!r} is not LAYERSxWIDTH", hint="e.g. -m scratch:4x256")
    return int(layers), int(width)


def _train_tokenizer(examples: Path) -> Tokenizer:
    _, rows = read_examples(examples)
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=NEW_VOCABULARY, special_tokens=list(SPECIAL), show_progress=False)
    texts = (text for row in rows for text in (row.text, row.pair) if text)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer
