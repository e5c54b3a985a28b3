"""Which rows are in which batch of an epoch: a pure function, so that a resume needs only (epoch, batch number).

Row groups are permuted, K of them make a block (the shuffle buffer), the block's rows are permuted, cut into slices,
sorted by length inside each slice, cut into batches, and the block's batches are permuted. The number of batches of a
block follows from its row count alone, so a resume skips whole blocks without reading them.
"""

import math
from dataclasses import dataclass

import numpy as np

SLICE_BATCHES = 50  # rows sorted together: long enough that a batch is nearly of one length, short enough to mix well


@dataclass(frozen=True)
class BlockPlan:
    """Row groups to read together, the number of their rows, and the epoch-wide number of their first batch."""

    groups: tuple[int, ...]
    rows: int
    first: int
    batches: int


def plan_epoch(counts: list[int], key: tuple[str, int, int], *, block_groups: int, batch_size: int) -> list[BlockPlan]:
    """Deal row groups into blocks. counts: rows of each group; key: (root, seed, epoch)."""
    order = generator(*key, 0).permutation(len(counts))
    blocks: list[BlockPlan] = []
    first = 0
    for start in range(0, len(order), block_groups):
        groups = tuple(int(number) for number in order[start : start + block_groups])
        rows = sum(counts[number] for number in groups)
        blocks.append(BlockPlan(groups, rows, first, math.ceil(rows / batch_size)))
        first += blocks[-1].batches
    return blocks


def plan_block(
    lengths: np.ndarray, key: tuple[str, int, int], block: BlockPlan, *, batch_size: int
) -> list[np.ndarray]:
    """Cut a block's rows, of `lengths` [N], into its batches: arrays of row numbers, `block.batches` of them."""
    random = generator(*key, 1 + block.first)
    order = random.permutation(len(lengths))
    batches: list[np.ndarray] = []
    step = batch_size * SLICE_BATCHES
    for start in range(0, len(order), step):
        piece = order[start : start + step]
        piece = piece[np.argsort(lengths[piece], kind="stable")]
        batches += [piece[at : at + batch_size] for at in range(0, len(piece), batch_size)]
    assert len(batches) == block.batches
    return [batches[number] for number in random.permutation(len(batches))]


def dealt(drawn: np.ndarray, draws: int, epoch: int) -> np.ndarray:
    """Which rows of a row group an epoch takes: the originals, and one of `draws` sets of those that were drawn.

    drawn: [N] bool, made by the augmenter; dealt in turn, so that the copies of one text come into different sets
    """
    return ~drawn | (drawn.cumsum() % draws == (epoch + 1) % draws)


def generator(root: str, seed: int, epoch: int, stream: int) -> np.random.Generator:
    """A random stream of its own for (data, seed, epoch, stream), the same on every machine."""
    return np.random.Generator(
        np.random.Philox(np.random.SeedSequence([int(root[:16] or "0", 16), seed, epoch, stream]))
    )
