"""Compare every byte of a cache with its records. Cache directory -> list of findings; nothing is changed.

Checked are plan, commits, manifest, shards (sha256, rows, ids, columns, page checksums), rows against the examples, and
files that no record names. With a teacher, `recompute.py` computes random rows again.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data import store
from data.errors import STALE, PotstillError
from data.examples import hash_ids
from data.layout import CLAIMS, COMMITS, FILES, MANIFEST, PLAN, QUARANTINE, RECORD, SETTINGS, SHARD, STATUS, shard_name
from data.manifest import Manifest, Part, check_made_from, check_seal, read_manifest
from data.progress import Progress
from data.row_groups import read_groups
from data.schema import Sizes, cache_schema
from teacher_cache.shards import plan as plans
from teacher_cache.shards.commits import Commit, commit_path, list_records, read_commit
from teacher_cache.shards.student_files import KEPT, kept

# Files of a cache besides shards; `potstill.toml` is the resolved config that the commands write.
KNOWN = (PLAN, MANIFEST, COMMITS, CLAIMS, QUARANTINE, FILES, STATUS, SETTINGS)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong in a cache.

    kind      damaged (a record or file is wrong), missing (a shard is not there), stray (no record names the file)
    what      a sentence that names the file
    path      the file
    """

    kind: str
    what: str
    path: Path


def verify(directory: Path, *, progress: Progress) -> list[Finding]:
    """Compare everything in a cache with its records; an empty list means that all is right.

    Errors: no cache (NO_INPUT); one of an older format (STALE). If the examples are missing, rows are not compared.
    """
    if not (directory / PLAN).exists() and not (directory / MANIFEST).exists():
        read_manifest(directory, "cache")  # says what is not there
    findings = [*_check_plan(directory), *_check_seal(directory)]
    manifest = _manifest(directory)
    source = _examples(directory, manifest)
    parts = source.parts if source else ()
    progress.start("verify", total=sum(part.bytes for part in manifest.parts) if manifest else None, unit="bytes")
    for index, part in _shards(directory, manifest):
        findings += [
            Finding("damaged", what, directory / part.name) for what in _check_shard(directory, part, manifest)
        ]
        if parts and (index >= len(parts) or (part.rows, part.ids) != (parts[index].rows, parts[index].ids)):
            what = f"{directory / part.name} does not hold the rows of its examples"
            findings.append(Finding("damaged", what, directory / part.name))
        progress.advance(part.bytes)
    progress.finish()
    findings += [*_check_commits(directory, manifest, source), *find_strays(directory)]
    return list({(finding.path, finding.kind): finding for finding in reversed(findings)}.values())[::-1]


def find_strays(directory: Path) -> Iterator[Finding]:
    """Yield files that no record names: shards without a commit (orphans), temporary files, foreign files."""
    named = {part.name for _, part in _shards(directory, _manifest(directory))}
    for path in sorted(directory.iterdir()):
        if path.name in KNOWN or path.name in named:
            continue
        what = "is a shard without a record" if SHARD.fullmatch(path.name) else "does not belong here"
        what = "was left by an interrupted writer" if ".tmp-" in path.name else what
        yield Finding("stray", f"{path} {what}", path)
    for path in sorted([*(directory / COMMITS).glob("*"), *(directory / FILES).glob("*")]):
        if not RECORD.fullmatch(path.name) and path.name not in KEPT:
            what = "was left by an interrupted writer" if ".tmp-" in path.name else "does not belong here"
            yield Finding("stray", f"{path} {what}", path)


def _check_plan(directory: Path) -> Iterator[Finding]:
    path = directory / PLAN
    try:
        if plans.read_plan(directory) is None:
            yield Finding("damaged", f"{path} is missing", path)
    except PotstillError as error:
        if error.code == STALE:  # whole, but of another format: no damage, and not to be set aside
            raise
        yield Finding("damaged", error.message, path)


def _check_seal(directory: Path) -> Iterator[Finding]:
    path = directory / MANIFEST
    if not path.exists():
        yield Finding("missing", f"{directory} is not sealed (no {MANIFEST})", path)
        return
    try:
        manifest = read_manifest(directory, "cache", parts=False)
        check_seal(directory)
    except PotstillError as error:
        yield Finding("damaged", error.message, path)
        return
    if (other := _foreign_name(manifest)) is not None:
        yield Finding("damaged", f"{path} names {other!r}, which is no shard of its place", path)
    if not kept(directory):
        yield Finding("missing", f"{directory / FILES} is not whole", directory / FILES)
    for name, sha256 in dict(manifest.config.get("files") or {}).items():
        file = directory / FILES / name
        if name in KEPT and file.is_file() and store.sha256_file(file) != sha256:
            yield Finding("damaged", f"{file} is damaged: its sha256 is not that of its record", file)


def _foreign_name(manifest: Manifest) -> str | None:
    """Return a part of a manifest whose name is not that of a shard; it might be a path out of the cache."""
    names = ((part.name, shard_name(index, str(part.sha256))) for index, part in enumerate(manifest.parts))
    return next((name for name, own in names if name != own or not SHARD.fullmatch(name)), None)


def _check_shard(directory: Path, part: Part, manifest: Manifest | None) -> Iterator[str]:
    """Check size and hash, then the content: columns, rows, ids in order, every page's checksum."""
    path = directory / part.name
    if not path.is_file():
        yield f"{path} is missing"
        return
    if path.stat().st_size != part.bytes:
        yield f"{path} has {path.stat().st_size} bytes, its record says {part.bytes}"
        return
    if store.sha256_file(path) != part.sha256:
        yield f"{path} is damaged: its sha256 is not that of its record"
        return  # a damaged footer may end the process that opens it
    try:
        if manifest is not None:
            yield from _check_columns(path, manifest)
        if check_rows(path) != (part.rows, part.ids):
            yield f"{path} holds other rows than its record says"
    except PotstillError as error:
        yield error.message
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        yield f"{path} cannot be read: {error}"


def check_rows(path: Path) -> tuple[int, str]:
    """Read all of a shard: every page is decoded and its checksum compared. Return its rows and the hash of its ids."""
    digest, rows = hashlib.sha256(), 0
    for table in read_groups(path):
        hash_ids(digest, table["id"])
        rows += table.num_rows
    return rows, digest.hexdigest()


def _check_columns(path: Path, manifest: Manifest) -> Iterator[str]:
    wanted = cache_schema(manifest.task, tuple(manifest.config["signals"]), Sizes(int(manifest.config["width"])))
    found = pq.read_schema(path)
    if not found.equals(wanted, check_metadata=False):
        yield f"{path} has other columns than its manifest says: {', '.join(found.names)}"


def _check_commits(directory: Path, manifest: Manifest | None, source: Manifest | None) -> Iterator[Finding]:
    """Check each record against plan, examples and manifest."""
    try:
        plan = plans.read_plan(directory)
    except PotstillError:
        return  # already found
    sealed = manifest.parts if manifest else ()
    for index, part in enumerate(source.parts if source else sealed):
        path = commit_path(directory, index)
        found = read_commit(directory, index, plan=plan.digest, source=part, whole=False) if plan else None
        if isinstance(found, Commit):
            if sealed and sealed[index : index + 1] != (found.part,):
                yield Finding("damaged", f"{path} differs from {directory / MANIFEST}", path)
        elif found is not None:
            kind = "damaged" if found.reason else "missing"
            yield Finding(kind, found.reason or f"shard {index} has no record", path)
    last = len(source.parts if source else sealed)
    for path in sorted((directory / COMMITS).glob("*.json")):
        if last and RECORD.fullmatch(path.name) and path != commit_path(directory, min(int(path.stem), last - 1)):
            yield Finding("damaged", f"{path} is of a shard that there is not", path)


def _shards(directory: Path, manifest: Manifest | None) -> Iterator[tuple[int, Part]]:
    """Yield the shards of the manifest, or without one those of the commits."""
    if manifest is not None:
        yield from enumerate(manifest.parts)
        return
    yield from list_records(directory)  # what is wrong with the others, `_check_commits` says


def _manifest(directory: Path) -> Manifest | None:
    """Return the manifest if it can be read and is undamaged; shards may be missing."""
    try:
        manifest = read_manifest(directory, "cache", parts=False)
        check_seal(directory)
    except PotstillError:
        return None
    return None if _foreign_name(manifest) is not None else manifest


def _examples(directory: Path, manifest: Manifest | None) -> Manifest | None:
    """Return the manifest of the examples, if they are at the recorded place and unchanged."""
    try:
        if manifest is None:
            plan = plans.read_plan(directory)
            source = read_manifest((directory / str(plan and plan.provenance["examples"])).resolve(), "examples")
            return source if plan and source.root == plan.examples else None
        source = read_manifest((directory / str(manifest.config["examples"])).resolve(), "examples")
        check_made_from(directory, manifest, "examples", source.root)
    except (PotstillError, KeyError):
        return None
    return source
