"""Rivals of `benchmarks.stream`: Hugging Face datasets and a DataLoader, from a file of texts or from one of ids.

Each does what `benchmarks.arms.stream` does with our stream: one epoch of padded batches with label and logits.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch.nn.utils.rnn import pad_sequence

from benchmarks.arms.opened import BATCH
from benchmarks.arms.stream import Round, drain

BUFFER = 10_000  # rows of the shuffle buffer; ours shuffles blocks of 8 row groups, 65,536 rows
LONGEST = 128


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


def datasets_tuned(*, flat: str, tokenizer: str, kept: bool = False) -> Round:
    """Hugging Face streaming at its best: Arrow tables out of the shuffle buffer, the bare Rust tokenizer.

    kept: ids are in the file already.
    """
    no_sleep()
    from datasets import load_dataset
    from tokenizers import Tokenizer

    tok = None if kept else bare(Tokenizer.from_file(f"{tokenizer}/tokenizer.json"))
    file = ids_file(flat, tokenizer) if kept else flat
    rows = load_dataset("parquet", data_files=file, split="train", streaming=True).with_format("arrow")
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


def ids_file(flat: str, tokenizer: str) -> str:
    """The flat file with ids in the place of texts: what one writes who tokenises once."""
    import pyarrow.parquet as pq
    from tokenizers import Tokenizer

    out = Path(flat).with_suffix(".ids.parquet")
    if not out.exists():
        tok = bare(Tokenizer.from_file(f"{tokenizer}/tokenizer.json"))
        table = pq.read_table(flat)
        rows = tok.encode_batch_fast(table["text"].to_pylist(), add_special_tokens=False)
        ids = pa.array([row.ids[:LONGEST] or [0] for row in rows], pa.list_(pa.int32()))
        table = pa.table({"input_ids": ids, "label": table["label"], "logits": table["logits"]})
        made = out.with_suffix(f".{time.monotonic_ns()}")  # several arms may come at once
        pq.write_table(table, made, row_group_size=8192)
        made.rename(out)
    return str(out)


def _table_batch(table: pa.Table, tok: Any) -> Any:
    logits = table["logits"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(len(table), -1)
    said = torch.tensor(table["label"].to_numpy()), torch.from_numpy(logits)
    if tok is None:
        return *_padded(table["input_ids"].combine_chunks()), said
    encoded = tok.encode_batch_fast(table["text"].to_pylist(), add_special_tokens=False)
    ids = [torch.tensor(row.ids[:LONGEST] or [0]) for row in encoded]
    return pad_sequence(ids, batch_first=True), torch.tensor([len(row) for row in ids]), said


def _padded(lists: pa.ListArray) -> tuple[torch.Tensor, torch.Tensor]:
    """Lists of ids -> ids [B, T] and lengths [B], without a step a row."""
    lengths = np.diff(lists.offsets.to_numpy())
    real = np.arange(lengths.max()) < lengths[:, None]  # [B, T]
    ids = np.zeros(real.shape, np.int64)
    ids[real] = lists.flatten().to_numpy()
    return torch.from_numpy(ids), torch.from_numpy(lengths.astype(np.int64))


def map_kept(*, flat: str, tokenizer: str) -> Round:
    """A DataLoader over a memory-mapped Arrow data set of ids: a table for each batch of random rows."""
    from datasets import Dataset
    from torch.utils.data import BatchSampler, DataLoader, RandomSampler

    rows = Dataset.from_parquet(ids_file(flat, tokenizer), keep_in_memory=False).with_format("arrow")

    def run() -> dict[str, Any]:
        sampler = BatchSampler(RandomSampler(rows), BATCH, drop_last=False)
        loader = DataLoader(rows, sampler=sampler, batch_size=None, collate_fn=lambda table: _table_batch(table, None))
        return drain(iter(loader))

    return run


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
