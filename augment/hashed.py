"""Draw items exactly in proportion to their weights, so that a changed weight changes only a few draws.

With a running sum over all weights, a larger weight would shift every later item. Here the weight of each item is
divided into blocks of a fixed size, each block has its own slot in a hash table that is at most half full, and a draw
tries random slots until it hits a block (the last block of an item may be partly filled, and is hit in that
proportion). Every unit of weight is hit with the same probability, whatever the hash. If a unit is added, only those
draws change that try its slot before they hit another block.

Two blocks that want one slot are placed as in a stable marriage: each block tries slots in its own order, and a slot
keeps the block with the smaller hash. The result does not depend on the order of placing (Naor and Teague 2001,
"Anti-persistence"; Blelloch and Golovin 2007), so a change is local here too. When the number of a group's blocks
passes a power of two its table doubles and most of its draws change; of n words added to n one does that.
"""

from dataclasses import dataclass

import numpy as np

from augment.draw import GAMMA, mix

LARGEST = 17  # a group of more than 2^17 units gets blocks of 2, 4, … units, so that tables stay small


@dataclass(frozen=True)
class Tables:
    """One table for each of G groups, one after the other.

    slots    number of the block in each slot, or of the empty one, int32
    items    item of each block, int32 [blocks + 1];  filled: units of weight in it (the empty one: 0), int32
    firsts   first slot of each group, int64 [G];  shifts: 64 - bits of a slot number;  units: of a whole block, less 1
    """

    slots: np.ndarray
    items: np.ndarray
    filled: np.ndarray
    firsts: np.ndarray
    shifts: np.ndarray
    units: np.ndarray

    def pick(self, groups: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Draw one item from each group (int64 [N]); `u` (float64 [N] from [0, 1)) is the key of its tries."""
        items = np.empty(len(groups), np.int64)
        states = mix((u * 2.0**53).astype(np.uint64))
        left = np.arange(len(groups))
        while len(left):
            states = states + GAMMA
            bits, group = mix(states), groups[left]
            block = self.slots[self.firsts[group] + (bits >> self.shifts[group]).astype(np.int64)]
            hit = (bits & self.units[group]).astype(np.int64) < self.filled[block]  # upper bits: slot; lower: unit
            items[left[hit]] = self.items[block[hit]]
            left, states = left[~hit], states[~hit]
        return items


def place(keys: np.ndarray, weights: np.ndarray, groups: np.ndarray) -> Tables:
    """Build the tables for V items: uint64 hashes, integer weights from 1 (int64), groups 0 to G - 1 (int64)."""
    sums = np.bincount(groups, weights).astype(np.int64)
    sizes = np.int64(1) << np.maximum(0, _bits(sums - 1) - LARGEST)  # units of a whole block, by group
    size = sizes[groups]
    count = -(-weights // size)
    item = np.repeat(np.arange(len(keys)), count)
    number = np.arange(len(item)) - np.repeat(np.cumsum(count) - count, count)  # of a block within its item
    filled = np.minimum(size[item], weights[item] - number * size[item])
    block_keys = mix(keys[item] + number.astype(np.uint64) * GAMMA)
    order = np.argsort(block_keys, kind="stable")
    item, group = item[order], groups[item[order]]
    bits = np.maximum(1, _bits(2 * np.bincount(group, minlength=len(sums)) - 1))
    firsts = np.cumsum(np.int64(1) << bits) - (np.int64(1) << bits)
    shifts = (64 - bits).astype(np.uint64)
    slots = _settle(block_keys[order], firsts[group], shifts[group], int((np.int64(1) << bits).sum()))
    return Tables(
        slots.astype(np.int32),
        np.append(item, -1).astype(np.int32),
        np.append(filled[order], 0).astype(np.int32),
        firsts,
        shifts,
        (sizes - 1).astype(np.uint64),
    )


def _settle(keys: np.ndarray, firsts: np.ndarray, shifts: np.ndarray, total: int) -> np.ndarray:
    """Give each block (sorted by hash) a slot: int64 [total], `len(keys)` where a slot is empty."""
    empty = len(keys)
    slots = np.full(total, empty)
    states, asking = keys.copy(), np.arange(empty)
    while len(asking):
        states[asking] += GAMMA
        wanted = firsts[asking] + (mix(states[asking]) >> shifts[asking]).astype(np.int64)
        before = slots[wanted]
        np.minimum.at(slots, wanted, asking)
        after = slots[wanted]
        driven_out = np.unique(before[(after != before) & (before != empty)])
        asking = np.concatenate([asking[after != asking], driven_out])
    return slots


def _bits(numbers: np.ndarray) -> np.ndarray:
    """Return the number of binary digits of integers below 2^53, int64."""
    return np.frexp(numbers.astype(np.float64))[1].astype(np.int64)
