"""The cache phase: run the teacher once over all examples and store its answers. Examples + teacher -> cache directory.

    PLAN.json                     what is computed; written first
    part-00000-<sha16>.parquet    the answers to examples part 0, row for row
    commits/00000.json            the record of a finished shard
    files/                        the teacher's tokenizer and word table, for students to start from
    claims/  status.json          locks on shards, and progress: nothing depends on them
    quarantine/                   files found damaged
    MANIFEST.json                 the manifest; written last

An interrupted run resumes with the shards that have no valid commit; any number of runs may work at once. Where the
cache is finished neither teacher nor torch is loaded: this module holds what that case needs, `launch/run.py` the rest.
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
    """Make the cache of a teacher's answers, or resume or just find it finished; return its manifest.

    Returns None if the shards of `launch.share` are done and others are not: the process that commits the last shard
    seals the cache.
    Errors: unfit teacher (see `inspect_teacher`, `match_classes`, `check_order`); a cache of another plan in `out`
    (STALE); larger than config.max_bytes; too many rows without an answer (BAD_DATA); a signal to stop, or shards
    claimed by another process (TRY_AGAIN: run it again).
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
