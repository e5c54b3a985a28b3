"""The share of the shards that this process works on: shard i belongs to share i mod count.

Set by options (`--shard-index 3 --num-shards 8`) or by a scheduler's environment variables: SLURM job arrays,
Kubernetes indexed jobs, torchrun. All shares together write the same files as one process alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from data.errors import PotstillError

# (index, count, first index) of each scheduler. Kubernetes does not tell the count: --num-shards does.
SCHEDULERS: dict[str, tuple[str, str | None, str | None]] = {
    "SLURM job array": ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN"),
    "Kubernetes indexed job": ("JOB_COMPLETION_INDEX", None, None),
    "torchrun": ("RANK", "WORLD_SIZE", None),
}


@dataclass(frozen=True)
class Share:
    """Share `index` of `count`. local: place among the processes of this machine, which picks a GPU."""

    index: int = 0
    count: int = 1
    local: int = 0

    def __post_init__(self) -> None:
        if self.count < 1 or not 0 <= self.index < self.count:
            raise PotstillError(
                f"shard index {self.index} of {self.count} does not exist",
                hint="indices count from 0: --shard-index 0 … N-1 --num-shards N",
            )

    def has(self, shard: int) -> bool:
        return shard % self.count == self.index

    @property
    def whole(self) -> bool:
        """Whether this share is all of the work."""
        return self.count == 1


ALL = Share()


def find_share(environ: Mapping[str, str], *, index: int | None = None, count: int | None = None) -> Share:
    """Return the share given by options, else by the scheduler, else all of the work.

    index without count is refused; count without index takes the index of the scheduler.
    """
    local = _number(environ, "LOCAL_RANK") or 0
    if index is not None:
        if count is None:
            raise PotstillError("--shard-index needs --num-shards", hint=f"--shard-index {index} --num-shards N")
        return Share(index, count, local)
    for name, (place, total, first) in SCHEDULERS.items():
        found = _number(environ, place)
        if found is None:
            continue
        found -= (_number(environ, first) or 0) if first else 0
        size = count if count is not None else _number(environ, total) if total else None
        if size is None and name == "Kubernetes indexed job":
            raise PotstillError(f"{place}={found} without a count", hint="add --num-shards N (the job's completions)")
        if size is not None:
            return Share(found, size, local)
    if count not in (None, 1):
        raise PotstillError("--num-shards without an index", hint="add --shard-index I, or run as a job array")
    return ALL


def _number(environ: Mapping[str, str], name: str) -> int | None:
    value = environ.get(name, "")
    return int(value) if value.isascii() and value.isdigit() else None
