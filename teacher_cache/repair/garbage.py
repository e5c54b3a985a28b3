"""What a cache could do without: quarantine, leftovers of writers, shards without a record."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from data import store
from data.errors import TRY_AGAIN, PotstillError
from data.layout import QUARANTINE, SHARD
from data.running.claims import attending
from teacher_cache.repair.verify import find_strays


@dataclass(frozen=True)
class Garbage:
    """Files that can be deleted. kind: quarantine, leftover or orphan."""

    kind: str
    path: Path
    bytes: int


def find_garbage(directory: Path) -> list[Garbage]:
    """List what `collect_garbage` would delete: quarantine, temporary files, shards without a record."""
    found = [("quarantine", path) for path in sorted((directory / QUARANTINE).rglob("*"))]
    found += [("leftover", path) for path in sorted(store.leftovers(directory))]
    strays = [finding.path for finding in find_strays(directory)]
    found += [("orphan", path) for path in strays if SHARD.fullmatch(path.name)]
    return [Garbage(kind, path, path.stat().st_size) for kind, path in found if path.is_file()]


def collect_garbage(directory: Path) -> list[Garbage]:
    """Delete what `find_garbage` lists. Errors: another process works in the cache (TRY_AGAIN)."""
    gone: list[Garbage] = []

    def remove() -> None:
        gone.extend(find_garbage(directory))
        for garbage in gone:
            garbage.path.unlink(missing_ok=True)
        shutil.rmtree(directory / QUARANTINE, ignore_errors=True)

    before = len(find_garbage(directory))
    with attending(directory, remove):
        if before and not gone:
            raise PotstillError(f"another process works in {directory}", hint="try again later", code=TRY_AGAIN)
    return gone
