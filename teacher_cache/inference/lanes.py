"""Compute several batches at once on a CPU, one thread ("lane") each: items + lanes -> finished items.

Two threads inside one layer wait for each other at its end; with a batch each they do not. Measured on MiniLM-L6 in
bfloat16, two cores, 4,096 sub-words a batch: 12,900 sub-words/s with two threads in every layer, 14,200 with two lanes;
with other processes running 3,600 to 7,800 against 9,600 to 13,000. And the result of a batch does not depend on the
number of threads.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

Item = TypeVar("Item")
# Rotary positions of these kinds depend on the longest text so far: two batches at once would change each other's.
STATEFUL = ("dynamic", "longrope")


def lanes_of(model: Any) -> int:
    """Return the number of lanes: torch's threads on a CPU; 1 on a GPU, and for models with state between batches."""
    rotary = [getattr(model.config, name, None) for name in ("rope_parameters", "rope_scaling")]
    # BigBird's attention is set for each batch anew (see `encoding.feed_of`).
    sparse = getattr(getattr(model, "base_model", None), "attention_type", "") == "block_sparse"
    if sparse or model.device.type != "cpu" or any(kind in str(rotary) for kind in STATEFUL):
        return 1
    return torch.get_num_threads()


def side_by_side(work: Callable[[Item], None], items: Sequence[Item], lanes: int) -> Iterator[Item]:
    """Call `work` on every item, up to `lanes` at once; yield items as they finish, in any order.

    If a call raises or the caller stops early, items that have not begun are skipped.
    """
    if lanes <= 1 or len(items) <= 1:
        for item in items:
            work(item)
            yield item
        return
    pool = ThreadPoolExecutor(lanes, "potstill-lane", initializer=torch.set_num_threads, initargs=(1,))
    try:
        begun = {pool.submit(work, item): item for item in items}
        for future in as_completed(begun):
            future.result()
            yield begun[future]
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Set torch's CPU threads during a block; 0 leaves them unchanged."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
