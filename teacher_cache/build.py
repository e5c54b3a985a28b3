"""Run the teacher once over all examples and keep what it says: examples directory + teacher -> cache directory.

    PLAN.json                     what is computed, first
    part-00000-<sha16>.parquet    the answers to examples part 0, row for row
    commits/00000.json            that shard is done
    files/                        the teacher's tokenizer and word table, for students to start from
    claims/  status.json          who works on which shard, and how far it is: nothing depends on them
    quarantine/                   what was found damaged
    MANIFEST.json                 the seal, last

A run that is broken off goes on with the shards without a valid commit; any number of runs may work at once. A
finished cache loads no teacher, nor torch: this module holds what that needs, `launch/run.py` the rest.
"""

from pathlib import Path

from data.manifest import Manifest
from data.progress import Progress
from data.running.output import refuse_foreign
from teacher_cache.config import CacheConfig, Launch
from teacher_cache.estimate import estimate_of, refuse_size
from teacher_cache.job import open_job
from teacher_cache.shards.remote import open_shelf
from teacher_cache.shards.shelf import sweep

ALONE = Launch()


def build(
    config: CacheConfig,
    examples: Path,
    teacher: str | Path,
    out: Path,
    *,
    launch: Launch = ALONE,
    progress: Progress,
) -> Manifest | None:
    """Make (or finish, or just find finished) the cache of a teacher's answers; return its manifest.

    None: the shards of `launch.share` are done and others are not yet; who does the last one seals the cache.
    Errors: unfit teacher (see `inspect_teacher`, `match_classes`, `check_order`); a cache of another plan in `out`
    (STALE); larger than config.max_bytes; too many rows without an answer (BAD_DATA); a signal to stop, or shards that
    another process holds (TRY_AGAIN: run it again).
    """
    refuse_foreign(out, "cache")
    job = open_job(config, examples, teacher, out)
    shelf = open_shelf(job, launch.store)
    if (manifest := shelf.sealed(progress)) is not None:
        return manifest
    guess = estimate_of(job)
    progress.note(str(guess))
    refuse_size(guess, config.max_bytes)

    from teacher_cache.launch import run as work  # torch and transformers from here on

    manifest = work.run(job, shelf, launch, progress=progress)
    if manifest is not None:
        sweep(out)
    return manifest
