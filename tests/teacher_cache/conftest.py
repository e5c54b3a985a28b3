"""Tiny teachers with random weights and tiny examples directories, made on the spot: no download, no fixture files."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertTokenizer,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from data.example import Example, example_id
from data.examples import write_parts
from data.manifest import Manifest, write_manifest
from data.tasks.task import Task
from teacher_cache.teacher.classes import match_classes
from teacher_cache.teacher.files import TeacherFiles, inspect_teacher
from teacher_cache.teacher.load import load_model, load_tokenizer

SENTIMENT = Task("classify", ("negative", "positive"))
WORDS = [
    "a",
    "the",
    "movie",
    "film",
    "is",
    "was",
    "not",
    "very",
    "good",
    "bad",
    "great",
    "dull",
    "funny",
    "plot",
    "actor",
    "and",
    "but",
    ".",
    ",",
    "!",
    "##s",
    "##ly",
]
VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *"abcdefghijklmnopqrstuvwxyz"]
VOCAB += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
VOCAB = list(dict.fromkeys(VOCAB))  # "a" and "##s" stand among the words too; an id beyond the word table is refused
TEXTS = (
    "a good movie",
    "the plot is dull , the actor is very very bad",
    "great",
    "not a good film !",
    "funny and great but not very funny",
    "the movie was bad",
    "was the film good ?",
    "a very very very very very very good movie and a great great actor",
)

MakeTeacher = Callable[..., Path]
MakeExamples = Callable[..., Path]


class Heard:
    """A progress that remembers what it was told."""

    def __init__(self) -> None:
        self.rows = 0
        self.notes: list[str] = []

    def start(self, name: str, *, total: int | None, unit: str) -> None: ...

    def advance(self, amount: int, info: str = "") -> None:
        self.rows += amount

    def finish(self) -> None: ...

    def note(self, message: str) -> None:
        self.notes.append(message)


class Loaded(NamedTuple):
    """A teacher in memory."""

    model: Any
    tokenizer: Any
    files: TeacherFiles


def load_teacher(place: Path, *, task: Task, dtype: str = "float32") -> Loaded:
    """Load a teacher as the cache does: its files are looked at, its classes are those of the task."""
    files = inspect_teacher(place)
    match_classes(files, task)
    model = load_model(files, device="cpu", dtype=dtype, attention="sdpa")
    return Loaded(model, load_tokenizer(files), files)


@pytest.fixture
def heard() -> Heard:
    return Heard()


def bert_tokenizer() -> Any:
    backend = Tokenizer(models.WordPiece({word: number for number, word in enumerate(VOCAB)}, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return BertTokenizer(tokenizer_object=backend, vocab=backend.get_vocab(), mask_token="[MASK]", **names)


def roberta_tokenizer() -> Any:
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: number for number, token in enumerate([*special, *letters, "<mask>"])}
    backend = Tokenizer(models.BPE(vocab, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    names = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>"}
    mask = AddedToken("<mask>", lstrip=True, special=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, unk_token="<unk>", pad_token="<pad>", mask_token=mask, **names
    )


@pytest.fixture(scope="session")
def make_teacher(tmp_path_factory: pytest.TempPathFactory) -> MakeTeacher:
    """Make a random teacher of width 16 and 3 layers: family bert or roberta, labels in logit order."""

    def make(*, family: str = "bert", labels: Sequence[str] = SENTIMENT.labels, seed: int = 0) -> Path:
        torch.manual_seed(seed)
        shape = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
        heads = {"id2label": dict(enumerate(labels)), "label2id": {name: number for number, name in enumerate(labels)}}
        tokenizer = bert_tokenizer() if family == "bert" else roberta_tokenizer()
        common = {**shape, **heads, "vocab_size": len(tokenizer), "initializer_range": 0.3}
        if family == "bert":
            model: Any = BertForSequenceClassification(BertConfig(**common, max_position_embeddings=128))
        else:
            config = RobertaConfig(**common, max_position_embeddings=514, pad_token_id=1, type_vocab_size=1)
            model = RobertaForSequenceClassification(config)
        path = tmp_path_factory.mktemp("teacher")
        model.save_pretrained(path)
        tokenizer.save_pretrained(path)
        return path

    return make


@pytest.fixture
def make_examples(tmp_path: Path) -> MakeExamples:
    """Write an examples directory of parts of `part_rows` rows."""

    def make(
        texts: Sequence[str] = TEXTS,
        *,
        pairs: Sequence[str] | None = None,
        labels: Sequence[float | None] | None = None,
        ops: Sequence[str | None] | None = None,
        task: Task = SENTIMENT,
        part_rows: int = 3,
        name: str = "examples",
    ) -> Path:
        out = tmp_path / name
        out.mkdir()
        rows = [
            Example(
                example_id(task.kind, text, pairs[i] if pairs else None),
                text,
                pairs[i] if pairs else None,
                label=labels[i] if labels else None,
                op=ops[i] if ops else None,
            )
            for i, text in enumerate(texts)
        ]
        parts = write_parts(out, rows, task, part_rows=part_rows)
        write_manifest(out, Manifest("examples", task, tuple(parts)))
        return out

    return make


@pytest.fixture(scope="session")
def teacher(make_teacher: MakeTeacher) -> Path:
    return make_teacher()


@pytest.fixture
def examples(make_examples: MakeExamples) -> Path:
    """The eight texts in parts of 3, 3 and 2 rows."""
    return make_examples()
