"""What the arms work on, made once under .cache/bench: texts, examples, a teacher, caches, a student.

Texts are real SST-2 phrases in a fixed order; more than there are of them begin again with other ids. Speed does not
depend on how good a teacher is, but agreement does (near ties flip), so the teacher is a fine-tuned MiniLM-L6.
"""

import csv
import hashlib
import random
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from benchmarks.race.options import Options
from data.errors import NO_INPUT, PotstillError
from data.example import Example, example_id
from data.examples import write_parts
from data.layout import MANIFEST
from data.manifest import Manifest, write_manifest
from data.progress import Silent
from data.tasks.task import Task

TASK = Task("classify", ("0", "1"))
TEACH_STEPS = 300  # about 0.85 accuracy on the dev set: far from ties, which is all that is wanted
ORDER_SEED = 7


def phrases(data: Path) -> list[tuple[str, int]]:
    """The labelled SST-2 training phrases, each once, in a fixed random order."""
    path = data / "train.tsv"
    if not path.is_file():
        raise PotstillError(f"{path} is not there", hint="--data FOLDER with SST-2's train.tsv", code=NO_INPUT)
    with path.open(encoding="utf-8", newline="") as stream:
        rows = [
            (row["sentence"].strip(), int(row["label"]))
            for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]
    rows = list(dict(rows).items())  # 371 stand there twice, some with both labels
    random.Random(ORDER_SEED).shuffle(rows)
    return rows


def texts(data: Path, count: int) -> list[str]:
    return [example.text for example in examples(data, count)]


def examples(data: Path, count: int) -> Iterator[Example]:
    """The first `count` rows; the set is repeated where it is too small. Ids are hashes, as in real sets."""
    rows = phrases(data)
    for number in range(count):
        text, label = rows[number % len(rows)]
        again = hashlib.blake2b(f"{number} {text}".encode(), digest_size=16).hexdigest()
        yield Example(example_id(TASK.kind, text, None) if number < len(rows) else again, text, label=label)


def examples_directory(options: Options, count: int) -> Path:
    """A sealed examples directory of `count` rows."""
    out = options.work / f"examples-{count}"
    if not (out / MANIFEST).exists():
        parts = write_parts(out, examples(options.data, count), TASK)
        write_manifest(out, Manifest("examples", TASK, tuple(parts)))
    return out


def teacher(options: Options) -> Path:
    """The teacher of all arms: MiniLM-L6 fine-tuned for a few steps; in a smoke run a tiny random one."""
    return tiny_teacher(options) if options.quick else fine_tuned(options)


def fine_tuned(options: Options) -> Path:
    from data.demo.files import demo_teacher
    from data.readers.source import Source
    from student_train.config import TeachConfig
    from student_train.teach import teach

    out = options.work / "teacher"
    if not (out / MANIFEST).exists():
        print(f"making a teacher ({TEACH_STEPS} steps of fine-tuning) in {out}", flush=True)
        config = TeachConfig(max_steps=TEACH_STEPS, epochs=1, lr=1e-4, evaluations=1, threads=options.threads)
        train, dev = Source(options.data / "train.tsv"), Source(options.data / "dev.tsv")
        teach(config, TASK, train, dev, str(demo_teacher()), out, progress=Silent())
    return out


def tiny_teacher(options: Options, *, layers: int = 1, width: int = 32) -> Path:
    """A BERT of random weights with the demo teacher's tokenizer: for smoke runs, and where its time must not count."""
    import torch
    from transformers import AutoTokenizer, BertForSequenceClassification

    from data.demo.files import demo_teacher
    from student_train.models.encoders.encoder import be_quiet

    out = options.work / f"tiny-{layers}x{width}"
    if not (out / "model.safetensors").exists():
        tokenizer = AutoTokenizer.from_pretrained(demo_teacher(), local_files_only=True)
        torch.manual_seed(0)
        be_quiet()
        BertForSequenceClassification(bert_config(layers, width, len(tokenizer))).save_pretrained(out)
        tokenizer.save_pretrained(out)
    return out


def bert_config(layers: int, width: int, vocabulary: int):  # type: ignore[no-untyped-def]
    """A BERT of the usual proportions with the task's head; labels named, as the cache phase wants them."""
    from transformers import BertConfig

    return BertConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=max(1, width // 64),
        intermediate_size=4 * width,
        initializer_range=0.3 if width < 100 else 0.02,
        id2label=dict(enumerate(TASK.labels)),
        label2id={name: number for number, name in enumerate(TASK.labels)},
    )


def cache(options: Options, count: int, teacher_path: Path) -> Path:
    """A sealed cache of a teacher's logits on `count` rows."""
    from teacher_cache.build import build
    from teacher_cache.config import CacheConfig

    out = options.work / f"cache-{Path(teacher_path).name}-{count}"
    if not (out / MANIFEST).exists():
        shutil.rmtree(out, ignore_errors=True)
        examples = examples_directory(options, count)
        build(CacheConfig(threads=options.threads), examples, teacher_path, out, progress=Silent())
    return out


def student(options: Options, cache_path: Path) -> Path:
    """A trained student of the SST-2 recipe's size (hidden 190), after a few steps: its speed is that of a good one."""
    from data.readers.source import Source
    from student_train.config import TrainConfig
    from student_train.train import train

    out = options.work / "student"
    if not (out / MANIFEST).exists():
        config = TrainConfig(hidden=190, max_steps=20, epochs=1, evaluations=1, threads=options.threads)
        train(config, [cache_path], Source(options.data / "dev.tsv"), out, progress=Silent())
    return out


def flat_parquet(options: Options, cache_path: Path, count: int) -> Path:
    """One Parquet file of text, label and logits, as one would write it for another loader."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from student_train.feed.reader import open_caches

    out = options.work / f"flat-{count}.parquet"
    if not out.exists():
        reader, _ = open_caches([cache_path])
        writer = None
        for number in range(len(reader.groups)):
            block = reader.read([number])
            assert block.logits is not None
            logits = pa.FixedSizeListArray.from_arrays(pa.array(block.logits.reshape(-1)), block.logits.shape[1])
            table = pa.table({"text": block.texts, "label": np.asarray(block.label), "logits": logits})
            writer = writer or pq.ParquetWriter(out.with_suffix(".tmp"), table.schema)
            writer.write_table(table, row_group_size=8192)
        assert writer is not None
        writer.close()
        out.with_suffix(".tmp").rename(out)
    return out


def sample(data: Path, count: int) -> list[str]:
    """Texts for measuring answers: dev sentences, which are longer than training phrases and never seen."""
    path = data / "dev.tsv"
    with path.open(encoding="utf-8", newline="") as stream:
        rows = [row["sentence"].strip() for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)]
    return list(islice((text for _ in range(1 + count // max(1, len(rows))) for text in rows), count))
