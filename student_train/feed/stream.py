"""Stream the batches of an epoch from disk: plan → read → encode in a thread ahead → pad.

Memory is two blocks whatever the size of the cache: the one being cut into batches and the next one, read and encoded
while the student computes (the tokenizer's Rust code and Arrow's decoding run outside the GIL). Texts are encoded once,
a row group at a time; later epochs read the ids from disk and no text.
"""

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from student_train.batch import Batch, Encoded, pad_inputs
from student_train.feed.columns import check_aligned, collate
from student_train.feed.encoded import EncodedRows
from student_train.feed.epoch import BlockPlan, dealt, plan_block, plan_epoch
from student_train.feed.memory import Rows
from student_train.feed.reader import Block
from student_train.outputs import Outputs
from student_train.vocab.vocabulary import Vocabulary

Loaded = tuple[Block, list[Encoded], np.ndarray]  # rows, their ids on each side, and which of them the epoch takes


@dataclass(frozen=True)
class Stream:
    """Where batches come from and how they are cut; nothing here changes what is in them while it runs.

    encoded  where encoded rows are kept; None: every epoch encodes them anew
    draws    sets that the augmented rows are dealt into; each epoch takes one of them beside the originals
    """

    reader: Rows
    vocabulary: Vocabulary
    batch_size: int
    block_groups: int
    seed: int
    encoded: EncodedRows | None = None
    draws: int = 1

    def plan(self, epoch: int) -> list[BlockPlan]:
        """The blocks of one epoch."""
        counts = [group.taken(self.draws, epoch) for group in self.reader.groups]
        key = (self.reader.root, self.seed, epoch)
        return plan_epoch(counts, key, block_groups=self.block_groups, batch_size=self.batch_size)

    def batches(self, epoch: int, *, start: int = 0) -> Iterator[Batch]:
        """Yield the epoch's batches from number `start` on, the same ones whatever was yielded before."""
        blocks = [block for block in self.plan(epoch) if block.first + block.batches > start]
        loaded = ahead(self._load(block, epoch) for block in blocks)
        for block, (rows, sides, taken) in zip(blocks, loaded, strict=True):
            lengths = np.sum([side.lengths for side in sides], axis=0)
            key = (self.reader.root, self.seed, epoch)
            cuts = plan_block(lengths[taken], key, block, batch_size=self.batch_size)
            for chosen in cuts[max(0, start - block.first) :]:
                yield make_batch(rows, sides, taken[chosen])

    def _load(self, block: BlockPlan, epoch: int) -> Loaded:
        read = [self._load_group(number) for number in block.groups]
        taken = np.flatnonzero(np.concatenate([dealt(found.drawn, self.draws, epoch) for found, _ in read]))
        rows = Block.joined([found for found, _ in read])
        sides = [Encoded.joined(pieces) for pieces in zip(*(found for _, found in read), strict=True)]
        check_aligned(rows.signals, sides[0])
        return rows, sides, taken

    def _load_group(self, number: int) -> tuple[Block, list[Encoded]]:
        """A row group without its texts, and their ids."""
        if self.encoded and (sides := self.encoded.load(number)) is not None:
            return self.reader.read([number], texts=False), sides
        rows = self.reader.read([number])
        sides = self.vocabulary.encode(rows.texts, rows.pairs)
        if self.encoded:
            self.encoded.keep(number, sides)
        return replace(rows, texts=[], pairs=None if rows.pairs is None else []), sides


def make_batch(rows: Block, sides: list[Encoded], chosen: np.ndarray) -> Batch:
    """Pad the chosen rows and put the label and what the teacher said beside them."""
    label, teacher = rows.label[chosen], None
    if rows.logits is not None:
        teacher = Outputs(torch.from_numpy(rows.logits[chosen]), **collate(rows.signals, chosen))
    return Batch(
        inputs=pad_inputs(sides, chosen),
        label=torch.from_numpy(label.astype(np.int64 if label.dtype.kind in "iu" else np.float32)),
        teacher=teacher,
        rows=chosen,
    )


def ahead(items: Iterator[Loaded]) -> Iterator[Loaded]:
    """Run an iterator in a thread, one item ahead. Its exception is raised here; leaving early stops it."""
    slots: queue.Queue = queue.Queue()
    room = threading.Semaphore(1)  # taken before an item is made: a full queue would let a third block lie in memory
    stopped = threading.Event()

    def work() -> None:
        try:
            while room.acquire() and not stopped.is_set():
                slots.put((next(items), None))
        except StopIteration:
            slots.put((None, None))
        except BaseException as error:  # handed to the consumer, which raises it
            slots.put((None, error))

    thread = threading.Thread(target=work, name="potstill-stream", daemon=True)
    thread.start()
    try:
        while True:
            item, error = slots.get()
            if error is not None:
                raise error
            if item is None:
                return
            room.release()  # the next item is made while this one is used
            yield item
    finally:
        stopped.set()
        room.release()
        thread.join()
