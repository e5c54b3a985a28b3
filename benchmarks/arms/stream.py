"""Arms of `benchmarks.stream`: one epoch of padded batches of 256 with label and teacher logits, nothing learnt.

Each hands out rows, sub-words and sums over the epoch, by which the gate sees that all arms gave out the same rows.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch.nn.utils.rnn import pad_sequence

from benchmarks.memory import Peak

Round = Callable[[], dict[str, Any]]
BATCH = 256
BUFFER = 10_000  # rows of the rivals' shuffle buffer; ours shuffles blocks of 8 row groups, 65,536 rows
LONGEST = 128
SHIFT = 2  # our vocabulary keeps all of the teacher's sub-words and numbers them from 2 on


def ours(*, cache: str, epochs: int = 1) -> Round:
    """`student_train.stream.Stream` over a sealed cache."""
    stream = open_stream(cache)
    epoch = 0

    def run() -> dict[str, Any]:
        nonlocal epoch
        epoch += 1
        with Peak() as peak:
            batches = stream.batches(epoch)
            found = drain(((b.inputs.ids[0], b.inputs.lengths[0], parts(b)) for b in batches), shift=SHIFT)
        return {**found, "anonymous_mb": peak.megabytes, "before_mb": peak.before}

    return run


def parts(batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
    return batch.label, batch.teacher.logits


def open_stream(cache: str, *, groups: int = 0) -> Any:
    """The stream as `potstill train` opens it. groups: row groups of a block, where the usual eight are too many.

    The first block is read before the first step. A real set has many blocks; a short measurement must have some, too,
    or it pays for rows that it never trains on.
    """
    from data.progress import Silent
    from student_train.config import TrainConfig
    from student_train.reader import open_cache
    from student_train.start import build_vocabulary
    from student_train.stream import Stream

    config = TrainConfig(batch_size=BATCH, block_groups=groups or TrainConfig().block_groups)
    reader, _ = open_cache(Path(cache))
    return Stream(reader, build_vocabulary(config, reader, progress=Silent()), BATCH, config.block_groups, 0)


Given = Iterable[tuple[torch.Tensor, torch.Tensor, tuple[torch.Tensor, torch.Tensor]]]


def drain(batches: Given, *, shift: int = 0) -> dict[str, Any]:
    """Take every batch (ids [B, T], lengths [B], (label, logits)) and add up what identifies the rows.

    shift: by how much the ids are larger than the tokenizer's; padding is 0 in all arms.
    """
    start = time.perf_counter()
    rows = padded = tokens = 0
    ids_sum, label_sum, logit_sum = 0, 0, 0.0
    for ids, lengths, (label, logits) in batches:
        rows += len(lengths)
        padded += ids.numel()
        tokens += int(lengths.sum())
        ids_sum += int(ids.sum())
        label_sum += int(label.sum())
        logit_sum += float(logits.double().abs().sum())
    seconds = time.perf_counter() - start
    sums = {
        "rows": rows,
        "sub-words": tokens,
        "ids": ids_sum - shift * tokens,
        "labels": label_sum,
        "logits": logit_sum,
    }
    return {"rows": rows, "seconds": seconds, "sums": sums, "padding": 1 - tokens / max(1, padded)}


def memory(*, cache: str) -> Round:
    """A ceiling: the same plan over blocks that are already read and encoded; only cutting and padding is left."""
    from student_train.plan import plan_block
    from student_train.stream import make_batch

    stream = open_stream(cache)
    key = (stream.reader.root, stream.seed, 1)
    blocks = []
    for block in stream.plan(1):
        rows = stream.reader.read(list(block.groups))
        blocks.append((block, rows, stream.vocabulary.encode(rows.texts, rows.pairs)))

    def batches() -> Iterator[Any]:
        for block, rows, sides in blocks:
            lengths = np.sum([side.lengths for side in sides], axis=0)
            for chosen in plan_block(lengths, key, block, batch_size=BATCH):
                batch = make_batch(rows, sides, chosen)
                yield batch.inputs.ids[0], batch.inputs.lengths[0], parts(batch)

    return lambda: drain(batches(), shift=SHIFT)


def datasets_default(*, flat: str, tokenizer: str, batched: bool) -> Round:
    """Hugging Face streaming as its guides show it: shuffle buffer, map (over rows, or batches), padding collator."""
    no_sleep()
    from datasets import load_dataset
    from torch.utils.data import DataLoader
    from transformers import AutoTokenizer, DataCollatorWithPadding

    tok = AutoTokenizer.from_pretrained(tokenizer, local_files_only=True)
    rows = load_dataset("parquet", data_files=flat, split="train", streaming=True)
    encoded = rows.map(
        lambda row: tok(row["text"], truncation=True, max_length=LONGEST, add_special_tokens=False),
        batched=batched,
        remove_columns=["text"],
    ).select_columns(["input_ids", "attention_mask", "label", "logits"])
    collate = DataCollatorWithPadding(tok)
    epoch = 0

    def run() -> dict[str, Any]:
        nonlocal epoch
        epoch += 1
        loader = DataLoader(encoded.shuffle(seed=epoch, buffer_size=BUFFER), batch_size=BATCH, collate_fn=collate)
        return drain(_columns(loader))

    return run


def _columns(loader: Any) -> Iterator[Any]:
    for batch in loader:
        yield batch["input_ids"], batch["attention_mask"].sum(dim=1), (batch["labels"], batch["logits"])


def datasets_tuned(*, flat: str, tokenizer: str) -> Round:
    """Hugging Face streaming at its best: Arrow tables out of the shuffle buffer, the bare Rust tokenizer."""
    no_sleep()
    from datasets import load_dataset
    from tokenizers import Tokenizer

    tok = bare(Tokenizer.from_file(f"{tokenizer}/tokenizer.json"))
    rows = load_dataset("parquet", data_files=flat, split="train", streaming=True).with_format("arrow")
    epoch = 0

    def run(shards: int = 0) -> dict[str, Any]:
        nonlocal epoch
        epoch += 1
        shuffled = rows.shuffle(seed=epoch, buffer_size=BUFFER, max_buffer_input_shards=shards or best)
        return drain(_table_batch(table, tok) for table in shuffled.iter(batch_size=BATCH))

    best = min((1, 10), key=lambda shards: run(shards)["seconds"])  # files read side by side; 10 is its default
    return run


def no_sleep() -> None:
    """Take away the five seconds that datasets sleeps at the end of a shuffled epoch: they are not its speed."""
    import datasets

    datasets.config.SLEEP_TIME_ON_THREADS_SHUTDOWN = 0


def bare(tokenizer: Any) -> Any:
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _table_batch(table: pa.Table, tok: Any) -> Any:
    encoded = tok.encode_batch_fast(table["text"].to_pylist(), add_special_tokens=False)
    ids = [torch.tensor(row.ids[:LONGEST] or [0]) for row in encoded]
    lengths = torch.tensor([len(row) for row in ids])
    logits = table["logits"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(len(table), -1)
    label = torch.tensor(table["label"].to_numpy())
    return pad_sequence(ids, batch_first=True), lengths, (label, torch.from_numpy(logits))


def map_style(*, flat: str, tokenizer: str, workers: int) -> Round:
    """A DataLoader over a memory-mapped Arrow data set: any row by its number, tokenised and padded in the collator."""
    from datasets import Dataset
    from tokenizers import Tokenizer
    from torch.utils.data import DataLoader

    rows = Dataset.from_parquet(flat, keep_in_memory=False)
    collate = Collate(bare(Tokenizer.from_file(f"{tokenizer}/tokenizer.json")))

    def run() -> dict[str, Any]:
        loader = DataLoader(rows, batch_size=BATCH, shuffle=True, collate_fn=collate, num_workers=workers)
        return drain(iter(loader))

    return run


class Collate:
    """Rows as dicts -> a padded batch; a class, so that worker processes can be handed it."""

    def __init__(self, tok: Any) -> None:
        self.tok = tok

    def __call__(self, rows: list[dict[str, Any]]) -> Any:
        encoded = self.tok.encode_batch_fast([row["text"] for row in rows], add_special_tokens=False)
        ids = [torch.tensor(row.ids[:LONGEST] or [0]) for row in encoded]
        lengths = torch.tensor([len(row) for row in ids])
        labels, logits = torch.tensor([row["label"] for row in rows]), torch.tensor([row["logits"] for row in rows])
        return pad_sequence(ids, batch_first=True), lengths, (labels, logits)


def stalled(*, cache: str, rows: int, threads: int, from_memory: bool) -> Round:
    """Train the real BiLSTM student for some steps, from the stream or from batches that lie ready in memory."""
    from benchmarks.arms.train import Fixed, ours_loop

    stream = open_stream(cache, groups=1)
    steps = max(1, rows // BATCH)
    source = Fixed(stream, steps) if from_memory else stream

    def run() -> dict[str, Any]:
        return ours_loop(cache, source, steps=steps)

    return run


def built(*, examples: str, few: str, teacher: str, out: str, threads: int) -> Round:
    """The cache phase on many rows with a teacher so small that everything else shows: its time and its memory.

    fixed: seconds of a build of a few rows, loading and sealing above all, in a process that has imported everything.
    """
    import shutil

    from data.progress import Silent
    from teacher_cache.build import build
    from teacher_cache.config import CacheConfig

    def once(source: str, target: str) -> tuple[int, float]:
        shutil.rmtree(target, ignore_errors=True)
        start = time.perf_counter()
        config = CacheConfig(dtype="float32", threads=threads)
        manifest = build(config, Path(source), Path(teacher), Path(target), progress=Silent())
        seconds = time.perf_counter() - start
        assert manifest is not None, "the only process of a cache seals it"
        return manifest.rows, seconds

    once(few, f"{out}-few")
    _, fixed = once(few, f"{out}-few")

    def run() -> dict[str, Any]:
        with Peak() as peak:
            rows, seconds = once(examples, out)
        about = {"anonymous_mb": peak.megabytes, "before_mb": peak.before, "fixed": fixed}
        return {"rows": rows, "seconds": seconds, **about}

    return run
