"""The augment phase: a stream of originals -> a sealed directory of originals and synthetic rows.

Tang et al. 2019, section 3.3 (arXiv 1903.12136). Stages, each with files in `out/work` until the end: gather (read and
clean; once), tag (words and parts of speech; by chunk), count (once), draw (by chunk), compare (remove duplicates;
once), write (by part), seal. `crew/crew.py` divides the work among several processes.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from augment.config import HOW_ONLY, AugmentConfig
from augment.crew.crew import Crew
from augment.crew.pool import Pool, cores
from augment.crew.work import Work, clear, differences, open_work, tidy, versions
from augment.draw import RECIPE
from augment.multiplicity import Multiplicity
from augment.stages.candidates import RowsChunk, dropped_rows, forget_rules, make_chunk
from augment.stages.gather import Gathered, Originals, gather, notes_on, read_gathered
from augment.stages.seal import PartJob, make_part, parts_of, read_parts
from augment.stages.tag import TagChunk, merge_counts, tag_chunk, warm
from augment.stages.unique import find_unique, read_unique
from augment.taggers.choose import choose, describe_tagger
from data import store
from data.config import as_dict
from data.errors import BAD_DATA, STALE, PotstillError
from data.layout import MANIFEST, QUARANTINE, WORK
from data.manifest import Manifest, check_seal, read_manifest, whole_part, write_manifest
from data.progress import Progress
from data.running.claims import attending
from data.running.output import refuse_foreign
from data.running.share import ALL, Share
from data.running.stop import stoppable
from data.tasks.task import Task

# Other taggers may need libraries that the fork server has not loaded, or blocks: their workers are spawned.
PRELOADS = {"own": "augment.stages.preload_own", "none": "augment.stages.preload"}


def expand(
    config: AugmentConfig,
    task: Task,
    examples: Originals,
    excluded: Originals,
    out: Path,
    *,
    made_from: dict[str, str],
    files: Callable[[], list[dict[str, Any]]] = list,
    share: Share = ALL,
    progress: Progress,
) -> Manifest:
    """Augment `examples` into the directory `out` and seal it.

    examples   originals in order: split "train" first, then "unlabelled" (label None); read once, or not at all if
               `out` is finished. May be a function that opens them
    excluded   dev and test rows; rows equal to one of them (`data.text.words.normalised`) are dropped and counted
    made_from  role -> hash of every input file, also of excluded ones: with the config it identifies the directory. A
               finished one with the same identity is returned as it is, another one is refused (STALE)
    files      called after the last row; returns the reports of the files, which are stored in the manifest
    share      the chunks that this process begins with, if several work in `out` (see `augment.crew.crew`)

    An interrupted run resumes with the missing chunks. Ids, order and content of the rows depend on examples, excluded
    and config only: not on workers, shares or chunks. Workers import the main script: a script that calls this needs
    `if __name__ == "__main__":`. Errors: also TRY_AGAIN when a signal asked to stop.
    """
    refuse_foreign(out, "examples")
    unused = not (config.n_iter and config.p_pos)
    config = replace(config, tagger="none" if unused else choose(config.tagger, config.language, progress))
    values = {key: value for key, value in as_dict(config).items() if key not in HOW_ONLY}  # all that rows depend on
    values |= {"recipe": RECIPE, "tagger_version": describe_tagger(config.tagger, config.language)}
    identity = {"config": values, "task": task.to_dict(), "made_from": made_from}
    if (out / MANIFEST).exists() and not _damage(out, identity):
        return _finished(out, identity)
    if task.rules.unit != "text":
        raise PotstillError(f"augment cannot carry the word labels of kind {task.kind!r} yet")
    root, unfinished = out / WORK, identity | {"work": {"chunk_rows": config.chunk_rows, **versions()}}
    pool = Pool(config.workers or cores(), preload=PRELOADS.get(config.tagger))
    warm_up = partial(pool.warm, warm, config.tagger, config.language)
    read = partial(gather, task=task, examples=examples, excluded=excluded, rows=config.chunk_rows)
    read = partial(read, symmetric=config.symmetric, files=files, on_second=warm_up)

    def alone() -> None:
        if damage := _damage(out, identity):
            _set_aside(out, damage, progress)
        tidy(root, unfinished)
        store.sweep(out)  # parts and the seal are written beside `work`

    try:
        with stoppable("finished chunks are kept") as stop, attending(root, alone):
            if not (out / MANIFEST).exists():
                crew = Crew(open_work(root, unfinished), share, pool, stop, progress)
                _make(crew, config, task, read=partial(read, crew), identity=identity)
    except (OSError, PotstillError):
        if not (out / MANIFEST).exists():  # else another process sealed it and removed what this one was reading
            raise
        progress.finish()
    finally:
        pool.close()
    return _finished(out, identity)


def _make(crew: Crew, config: AugmentConfig, task: Task, *, read: Callable[[], None], identity: dict[str, Any]) -> None:
    """Run all stages; each may be done already, or be done by another process meanwhile."""
    started = time.perf_counter()
    work, out = crew.work, crew.work.root.parent
    crew.once("read", work.gathered_note, read)
    gathered = read_gathered(work)
    for note in notes_on(gathered, config):
        crew.progress.note(note)
    if not gathered.kept:
        raise PotstillError("no original is left to augment", hint=f"dropped: {gathered.dropped}", code=BAD_DATA)
    _tag_and_draw(crew, config, task, gathered)
    crew.once("compare", work.unique_note, lambda: find_unique(work, gathered.chunks))
    unique = read_unique(work)
    jobs = [PartJob(work, task, out, part) for part in range(parts_of(unique))]
    crew.each("write", make_part, jobs, total=sum(unique.kept), unit="rows")

    def seal() -> None:
        parts, multiplicity = read_parts(work, out, len(jobs))
        seconds = time.perf_counter() - started
        report = _report(gathered, work, multiplicity, unique.repeated)
        report |= {"tagger": identity["config"]["tagger_version"], "seconds": round(seconds, 2)}
        report |= {"rows_per_second": round(report["rows"] / seconds)}
        made_from = identity["made_from"]
        write_manifest(out, Manifest("examples", task, tuple(parts), made_from, identity["config"], report))

    crew.once("seal", out / MANIFEST, seal)


def _tag_and_draw(crew: Crew, config: AugmentConfig, task: Task, gathered: Gathered) -> None:
    """Tag all chunks, count their words, draw the rows of all chunks."""
    work, chunks = crew.work, range(gathered.chunks)
    tag_jobs = [TagChunk(work, task, config, chunk) for chunk in chunks]
    row_jobs = [RowsChunk(work, task, config, chunk) for chunk in chunks]
    crew.each("tag", tag_chunk, tag_jobs, total=gathered.kept, unit="texts")
    crew.once("count", work.vocabulary, lambda: merge_counts(work, gathered.chunks))
    forget_rules()
    crew.each("augment", make_chunk, row_jobs, total=gathered.kept, unit="texts")


def _damage(out: Path, identity: dict[str, Any]) -> dict[Path, str]:
    """Return the damaged files of a finished directory, the manifest first, and what is wrong with each.

    Errors: the directory is of another identity (STALE), checked even where a part is damaged.
    """
    if not (out / MANIFEST).exists():
        return {}
    try:
        manifest = read_manifest(out, "examples", parts=False)
        check_seal(out)
    except PotstillError as error:
        if error.code != BAD_DATA:
            raise
        return {out / MANIFEST: error.message}
    _refuse_other(out, manifest, identity)
    found = {}
    for part in manifest.parts:
        try:
            whole_part(out, part)
        except PotstillError as error:
            found[out / part.name] = error.message
    return {out / MANIFEST: f"{len(found)} parts of {out} are damaged"} | found if found else {}


def _set_aside(out: Path, damage: dict[Path, str], progress: Progress) -> None:
    """Move damaged files to quarantine; they are made again, and nothing is deleted."""
    for path, why in damage.items():
        if path.is_file():
            store.move(path, out / QUARANTINE)
        progress.note(f"{why}; set aside and made again")


def _finished(out: Path, identity: dict[str, Any]) -> Manifest:
    """Return the manifest of a finished directory. Errors: its identity is another one (STALE)."""
    manifest = read_manifest(out, "examples")
    _refuse_other(out, manifest, identity)
    clear(out)
    return manifest


def _refuse_other(out: Path, manifest: Manifest, identity: dict[str, Any]) -> None:
    there = {"config": manifest.config, "task": manifest.task.to_dict(), "made_from": manifest.made_from}
    if changed := differences(there, identity):
        message = f"{out} holds another set: {'; '.join(changed)}"
        raise PotstillError(message, hint="name another directory or remove it", code=STALE)


def _report(gathered: Gathered, work: Work, multiplicity: Multiplicity, repeated: int) -> dict[str, Any]:
    """Put the counts of all stages together."""
    dropped = Counter(gathered.dropped) + dropped_rows(work, gathered.chunks) + Counter(duplicate=repeated)
    counts = {
        "read": gathered.read,
        **multiplicity.report(),
        "dropped": dict(dropped.most_common()),
        "seen": gathered.seen,
    }
    return counts | ({"files": gathered.files} if gathered.files else {})
