"""A cache that an object store holds whole -> `DIR/cache` and `DIR/examples`, every byte compared; seals last.

What a store says is not trusted: names of files must be those that a cache or examples directory has, so nothing is
written elsewhere. What is there already and right is not fetched again.
"""

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from data import store
from data.errors import BAD_DATA, NO_INPUT, STALE, PotstillError
from data.layout import FILES, MANIFEST, PART, PLAN, SHARD, record_name
from data.manifest import Manifest, Part, check_made_from, check_part, read_manifest
from data.progress import Progress
from data.running.output import refuse_foreign
from teacher_cache.shards.object_store import ObjectStore, open_store
from teacher_cache.shards.remote import CACHE, EXAMPLES, as_file, refuse_format_1
from teacher_cache.shards.student_files import KEPT

TURNS = 4  # files at a time


def pull(url: str, directory: Path, *, progress: Progress) -> Manifest:
    """Fetch a sealed cache and its examples; return the cache's manifest.

    Errors: nothing sealed there (NO_INPUT), a file that is damaged or missing there (BAD_DATA), another cache in
    `directory` or a store of format 1 (STALE), no network (TRY_AGAIN: run it again, it goes on where it stopped).
    """
    refuse_format_1(place := open_store(url))
    seals = {folder: _seal(place, folder, kind) for folder, kind in ((EXAMPLES, "examples"), (CACHE, "cache"))}
    (source, _), (manifest, _) = seals[EXAMPLES], seals[CACHE]
    check_made_from(Path(f"{url}/{CACHE}"), manifest, "examples", source.root)
    for folder, (seal, _) in seals.items():
        refuse_foreign(directory / folder, seal.kind, known=[part.name for part in seal.parts])
        _refuse_other(directory / folder, seal)
    progress.start("pull", total=sum(part.bytes for part in (*source.parts, *manifest.parts)), unit="bytes")
    _fetch_parts(place, EXAMPLES, directory, _named(source.parts, PART, url), progress)
    _fetch_parts(place, CACHE, directory, _named(manifest.parts, SHARD, url), progress)
    records = [record_name(index) for index in range(len(manifest.parts))]
    for name in (PLAN, *records, *(f"{FILES}/{name}" for name in KEPT)):
        place.download(f"{CACHE}/{name}", directory / CACHE / name)
    for folder, (_, content) in seals.items():
        store.write_bytes(directory / folder / MANIFEST, content)
    progress.finish()
    return read_manifest(directory / CACHE, "cache")


def _seal(place: ObjectStore, folder: str, kind: str) -> tuple[Manifest, bytes]:
    """Read a seal of the store, with all the checks of one in a directory."""
    content = place.read(f"{folder}/{MANIFEST}")
    if content is None:
        raise PotstillError(
            f"{place.url} holds no finished cache (no {folder}/{MANIFEST})",
            hint=f"potstill cache EXAMPLES -t TEACHER -o DIR --store {place.url} fills it",
            code=NO_INPUT,
        )
    seal = as_file(content, MANIFEST, lambda at: read_manifest(at, kind, parts=False), f"{place.url}/{folder}")
    return seal, content


def _refuse_other(directory: Path, seal: Manifest) -> None:
    if (directory / MANIFEST).exists() and read_manifest(directory, seal.kind, parts=False).root != seal.root:
        raise PotstillError(f"{directory} holds something else", hint="name another directory", code=STALE)


def _named(parts: Iterable[Part], names: re.Pattern[str], url: str) -> list[Part]:
    """Refuse parts whose names no directory of potstill has."""
    found = list(parts)
    if strange := [part.name for part in found if not names.fullmatch(str(part.name))]:
        raise PotstillError(f"{url} names a part {strange[0]!r}", code=BAD_DATA)
    return found


def _fetch_parts(place: ObjectStore, folder: str, directory: Path, parts: list[Part], progress: Progress) -> None:
    def fetch(part: Part) -> int:
        try:
            check_part(directory / folder, part, whole=True)
        except PotstillError:
            place.download(f"{folder}/{part.name}", directory / folder / part.name, sha256=part.sha256)
        return part.bytes

    with ThreadPoolExecutor(TURNS) as turns:
        for size in turns.map(fetch, parts):
            progress.advance(size)
