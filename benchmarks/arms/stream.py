"""Arms of `benchmarks.stream`: one epoch of padded batches of 256 with label and teacher logits, nothing learnt.

Each hands out rows, sub-words and sums over the epoch, by which the gate sees that all arms gave out the same rows.
"""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.arms.opened import BATCH, open_stream
from benchmarks.watch.memory import Peak

Round = Callable[[], dict[str, Any]]
SHIFT = 2  # our vocabulary keeps all of the teacher's sub-words and numbers them from 2 on


def ours(*, cache: str, first: bool = False) -> Round:
    """`student_train.feed.stream.Stream` over a sealed cache: the first round encodes texts, later ones read their ids.

    first: forget the ids before each round.
    """
    stream = open_stream(cache)
    epoch = 0

    def run() -> dict[str, Any]:
        nonlocal epoch
        epoch += 1
        if first:
            shutil.rmtree(stream.encoded.folder, ignore_errors=True)
        with Peak() as peak:
            batches = stream.batches(epoch)
            found = drain(((b.inputs.ids[0], b.inputs.lengths[0], parts(b)) for b in batches), shift=SHIFT)
        return {**found, "anonymous_mb": peak.megabytes, "before_mb": peak.before}

    return run


def parts(batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
    return batch.label, batch.teacher.logits


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
    from student_train.feed.epoch import plan_block
    from student_train.feed.stream import make_batch

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


def stalled(*, cache: str, rows: int, from_memory: bool, first: bool = False) -> Round:
    """Train the real BiLSTM student for some steps, from the stream or from batches that lie ready in memory.

    first: from the stream as in the first epoch, when there are no ids on disk.
    """
    from benchmarks.arms.train import Fixed, ours_loop

    stream = open_stream(cache, groups=1)
    steps = max(1, rows // BATCH)
    source = Fixed(stream, steps) if from_memory else stream

    def run() -> dict[str, Any]:
        if first:
            shutil.rmtree(stream.encoded.folder, ignore_errors=True)
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

    fixed = min(once(few, f"{out}-few")[1] for _ in range(3))

    def run() -> dict[str, Any]:
        with Peak() as peak:
            rows, seconds = once(examples, out)
        about = {"anonymous_mb": peak.megabytes, "before_mb": peak.before, "fixed": fixed}
        return {"rows": rows, "seconds": seconds, **about}

    return run
