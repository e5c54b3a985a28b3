"""The work directory of an unfinished augmentation: the names of its files, and the identity of the run.

Every file appears complete or not at all, with the same bytes whichever process writes it; a chunk is done when its
last file exists. So an interrupted run resumes with the missing chunks, and several processes may work at once.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from data import store
from data.errors import STALE, PotstillError
from data.layout import CLAIMS, MANIFEST, WORK
from data.running.claims import if_alone

NOTE = "identity.json"
TRIES, EVERY = 20, 0.05  # tries, and seconds between them, to read a file whose name is reserved but not written yet
LIBRARIES = (
    "jieba",
    "nltk",
    "numpy",
    "pyarrow",
    "regex",
    "spacy",
)  # another version may give other tags, draws or files


@dataclass(frozen=True)
class Work:
    """Names of the files of chunk i, and of what the stages share."""

    root: Path

    @property
    def sealed(self) -> bool:
        """Whether the directory is sealed, by this process or another; then the work directory is not needed."""
        return (self.root.parent / MANIFEST).exists()

    @property
    def gathered_note(self) -> Path:
        return self.root / "gathered.json"

    @property
    def guard(self) -> Path:
        return self.root / "guard.json"

    @property
    def kept(self) -> Path:
        return self.root / "kept.bits"

    @property
    def vocabulary(self) -> Path:
        return self.root / "vocabulary.parquet"

    @property
    def unique(self) -> Path:
        return self.root / "unique.bits"

    @property
    def unique_note(self) -> Path:
        return self.root / "unique.json"

    def gathered(self, chunk: int) -> Path:
        return self.root / f"gathered-{chunk:06d}.parquet"

    def tagged(self, chunk: int) -> Path:
        return self.root / f"tagged-{chunk:06d}.parquet"

    def counts(self, chunk: int) -> Path:
        return self.root / f"counts-{chunk:06d}.parquet"

    def rows(self, chunk: int) -> Path:
        return self.root / f"rows-{chunk:06d}.parquet"

    def dropped(self, chunk: int) -> Path:
        return self.root / f"dropped-{chunk:06d}.json"

    def part(self, part: int) -> Path:
        return self.root / f"part-{part:05d}.json"

    def claims(self, stage: str) -> Path:
        """The folder of the locks on the chunks of a stage."""
        return self.root / stage

    @contextmanager
    def spill(self) -> Iterator[Path]:
        """Make a directory for data that does not fit into memory, used by this process only."""
        with TemporaryDirectory(prefix="spill-", dir=self.root) as folder:
            yield Path(folder)


def tidy(root: Path, identity: dict[str, Any]) -> None:
    """Remove files of another identity, and temporary ones. Only to be called while no other process works there."""
    note = root / NOTE
    if _read(note) != identity:
        note.unlink(missing_ok=True)  # first, so that half a removal is never taken for a run to go on with
        for path in root.iterdir():
            if path.name != CLAIMS:  # the lock of who is alone
                _remove(path)
    for path in root.glob("spill-*"):
        _remove(path)
    store.sweep(root)


def clear(out: Path) -> None:
    """Remove the work directory of a finished set, and temporary files of killed writers.

    Other processes may still write: the last one that ends calls this with effect. On a file system without locks
    `work` is removed, and temporary files stay.
    """
    root = out / WORK

    def remove(alone: bool) -> None:
        if alone:
            store.sweep(out)
        shutil.rmtree(root, ignore_errors=True)

    if root.exists() or store.leftovers(out):
        with suppress(OSError):  # in a place that may only be read it stays
            if_alone(root, remove)


def open_work(root: Path, identity: dict[str, Any]) -> Work:
    """Begin a work directory, or join one of the same identity. Errors: it has another identity (STALE)."""
    note = root / NOTE
    if not store.put_json(note, identity) and (there := _settled(note, identity)) != identity:
        raise PotstillError(
            f"another run works in {root.parent}: {'; '.join(differences(there, identity))}",
            hint=f"name another directory, or end that run; where none runs, remove {root}",
            code=STALE,
        )
    return Work(root)


def differences(there: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Return a sentence for each value that differs between two identities."""
    return [
        f"{name} {key} was {there.get(name, {}).get(key)!r}, is {wanted[name].get(key)!r}"
        for name in wanted
        for key in sorted({*there.get(name, {}), *wanted[name]})
        if there.get(name, {}).get(key) != wanted[name].get(key)
    ]


def versions() -> dict[str, str]:
    """Return the versions of the libraries that must be the same on all machines that work on one set."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _settled(note: Path, identity: dict[str, Any]) -> dict[str, Any]:
    """Read an identity that another process puts; if it never fills the reserved file, it was killed: write ours."""
    for _ in range(TRIES):
        if there := _read(note):
            return there
        time.sleep(EVERY)
    store.write_json(note, identity)
    return identity


def _read(note: Path) -> dict[str, Any]:
    """Read an identity; {} if there is none, or a torn one (a crash on a file system without hard links)."""
    try:
        found = store.read_json(note)
    except PotstillError:
        return {}
    return found if isinstance(found, dict) else {}


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
