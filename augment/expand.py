"""The augment phase: a stream of originals -> a sealed directory of originals and synthetic rows.

Tang et al. 2019, section 3.3 (arXiv 1903.12136). Four stages, each on disk in `out/work` until the seal:
gather (read, clean), tag (words and parts of speech, once), candidates (draw rows), seal (dedupe, write).
"""

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from augment.candidates import RowsChunk, dropped_rows, forget_rules, make_chunk
from augment.config import AugmentConfig
from augment.draw import RECIPE
from augment.gather import Gathered, gather
from augment.multiplicity import Multiplicity
from augment.pool import cores, run_chunks
from augment.seal import write_unique
from augment.tag import TagChunk, merge_counts, tag_chunk
from augment.taggers.choose import choose, describe_tagger
from augment.work import Work, open_work
from data.config import as_dict
from data.errors import BAD_DATA, STALE, PotstillError
from data.example import Example
from data.manifest import NAME, Manifest, read_manifest, write_manifest
from data.progress import Progress
from data.tasks.task import Task

Originals = Iterable[Example] | Callable[[], Iterable[Example]]
HOW_ONLY = ("workers", "chunk_rows")  # config keys that change how rows are made, not which


def expand(
    config: AugmentConfig,
    task: Task,
    examples: Originals,
    excluded: Originals,
    out: Path,
    *,
    made_from: dict[str, str],
    progress: Progress,
) -> Manifest:
    """Augment `examples` into the directory `out` and seal it.

    examples   originals in order: split "train" first, then "unlabelled" (label None); read once, or not at all when
               `out` is finished, so a function that opens them is welcome
    excluded   dev and test rows; whatever equals one of them but for case and blanks is dropped and counted
    made_from  role -> hash of every input file, the excluded ones too: together with the config it tells whether a
               finished directory is this one (returned as it is) or another (refused: STALE)

    An interrupted run goes on with the chunks that are missing. Ids, order and content of the rows depend on
    examples, excluded and config only: not on workers or chunks. Workers are spawned: a script that calls this
    needs `if __name__ == "__main__":`.
    """
    unused = not (config.n_iter and config.p_pos)
    config = replace(config, tagger="none" if unused else choose(config.tagger, config.language, progress))
    identity = _identity(config, task, made_from)
    if (out / NAME).exists():
        return _finished(out, identity)
    if task.rules.unit != "text":
        raise PotstillError(f"augment cannot carry the word labels of kind {task.kind!r} yet")
    started = time.perf_counter()
    work = open_work(out / "work", {**identity, "chunk_rows": config.chunk_rows})
    gathered = gather(work, task, _open(examples), _open(excluded), chunk_rows=config.chunk_rows, progress=progress)
    if not gathered.kept:
        shutil.rmtree(work.root)
        raise PotstillError("no original is left to augment", hint=f"dropped: {gathered.dropped}", code=BAD_DATA)
    _tag_and_draw(work, task, config, gathered, progress)
    parts, multiplicity, repeated = write_unique(work, gathered.chunks, out, task=task, progress=progress)
    seconds = time.perf_counter() - started
    report = _report(gathered, work, multiplicity, repeated)
    report |= {"tagger": identity["config"]["tagger_version"], "seconds": round(seconds, 2)}
    report |= {"rows_per_second": round(report["rows"] / seconds)}
    manifest = Manifest("examples", task, tuple(parts), made_from, identity["config"], report)
    write_manifest(out, manifest)
    shutil.rmtree(work.root)
    return manifest


def _tag_and_draw(work: Work, task: Task, config: AugmentConfig, gathered: Gathered, progress: Progress) -> None:
    """Run stages 2 and 3 over all chunks, on all cores where there is more than one chunk."""
    workers = min(config.workers or cores(), gathered.chunks)
    tag_jobs = (TagChunk(work, task, config, chunk) for chunk in range(gathered.chunks))
    row_jobs = (RowsChunk(work, task, config, chunk) for chunk in range(gathered.chunks))
    progress.start("tag", total=gathered.kept, unit="texts")
    for amount in run_chunks(tag_chunk, tag_jobs, workers=workers):
        progress.advance(amount)
    progress.finish()
    merge_counts(work, gathered.chunks)
    progress.start("augment", total=gathered.kept, unit="texts")
    forget_rules()
    for amount in run_chunks(make_chunk, row_jobs, workers=workers):
        progress.advance(amount)
    progress.finish()


def _identity(config: AugmentConfig, task: Task, made_from: dict[str, str]) -> dict[str, Any]:
    """Name everything the rows depend on."""
    values = {key: value for key, value in as_dict(config).items() if key not in HOW_ONLY}
    values |= {"recipe": RECIPE, "tagger_version": describe_tagger(config.tagger, config.language)}
    return {"config": values, "task": task.to_dict(), "made_from": made_from}


def _finished(out: Path, identity: dict[str, Any]) -> Manifest:
    """Return a finished directory if it is the one asked for."""
    manifest = read_manifest(out, "examples")
    there = {"config": manifest.config, "task": manifest.task.to_dict(), "made_from": manifest.made_from}
    changed = [
        f"{name} {key} was {there[name].get(key)!r}, is {wanted.get(key)!r}"
        for name, wanted in identity.items()
        for key in sorted({*there[name], *wanted})
        if there[name].get(key) != wanted.get(key)
    ]
    shutil.rmtree(out / "work", ignore_errors=True)  # left when a run was ended just after its seal
    if changed:
        message = f"{out} holds another set: {'; '.join(changed)}"
        raise PotstillError(message, hint="name another directory or remove it", code=STALE)
    return manifest


def _open(examples: Originals) -> Iterable[Example]:
    return examples() if callable(examples) else examples


def _report(gathered: Gathered, work: Work, multiplicity: Multiplicity, repeated: int) -> dict[str, Any]:
    """Put the counts of all stages together."""
    dropped = Counter(gathered.dropped) + dropped_rows(work, gathered.chunks) + Counter(duplicate=repeated)
    return {"read": gathered.read, **multiplicity.report(), "dropped": dict(dropped.most_common())}
