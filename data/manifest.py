"""The manifest of a directory (`MANIFEST.json`): what it holds, what it was made from, and `root`, a hash over both.

It is written last ("the directory is sealed"): a directory without it is unfinished. Each phase records the roots of
its inputs, so examples -> cache -> student is a chain; an input with another root than the recorded one was changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data import store
from data.errors import BAD_DATA, NO_INPUT, STALE, PotstillError
from data.layout import MANIFEST, SEED
from data.progress import Progress
from data.schema import SCHEMA_VERSION
from data.tasks.task import Task

MEND = "potstill verify {} names the command that mends it"
FIELDS = ("version", "root", "rows", "kind", "task", "parts", "made_from", "config", "report")


@dataclass(frozen=True)
class Part:
    """One stored file: its name, rows, size and content hash, and the hash over its row ids in order."""

    name: str
    rows: int
    bytes: int
    sha256: str
    ids: str


@dataclass(frozen=True)
class Manifest:
    """The content of a `MANIFEST.json`.

    kind       examples, cache, student, students (of several seeds) or teacher (fine-tuned here)
    task       the task of the rows or of the model
    parts      the data files in row order
    made_from  role -> root of the manifest (or hash of the file) it was made from
    config     the resolved config that made it
    report     counts and measurements; not part of the root, so that a slower run is the same dataset
    """

    kind: str
    task: Task
    parts: tuple[Part, ...] = ()
    made_from: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    @property
    def root(self) -> str:
        """Hash over format version, kind, task, parts and made_from. Config and report are left out."""
        return store.digest_of({"version": SCHEMA_VERSION, **self._content()})

    def _content(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "task": self.task.to_dict(),
            "parts": [vars(part) for part in self.parts],
            "made_from": self.made_from,
        }


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write the manifest of a directory, which seals it."""
    content = manifest._content() | {"config": manifest.config, "report": manifest.report}
    values = {"version": SCHEMA_VERSION, "root": manifest.root, "rows": manifest.rows, **content}
    store.write_bytes(directory / MANIFEST, store.to_record(values))


def seal_of(directory: Path) -> dict[str, Any] | None:
    """Read the values of a directory's seal without checking them against its files; None where there is no seal.

    Errors: a file that is no manifest (BAD_DATA); a manifest of another format version (STALE).
    """
    path = directory / MANIFEST
    if not path.is_file():
        return None
    content = store.read_bytes(path)
    values = store.parse_json(path, content)
    if not (isinstance(values, dict) and all(isinstance(values.get(key), str) for key in ("kind", "root"))):
        raise PotstillError(f"{path} is not a manifest: it names no kind and no root", code=BAD_DATA)
    other = values.get("version") != SCHEMA_VERSION and values["kind"] in {*FORMAT_1, *HINTS}  # a kind of potstill's
    if other and not _is_damaged(path, values, content):
        refuse_other_format(directory, values.get("version"), values["kind"])
    return values


def _is_damaged(path: Path, values: dict[str, Any], content: bytes) -> bool:
    try:
        store.check_record(path, values, content)
    except PotstillError:
        return True
    return False


def check_seal(directory: Path) -> None:
    """Refuse (BAD_DATA) a manifest that was changed anywhere, also in config and report, which are not in the root."""
    store.read_record(directory / MANIFEST, FIELDS)


def read_manifest(directory: Path, kind: str, *, parts: bool = True) -> Manifest:
    """Read the manifest of a sealed directory; check its kind, its root and (`parts`) the sizes of its files."""
    if not directory.is_dir():
        raise PotstillError(f"{directory} is not a directory", hint=HINTS.get(kind, ""), code=NO_INPUT)
    if not (directory / MANIFEST).exists():
        raise PotstillError(
            f"{directory} is not a finished {kind} directory (no {MANIFEST})",
            hint=HINTS.get(kind, "run the command that makes it again: it goes on where it stopped"),
            code=NO_INPUT,
        )
    content = store.read_bytes(directory / MANIFEST)
    values = store.parse_json(directory / MANIFEST, content)
    if isinstance(values, dict) and (values.get("version"), values.get("kind")) != (SCHEMA_VERSION, kind):
        # another kind or version, or a flipped bit: then it is not what its own hash says
        store.check_record(directory / MANIFEST, values, content, hint=MEND.format(directory))
    manifest = _from_values(directory, values)
    if manifest.kind != kind:
        raise PotstillError(f"{directory} holds {manifest.kind}, not {kind}", hint=HINTS.get(kind, ""))
    if manifest.root != values.get("root"):
        raise PotstillError(
            f"{directory / MANIFEST} was edited: its root does not match its content",
            hint=MEND.format(directory),
            code=BAD_DATA,
        )
    for part in manifest.parts if parts else ():
        check_part(directory, part)
    return manifest


def open_sealed(directory: Path, kind: str, *, known: Mapping[str, str] | None = None) -> Manifest:
    """Read the manifest of a sealed directory and compare it and every byte of its files with their hashes.

    known: name -> sha256 of files that were hashed already. Errors: BAD_DATA with the name of the changed file.
    """
    manifest = read_manifest(directory, kind, parts=False)
    check_seal(directory)
    for part in manifest.parts:
        found = (known or {}).get(part.name)
        check_part(directory, part, whole=found is None)
        if found not in (None, part.sha256):
            raise _damaged(directory / part.name)
    return manifest


def check_part(directory: Path, part: Part, *, whole: bool = False) -> None:
    """Check that a part's file exists with its size; with `whole`, compare its hash."""
    path = directory / part.name
    size = store.size_of(path)
    if size != part.bytes:
        found = "is missing" if size is None else f"has {size} bytes, its manifest says {part.bytes}"
        raise PotstillError(f"{path} {found}", hint=MEND.format(directory), code=BAD_DATA)
    if whole and store.sha256_file(path) != part.sha256:
        raise _damaged(path)


def _damaged(path: Path) -> PotstillError:
    return PotstillError(
        f"{path} is damaged: its sha256 differs from the manifest's",
        hint=MEND.format(path.parent),
        code=BAD_DATA,
    )


def whole_part(directory: Path, part: Part) -> Path:
    """Compare a part with its hash and return its path. To be called before a library opens the file.

    A damaged Parquet footer may crash the process that reads it. Hashed once a process, about 1 s a GB.
    """
    check_part(directory, part)
    path = directory / part.name
    if store.hash_file(path) != part.sha256:
        raise _damaged(path)
    return path


def check_files(directory: Path, kind: str, *, progress: Progress) -> list[str]:
    """Compare every byte of a sealed directory with its manifest; return what is wrong, one sentence each.

    For several seeds the directory of each student is checked too.
    """
    wrong = []
    try:
        manifest = read_manifest(directory, kind, parts=False)
    except PotstillError as error:
        if error.code != BAD_DATA:
            raise
        return [error.message]
    try:
        check_seal(directory)
    except PotstillError as error:
        wrong.append(error.message)
    progress.start("verify", total=sum(part.bytes for part in manifest.parts), unit="bytes")
    for part in manifest.parts:
        try:
            check_part(directory, part, whole=True)
        except PotstillError as error:
            wrong.append(error.message)
        progress.advance(part.bytes)
    progress.finish()
    if kind == "students":
        for name in [name for name in manifest.made_from if name.startswith(SEED)]:
            there = (directory / name / MANIFEST).is_file()
            gone = [f"{directory / name / MANIFEST} is missing"]
            wrong += check_files(directory / name, "student", progress=progress) if there else gone
    return wrong


def check_made_from(directory: Path, manifest: Manifest, role: str, root: str) -> None:
    """Refuse (STALE) a directory that was made from another `role` than the one with this root."""
    noted = manifest.made_from.get(role)
    if noted != root:
        raise PotstillError(
            f"{directory} was made from {role} {str(noted)[:12]}, not from the {role} {root[:12]} there is now",
            hint="make it again, or name another output directory",
            code=STALE,
        )


HINTS = {
    "examples": "potstill augment TRAIN -o DIR makes one",
    "cache": "potstill cache EXAMPLES -t TEACHER -o DIR makes one",
    "student": "potstill train CACHE --dev DEV -o DIR makes one",
}


# Format 1: kind -> what to do with such a directory. Its `teacher` was a cache, and its `encoder` a teacher.
FORMAT_1 = {
    "examples": "make them again: potstill augment TRAIN -o NEW",
    "teacher": "make the cache again: potstill cache EXAMPLES -t TEACHER -o NEW",
    "encoder": "move its MANIFEST.json away and it is a model like any other, for -t and -m",
    "student": "train it again: potstill train CACHE --dev DEV -o NEW",
    "students": "train them again: potstill train CACHE --dev DEV -o NEW",
}


def refuse_other_format(directory: str | Path, version: Any, kind: Any) -> None:
    """Refuse (STALE) a directory that was made with another format version, and say how to make it again.

    version, kind: as its own file names them. The kinds of format 1 are other words (see FORMAT_1).
    """
    if version != SCHEMA_VERSION:
        old = FORMAT_1.get(str(kind)) if version == 1 else None
        raise PotstillError(
            f"{directory} has format version {version}, this potstill reads {SCHEMA_VERSION}",
            hint=old or "make it again with this version, in another directory",
            code=STALE,
        )


def _from_values(directory: Path, values: Any) -> Manifest:
    if not isinstance(values, dict):
        raise PotstillError(
            f"{directory / MANIFEST} is not a manifest: it holds {type(values).__name__}", code=BAD_DATA
        )
    refuse_other_format(directory, values.get("version"), values.get("kind"))
    try:
        return Manifest(
            kind=_of(str, values["kind"]),
            task=Task.from_dict(_of(dict, values["task"])),
            parts=tuple(_part(**part) for part in values["parts"]),
            made_from={role: _of(str, root) for role, root in _of(dict, values["made_from"]).items()},
            config=_of(dict, values["config"]),
            report=_of(dict, values["report"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError, PotstillError) as error:
        said = error.message if isinstance(error, PotstillError) else repr(error)
        raise PotstillError(
            f"{directory / MANIFEST} is not a manifest: {said}", hint=MEND.format(directory), code=BAD_DATA
        ) from None


def _part(*, name: str, rows: int, bytes: int, sha256: str, ids: str) -> Part:
    """Make a part from its manifest entry. Errors: ValueError for a name with a path."""
    if not name or Path(_of(str, name)).name != name:
        raise ValueError(f"{name!r} is no file of the directory")
    return Part(name, _of(int, rows), _of(int, bytes), _of(str, sha256), _of(str, ids))


def _of(kind: type[Any], value: Any) -> Any:
    """Return a value if it has the type `kind`; else TypeError."""
    if type(value) is not kind:
        raise TypeError(f"{value!r} is not {kind.__name__}")
    return value
