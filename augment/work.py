"""The work directory of an unfinished augmentation: which files it holds, and whether they belong to this run.

Every file appears whole or not at all; a chunk is done when its last file is there. So an interrupted run goes on
with the chunks that are missing.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data import store


@dataclass(frozen=True)
class Work:
    """Names of the files of chunk i, and of what the stages share."""

    root: Path

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
    def spill(self) -> Path:
        return self.root / "spill"

    @property
    def vocabulary(self) -> Path:
        return self.root / "vocabulary.parquet"

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


def open_work(root: Path, identity: dict[str, Any]) -> Work:
    """Go on in a work directory of the same identity; anything else in it is removed."""
    note = root / "identity.json"
    if not note.exists() or store.read_json(note) != identity:
        note.unlink(missing_ok=True)  # first, so that half a removal is never taken for a run to go on with
        shutil.rmtree(root, ignore_errors=True)
        store.write_json(note, identity)
    store.sweep(root)
    return Work(root)
