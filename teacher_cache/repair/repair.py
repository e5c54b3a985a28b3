"""A damaged cache -> a whole one. Nothing that holds numbers is deleted.

Repair: what `verify` finds damaged is set aside in `quarantine/`, stray shards that check out are adopted, and the rest
is computed again by `build`.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from data import store
from data.errors import TRY_AGAIN, PotstillError
from data.guards.parquet import opened
from data.layout import PARTS, SHARD
from data.manifest import Manifest, Part, read_manifest
from data.progress import Progress
from data.row_groups import read_groups
from data.running.claims import attending
from teacher_cache.build import build
from teacher_cache.repair.notes import read_notes
from teacher_cache.repair.verify import Finding, check_rows, find_strays, verify
from teacher_cache.shards import plan as plans
from teacher_cache.shards.commits import Fault, ShardReport, commit_path, commit_shard, set_aside
from teacher_cache.shards.plan import Plan


@dataclass
class Repair:
    """The result of a repair. set_aside: file -> why; adopted: whole shards that got a record; rows: of the cache."""

    set_aside: dict[str, str] = field(default_factory=dict)
    adopted: list[int] = field(default_factory=list)
    rows: int = 0
    sealed: bool = False


def repair(
    directory: Path, *, teacher: str | None = None, examples: Path | None = None, progress: Progress
) -> tuple[Repair, Manifest | None]:
    """Move damaged files aside, adopt whole shards, compute missing ones and seal the cache.

    teacher, examples: their directories, if not the ones recorded in the cache. If no teacher is found nothing is
    computed, and the manifest is None.
    Errors: another process works in the cache (TRY_AGAIN); examples that are missing (NO_INPUT) or changed (STALE).
    """
    alone: list[bool] = []
    with attending(directory, lambda: alone.append(store.sweep(directory) >= 0)):
        if not alone:
            raise PotstillError(f"another process works in {directory}", hint="try again later", code=TRY_AGAIN)
        done = Repair()
        notes = read_notes(directory)
        for finding in verify(directory, progress=progress):
            if finding.kind == "damaged":
                _set_aside(directory, finding, done)
        source = read_manifest(examples or notes.place_of("examples"), "examples")
        plan = plans.read_plan(directory)
        if plan is not None:
            adopt(directory, plan, source, done)
        for finding in find_strays(directory):
            _set_aside(directory, finding, done)
    model = teacher or str(notes.place_of("teacher"))
    if teacher is None and not Path(model).is_dir():
        progress.note(f"the teacher is not at {model}: nothing is computed; name it with -t")
        return done, None
    manifest = build(notes.config, examples or notes.place_of("examples"), model, directory, progress=progress)
    if manifest is not None:
        done.rows, done.sealed = manifest.rows, True
    return done, manifest


def adopt(directory: Path, plan: Plan, source: Manifest, done: Repair) -> None:
    """Write records for shards without one that are whole, of this plan, and hold the rows of their examples part."""
    for path in sorted(directory.glob(PARTS)):
        match = SHARD.fullmatch(path.name)
        index = int(match[1]) if match else -1
        if not 0 <= index < len(source.parts) or commit_path(directory, index).exists():
            continue
        report = _fitting(path, index, plan, source.parts[index])
        if report is not None:
            commit_shard(directory, index, path, plan=plan.digest, source=source.parts[index], report=report)
            done.adopted.append(index)


def _fitting(path: Path, index: int, plan: Plan, source: Part) -> ShardReport | None:
    """Check a shard without a record; return its report, made from its columns, or None if it does not fit."""
    try:
        if not path.stem.endswith(store.sha256_file(path)[:16]):
            return None  # and not opened: a damaged footer may end the process
        with opened(path) as file:
            about = file.schema_arrow.metadata or {}
        named = (about.get(b"potstill.plan", b"").decode(), about.get(b"potstill.shard", b"").decode())
        if named != (plan.digest, str(index)):
            return None
        if check_rows(path) != (source.rows, source.ids):
            return None
        table = pa.concat_tables(read_groups(path, ["n_tokens", "status"]))
    except (PotstillError, pa.ArrowException, OSError, UnicodeDecodeError):
        return None
    tokens = int(pc.sum(table["n_tokens"]).as_py() or 0)
    states = Counter(table["status"].to_pylist())
    return ShardReport(0.0, tokens, tokens, dict(sorted(states.items())))


def _set_aside(directory: Path, finding: Finding, done: Repair) -> None:
    """Move the file of a finding to quarantine; a shard together with its record, which would be wrong without it.

    A readable manifest stays until `build` moves it aside: if the plan is lost, only the manifest records the places of
    the inputs and the config, also for the next repair if this one is interrupted.
    """
    match = SHARD.fullmatch(finding.path.name)
    liars = [commit_path(directory, int(match[1]))] if match and finding.kind == "damaged" else []
    files = tuple(path for path in (*liars, finding.path) if path.is_file())
    for path in set_aside(directory, Fault(finding.what, files)):
        done.set_aside[path.name] = finding.what
