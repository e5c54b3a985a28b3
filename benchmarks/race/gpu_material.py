"""What the GPU benchmark works on, made from the files of this repository alone: sentences, a tokenizer, BERTs.

Sentences are stretches of the embedded demo reviews, as long as SST-2's phrases are; a WordPiece tokenizer is trained
on them; the encoders have the sizes of BERT-base and BERT-large and random weights.
"""

import csv
import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from benchmarks.race.material import TASK, bert_config
from benchmarks.race.options import Options
from data.demo.files import demo_files
from data.examples import GROUP_ROWS, PART_ROWS, write_groups
from data.layout import part_name
from data.manifest import Manifest, Part, write_manifest
from data.schema import examples_schema

MODELS = {"base": (12, 768), "large": (24, 1024)}
TINY = (2, 64)
LONGEST = 25  # words; lengths are drawn from 1 on, short ones more often: 9 on the average, as in SST-2
VOCABULARY = 30_522  # rows of the word table; the trained tokenizer fills a part of it


def make_examples(options: Options, out: Path, count: int) -> Path:
    """A sealed examples directory of `count` made sentences."""
    if out.exists():
        return out
    parts: list[Part] = []
    tables = groups(count, examples_schema(TASK))
    per_part = PART_ROWS // GROUP_ROWS
    while first := [table for _, table in zip(range(per_part), tables, strict=False)]:
        parts.append(write_groups(out / part_name(len(parts)), iter(first), examples_schema(TASK)))
    write_manifest(out, Manifest("examples", TASK, tuple(parts)))
    return out


def groups(count: int, schema: pa.Schema) -> Iterator[pa.Table]:
    """Row groups of made sentences."""
    chance, texts = random.Random(3), words()
    for start in range(0, count, GROUP_ROWS):
        rows = range(start, min(start + GROUP_ROWS, count))
        columns = {
            "id": [f"{chance.getrandbits(128):032x}" for _ in rows],
            "text": [sentence(texts, chance) for _ in rows],
            "label": [chance.randrange(2) for _ in rows],
            "split": ["train"] * len(rows),
        }
        empty = {name: [None] * len(rows) for name in schema.names if name not in columns}
        yield pa.table({name: (columns | empty)[name] for name in schema.names}, schema=schema)


def words() -> list[list[str]]:
    with demo_files()["train"].open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row["text"].split() for row in rows]


def sentence(texts: list[list[str]], chance: random.Random) -> str:
    text = chance.choice(texts)
    length = min(len(text), 1 + int(LONGEST * chance.random() * chance.random() * 1.4))
    start = chance.randrange(len(text) - length + 1)
    return " ".join(text[start : start + length])


def make_teacher(shape: tuple[int, int], examples: Path, out: Path) -> Path:
    """Save a classifier of random weights with a tokenizer of the examples' texts."""
    import torch
    from transformers import BertForSequenceClassification

    from student_train.models.encoders.encoder import be_quiet, new_encoder
    from student_train.models.encoders.scratch import train_tokenizer

    be_quiet()
    sample = examples.with_name("warm") if examples.with_name("warm").exists() else examples
    _, tokenizer = new_encoder("1x64", TASK, train_tokenizer(sample), longest=128)
    torch.manual_seed(0)
    model = BertForSequenceClassification(bert_config(*shape, VOCABULARY))
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out
