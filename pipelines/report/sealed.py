"""The finished directories of a run, found by their manifests and not by their names."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data.errors import PotstillError
from data.layout import ASIDE, MANIFEST
from data.manifest import Manifest
from pipelines.inputs.places import sealed

DEPTH = 2  # folders below the run that are looked into: runs/x/student, runs/x/students/a
CACHE, EXAMPLES, TEACHER = "cache", "examples", "teacher"  # kinds; a run calls their directories so, too


@dataclass(frozen=True)
class Sealed:
    """manifests: directory -> its manifest, in the order of their names; seeds of several stand with their student."""

    manifests: dict[Path, Manifest]

    def of(self, *kinds: str) -> dict[Path, Manifest]:
        """The directories of some kinds."""
        return {path: manifest for path, manifest in self.manifests.items() if manifest.kind in kinds}

    def with_root(self, kind: str, root: str) -> Path | None:
        """The directory of a kind with this root."""
        return next((path for path, manifest in self.of(kind).items() if manifest.root == root), None)

    @property
    def cache_path(self) -> Path:
        """The cache that the report shows: the one named `cache`, else the first a student learned from."""
        caches = self.of(CACHE)
        usual = [path for path in caches if path.name == CACHE]
        used = [path for path, manifest in caches.items() if manifest.root in self._noted("student", "students")]
        return next(iter([*usual, *used, *caches]), Path(CACHE))

    @property
    def cache(self) -> Manifest | None:
        return self.manifests.get(self.cache_path)

    @property
    def examples(self) -> Manifest | None:
        """The examples of that cache by their root, else by where it says they are, else those there are."""
        held, cache = self.of(EXAMPLES), self.cache
        if cache is not None:
            match = self.with_root("examples", cache.made_from.get("examples", ""))
            there = (self.cache_path / str(cache.config.get("examples", ""))).resolve()
            named = next((path for path in held if path.resolve() == there), None)
            if match or named:
                return held[match or named]  # type: ignore[index]
        usual = [manifest for path, manifest in held.items() if path.name == EXAMPLES]
        return next(iter([*usual, *held.values()]), None)

    def _noted(self, *kinds: str) -> set[str]:
        return {root for manifest in self.of(*kinds).values() for root in manifest.made_from.values()}


def find_sealed(run: Path, problems: list[str]) -> Sealed:
    """Open every manifest of a run; a directory whose manifest cannot be read, or does not fit its name, is named."""
    found: dict[Path, Manifest] = {}
    for path in _directories(run, DEPTH):
        try:
            found[path] = sealed(path)
        except PotstillError as error:
            problems.append(error.message)
    for kind in (TEACHER, EXAMPLES, CACHE):
        there = found.get(run / kind)
        if there is not None and there.kind != kind:
            problems.append(f"{kind} holds {there.kind}, not {kind}")
        if there is None and (run / kind).is_dir() and not (run / kind / MANIFEST).exists():
            problems.append(f"{kind} is unfinished")
    return Sealed(found)


def learned_from(places: Sealed, student: Path) -> tuple[Path, Path] | None:
    """(examples, cache) that a student of the run learned from; None where they are no longer in the run."""
    own = next((path for path in places.of("student", "students") if path.resolve() == student.resolve()), None)
    if own is None:
        return None
    cache = places.with_root("cache", places.manifests[own].made_from.get("cache", ""))
    examples = cache and places.with_root("examples", places.manifests[cache].made_from.get("examples", ""))
    return (examples, cache) if cache and examples else None


def _directories(run: Path, depth: int) -> Iterator[Path]:
    """Folders with a manifest; what a run moved aside is left out, and what lies in a sealed folder belongs to it."""
    folders = run.iterdir() if run.is_dir() else ()
    for path in sorted(path for path in folders if path.is_dir() and ASIDE not in path.name):
        if (path / MANIFEST).is_file():
            yield path
        elif depth > 1:
            yield from _directories(path, depth - 1)
