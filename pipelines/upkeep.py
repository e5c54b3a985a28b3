"""What looks after a finished directory, as plain functions: inspect, verify, repair, pull, gc.

As `pipelines/phases.py` is for the phases, this is the only way that commands take into the rooms (tested).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import USAGE, PotstillError
from data.layout import PLAN
from data.manifest import Manifest, check_files, read_manifest
from data.progress import Progress
from data.running.output import NAMES, kind_of
from pipelines.again import command_for
from pipelines.inputs.places import sealed

if TYPE_CHECKING:
    from teacher_cache.repair.garbage import Garbage
    from teacher_cache.repair.repair import Repair
    from teacher_cache.view.tables import Table


def inspect(directory: Path) -> "tuple[Manifest, dict[str, Table]]":
    """Open a sealed directory; for a cache also tables of the teacher's predictions."""
    manifest = sealed(directory)
    if manifest.kind != "cache":
        return manifest, {}
    from teacher_cache.frame import open_frame
    from teacher_cache.view.tables import summary

    return manifest, summary(open_frame(directory), manifest.task)


def verify(
    directory: Path, *, against: int = 0, teacher: str | None = None, seed: int = 0, progress: Progress
) -> list[tuple[str, str]]:
    """Compare a directory with its records; returns (kind, sentence) for each fault.

    against: random rows of a cache to put through the teacher again.
    """
    kind = kind_of(directory)
    if kind not in (None, "", "cache"):
        return [("damaged", what) for what in check_files(directory, kind, progress=progress)]
    from teacher_cache.repair.verify import verify as run

    findings = run(directory, progress=progress)
    if against and not findings:
        from teacher_cache.repair.recompute import recompute

        findings = recompute(directory, rows=against, teacher=teacher, seed=seed, progress=progress)
    return [(finding.kind, finding.what) for finding in findings]


def repair(
    directory: Path, *, teacher: str | None = None, examples: Path | None = None, progress: Progress
) -> "tuple[Repair, Manifest | None]":
    """Make a damaged cache whole; the manifest is None where shards are still missing.

    Errors: a directory that is no cache (USAGE); the hint is the command that mends it.
    """
    kind = kind_of(directory)
    if kind not in ("", "cache"):
        what = NAMES.get(kind or "", "nothing of potstill's")
        hint = command_for(directory) if kind else ""
        raise PotstillError(f"{directory} holds {what}, not a teacher's cache", hint=hint, code=USAGE)
    from teacher_cache.repair.repair import repair as run

    return run(directory, teacher=teacher, examples=examples, progress=progress)


def pull(url: str, directory: Path, *, progress: Progress) -> Manifest:
    """Fetch a finished cache and its examples from an object store."""
    from teacher_cache.shards.pull import pull as run

    return run(url, directory, progress=progress)


def gc(directory: Path, *, delete: bool = False) -> "list[Garbage]":
    """List files that a cache does not need; delete: remove them."""
    from teacher_cache.repair.garbage import collect_garbage, find_garbage

    if not (directory / PLAN).exists():
        read_manifest(directory, "cache", parts=False)  # refuses what is no cache
    return collect_garbage(directory) if delete else find_garbage(directory)
