"""What the tests of this room stand on: a tokenizer of a few words, a BERT of two layers, and a sealed cache.

The cache is written by hand, row group by row group, so that a test can say what the teacher answered. A real one is
built where a test is about both rooms together.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import save
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from data import store
from data.example import Example, example_id
from data.examples import describe, hash_ids, to_table, write_groups
from data.layout import part_name
from data.manifest import Manifest, write_manifest
from data.progress import Progress, Silent
from data.readers.source import Source
from data.row_groups import parquet_writer
from data.schema import Sizes, cache_schema, examples_schema, split_signal
from data.tasks.task import Task
from student_train.config import TeachConfig, TrainConfig
from student_train.measure.evaluate import evaluate_all
from student_train.teach import teach
from student_train.train import train

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = ("good", "bad", "film", "plot", "scene", "actor", "story", "music", "the", "a", "and", "was", "is", "very")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOCABULARY = (*SPECIAL, *WORDS, *LETTERS, *(f"##{letter}" for letter in LETTERS))
WIDTH = 16  # of the teacher's word table

SENTIMENT = Task("classify", ("neg", "pos"))
SAME = Task("classify", ("other", "same"), pair=True)
SCORE = Task("regress")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The numbers of a run may depend on the number of threads, and small students are faster on one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """WordPiece over `VOCABULARY`: a handful of words, and letters for all others."""
    made = Tokenizer(models.WordPiece({word: number for number, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.add_special_tokens(list(SPECIAL))
    return made


@pytest.fixture(scope="session")
def save_bert(tokenizer: Tokenizer) -> Callable[..., Path]:
    """Write a BERT of random weights as a plain Hugging Face directory."""

    def make(directory: Path, task: Task, *, layers: int = 2, width: int = 32) -> Path:
        names = dict(enumerate(task.labels)) or {0: "score"}
        config = BertConfig(
            vocab_size=len(VOCABULARY),
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=2,
            intermediate_size=2 * width,
            max_position_embeddings=64,
            id2label=names,
            label2id={name: number for number, name in names.items()},
        )
        with torch.random.fork_rng():
            torch.manual_seed(0)
            BertForSequenceClassification(config).save_pretrained(directory)
        roles = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, **roles).save_pretrained(directory)
        return directory

    return make


@dataclass(frozen=True)
class Rows:
    """Examples with what the teacher is to have said of them. logits [N, C]; status: "ok" where not given."""

    examples: list[Example]
    logits: np.ndarray
    task: Task = SENTIMENT
    status: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def make_cache(tokenizer: Tokenizer) -> Callable[..., Path]:
    """Write examples and a sealed cache over them: `make_cache(directory, rows)` -> directory / "cache".

    piece_rows: rows of the cache's row groups within each of the examples'.
    signals: further columns, name -> [N, D] or a list of N arrays [T, D], of packed numbers, or of ids.
    """

    def make(
        directory: Path,
        rows: Rows,
        *,
        group_rows: int = 64,
        part_rows: int = 256,
        name: str = "cache",
        piece_rows: int = 0,
        signals: dict[str, Any] | None = None,
    ) -> Path:
        starts = range(0, len(rows.examples), part_rows)
        cut = [slice(start, min(start + part_rows, len(rows.examples))) for start in starts]
        parts = [_write_part(directory / "examples", i, rows, cut[i], group_rows) for i in range(len(cut))]
        source = Manifest("examples", rows.task, tuple(parts))
        write_manifest(directory / "examples", source)
        out, more = directory / name, signals or {}
        sizes = (group_rows, piece_rows or group_rows)
        shards = [_write_shard(out, i, rows, cut[i], sizes, more) for i in range(len(cut))]
        config = {"signals": ["logits", *more], "examples": "../examples"}
        origins = {"examples": source.root, "teacher": store.digest_of(name)}
        write_manifest(out, Manifest("cache", rows.task, tuple(shards), origins, config))
        _write_files(out / "files", tokenizer)
        return out

    return make


def _write_part(directory: Path, index: int, rows: Rows, at: slice, group_rows: int) -> Any:
    schema, mine = examples_schema(rows.task), rows.examples[at]
    groups = (to_table(mine[start : start + group_rows], schema) for start in range(0, len(mine), group_rows))
    return write_groups(directory / part_name(index), groups, schema)


def signal_field(name: str, task: Task, values: Any) -> pa.Field:
    """The field of a signal's column, as the schema says it; the width is that of the values."""
    width = values[0].shape[-1] if name != "input_ids" else 0
    return cache_schema(task, (name,), Sizes(width, heads=1, key_heads=1, head_size=width)).field(name)


def signal_array(name: str, values: Any, field: pa.Field) -> pa.Array:
    dtype = split_signal(name)[0].dtype
    rows = [row.tolist() if name == "input_ids" else row.astype(dtype).tobytes() for row in values]
    return pa.array(rows, field.type)


def _write_shard(
    directory: Path, index: int, rows: Rows, at: slice, sizes: tuple[int, int], signals: dict[str, Any]
) -> Any:
    """Write one part of a cache. sizes: rows of the examples' row groups, and of the pieces they are kept in here."""
    import hashlib

    group_rows, piece_rows = sizes

    schema, digest = cache_schema(rows.task, ("logits",), Sizes(0)), hashlib.sha256()
    fields = {name: signal_field(name, rows.task, values) for name, values in signals.items()}
    schema = pa.schema([*schema, *fields.values()])
    ids, logits = [example.id for example in rows.examples[at]], rows.logits[at].astype(np.float32)
    status = (rows.status or ["ok"] * len(rows.examples))[at]
    path = directory / part_name(index)
    with parquet_writer(path, schema) as writer:
        for start in (
            s for g in range(0, len(ids), group_rows) for s in range(g, min(g + group_rows, len(ids)), piece_rows)
        ):
            piece = slice(start, min(start + piece_rows, start - start % group_rows + group_rows))
            flat = pa.array(logits[piece].reshape(-1))
            columns = [
                pa.array(ids[piece]),
                pa.array([5] * len(ids[piece]), pa.int32()),
                pa.array(status[piece]),
                pa.FixedSizeListArray.from_arrays(flat, type=schema.field("logits").type),
                *(signal_array(name, values[at][piece], fields[name]) for name, values in signals.items()),
            ]
            writer.write_table(pa.table(columns, schema=schema))
        hash_ids(digest, pa.chunked_array([ids]))
    return describe(path, len(ids), digest.hexdigest())


def _write_files(directory: Path, tokenizer: Tokenizer) -> None:
    store.write_text(directory / "tokenizer.json", tokenizer.to_str())
    roles = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    store.write_json(directory / "tokenizer_config.json", roles)
    table = torch.randn(len(VOCABULARY), WIDTH, generator=torch.Generator().manual_seed(7)) * 0.04
    store.write_bytes(directory / "word_embeddings.safetensors", save({"weight": table.half()}))


def _sentence(random: np.random.Generator) -> list[str]:
    return [str(word) for word in random.choice(WORDS[2:], size=int(random.integers(2, 8)))]


def _rows_of(texts: Sequence[tuple[str, str | None]], labels: Sequence[float | int], task: Task) -> list[Example]:
    """Examples of distinct ids; every third is an augmented row, which has no label."""
    made = []
    for number, ((text, pair), label) in enumerate(zip(texts, labels, strict=True)):
        example = Example(example_id(task.kind, f"{number} {text}", pair), text, pair, None, label)
        if number % 3 == 2:
            example = dataclasses.replace(example, label=None, source_id=made[-1].id, op="mask", k=0)
        made.append(example)
    return made


@pytest.fixture(scope="session")
def sentiment_rows() -> Callable[..., Rows]:
    """Rows that hold either "good" (pos, logits -2, 2) or "bad" (neg, logits 2, -2)."""

    def make(count: int = 200, seed: int = 0) -> Rows:
        random = np.random.default_rng(seed)
        texts: list[tuple[str, str | None]] = []
        labels = random.integers(0, 2, count).tolist()
        for label in labels:
            words = _sentence(random)
            words.insert(int(random.integers(0, len(words) + 1)), "good" if label else "bad")
            texts.append((" ".join(words), None))
        side = np.array(labels) * 4.0 - 2.0
        return Rows(_rows_of(texts, labels, SENTIMENT), np.stack([-side, side], axis=1))

    return make


@pytest.fixture(scope="session")
def pair_rows() -> Callable[..., Rows]:
    """Pairs of which both texts say the same of a film ("same") or not ("other")."""

    def make(count: int = 200, seed: int = 0) -> Rows:
        random = np.random.default_rng(seed)
        sides = random.integers(0, 2, (count, 2))
        texts: list[tuple[str, str | None]] = []
        for one, two in sides:
            words = [[*_sentence(random)[:3], "good" if side else "bad"] for side in (one, two)]
            texts.append((" ".join(words[0]), " ".join(words[1])))
        labels = (sides[:, 0] == sides[:, 1]).astype(int).tolist()
        side = np.array(labels) * 4.0 - 2.0
        return Rows(_rows_of(texts, labels, SAME), np.stack([-side, side], axis=1), SAME)

    return make


@pytest.fixture(scope="session")
def score_rows() -> Callable[..., Rows]:
    """Texts whose score is the share of "good" among their words."""

    def make(count: int = 200, seed: int = 0) -> Rows:
        random = np.random.default_rng(seed)
        goods = random.integers(0, 5, count)
        texts = [(" ".join(random.permutation(["good"] * n + ["bad"] * (4 - n))), None) for n in goods.tolist()]
        labels = (goods / 4.0).tolist()
        return Rows(_rows_of(texts, labels, SCORE), np.array(labels)[:, None], SCORE)

    return make


@pytest.fixture(scope="session")
def write_source() -> Callable[..., Source]:
    """Write labelled rows as a TSV file; rows without a label are left out."""

    def make(path: Path, rows: Rows) -> Source:
        known = [example for example in rows.examples if example.label is not None]
        names = rows.task.labels
        lines = ["\t".join(("text", "pair", "label") if rows.task.pair else ("text", "label"))]
        for example in known:
            label = names[int(example.label)] if names else f"{example.label:g}"  # type: ignore[arg-type]
            lines.append("\t".join(field for field in (example.text, example.pair, label) if field is not None))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return Source(path)

    return make


@pytest.fixture(scope="session")
def sentiment(
    tmp_path_factory: pytest.TempPathFactory, make_cache: Any, sentiment_rows: Any, write_source: Any
) -> tuple[list[Path], Source]:
    """A cache of 240 one-text rows in 4 row groups of 2 parts, and a dev file of other rows. Only to be read."""
    directory = tmp_path_factory.mktemp("sentiment")
    cache = make_cache(directory, sentiment_rows(240), group_rows=64, part_rows=128)
    return [cache], write_source(directory / "dev.tsv", sentiment_rows(60, seed=1))


@pytest.fixture(scope="session")
def small() -> TrainConfig:
    """A student that trains in a second: 8 states, 3 epochs of a few steps, float32."""
    return TrainConfig(
        hidden=8,
        dense=8,
        epochs=2,
        steps=1,  # said, so that fewer than 16 steps are not refused where a test has few rows
        batch_size=32,
        evaluations=2,  # said, so that the dev set's size does not decide
        lr=0.01,
        block_groups=2,
        threads=1,
        min_count=1,
        precision="float32",
        device="cpu",
    )


@dataclass(frozen=True)
class Trained:
    """A directory that a run made, with what it was made from (a cache, a model) and its dev file."""

    out: Path
    start: Path
    dev: Source
    manifest: Manifest


def evaluate(directory: Path, source: Source, *, progress: Progress) -> dict[str, float]:
    """The metrics of a model on a labelled file, means over its seeds."""
    found = evaluate_all({"model": directory}, {"file": source}, progress=progress)["model"]["file"]
    return {name: found.mean(name) for name in found.metrics}


@pytest.fixture(scope="session")
def trained(
    sentiment: tuple[list[Path], Source], small: TrainConfig, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    """A student of one text that has learnt its task. Only to be read."""
    caches, dev = sentiment
    out = tmp_path_factory.mktemp("trained") / "student"
    manifest = train(dataclasses.replace(small, epochs=8), caches, dev, out, progress=Silent())
    return Trained(out, caches[0], dev, manifest)


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory, save_bert: Any, sentiment_rows: Any, write_source: Any) -> Trained:
    """A two-layer BERT fine-tuned on whole sentences. Only to be read."""
    directory = tmp_path_factory.mktemp("taught")
    source = write_source(directory / "train.tsv", sentiment_rows(300))
    dev = write_source(directory / "dev.tsv", sentiment_rows(60, seed=1))
    start = save_bert(directory / "bert", SENTIMENT)
    config = TeachConfig(epochs=6, batch_size=16, lr=2e-3, threads=1, precision="float32", device="cpu", max_length=32)
    manifest = teach(config, SENTIMENT, source, dev, str(start), directory / "teacher", progress=Silent())
    return Trained(directory / "teacher", start, dev, manifest)
