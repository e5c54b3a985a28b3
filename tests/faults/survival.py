"""What "survived" means: after the fault a rerun ends, nothing is found wrong, the root is that of an undisturbed run,
and every shard that was ever whole is still there, or in quarantine."""

import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data import store
from data.layout import QUARANTINE, SHARD
from data.manifest import read_manifest
from data.progress import Silent
from teacher_cache.repair.verify import verify
from tests.faults.writers import End, Server, World


class Tries:
    """Counts tries by fault; a failed assertion within `of` is a try that did not survive."""

    def __init__(self) -> None:
        self.table: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.failures: list[str] = []

    @contextmanager
    def of(self, fault: str, about: str = "") -> Iterator[None]:
        self.table[fault][0] += 1
        try:
            yield
        except Exception as error:
            self.failures.append(f"{fault}, {about}: {type(error).__name__}: {error}")
        else:
            self.table[fault][1] += 1


def whole_shards(out: Path) -> set[str]:
    """Hashes of the shards that are whole, in place or in quarantine."""
    there = [*out.glob("part-*.parquet"), *(out / QUARANTINE).glob("part-*.parquet.*")]
    named = [(SHARD.match(path.name), path) for path in there if path.is_file()]
    return {match[2] for match, path in named if match and store.sha256_file(path)[:16] == match[2]}


def check_survived(
    server: Server,
    world: World,
    out: Path,
    action: str = "build",
    *,
    before: frozenset[str] | set[str] = frozenset(),
    **faults: Any,
) -> End:
    """Run again to the end without the fault, and compare. before: whole shards that must not be lost."""
    whole = whole_shards(out) | before
    end = server.run(world, out, action, **faults)
    assert end.code == 0, f"the rerun ended with {end.code}: {end.message}"
    check_whole(world, out)
    assert whole <= whole_shards(out), f"lost shards: {whole - whole_shards(out)}"
    return end


def check_whole(world: World, out: Path) -> None:
    findings = verify(out, progress=Silent())
    assert not findings, [finding.what for finding in findings]
    root = read_manifest(out, "cache").root
    assert root == world.root, f"root {root[:12]}, undisturbed {world.root[:12]}"


def copy_of(world: World, name: str) -> Path:
    """A finished cache to damage, beside the examples as the original is."""
    return Path(shutil.copytree(world.undisturbed, world.undisturbed.parent / name))
