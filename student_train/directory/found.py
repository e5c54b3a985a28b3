"""What stands in an output directory: a finished model of the same config and data, another one, or a damaged one."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data import store
from data.errors import BAD_DATA, STALE, PotstillError
from data.layout import CHECKPOINT, ENCODED, MANIFEST, QUARANTINE, SEED, SETTINGS, STAGES
from data.manifest import Manifest, check_seal, open_sealed, read_manifest, seal_of
from data.progress import Progress
from student_train.config import ASKED, HOW_ONLY

NAMES = {"student": "a student", "teacher": "a teacher"}
NUMBERS = {"student": "one student", "students": "students of several seeds"}
NOT_THE_MODEL = (QUARANTINE, ENCODED, "examples", CHECKPOINT, SETTINGS)


def find_finished(out: Path, kind: str, config: Mapping[str, Any], origins: Mapping[str, str]) -> Manifest | None:
    """The manifest of a finished model of this config and data; None where there is none, or one that is damaged.

    A model of another config or other data is refused (STALE), with what differs.
    """
    if not (out / MANIFEST).is_file():
        return None
    whole, manifest = _opened(out, kind)
    if manifest is None:
        return None
    now, was = {**config, **origins}, {**manifest.config, **manifest.made_from}
    if now.get("precision") in ("auto", manifest.report.get(ASKED)):
        now["precision"] = was.get("precision")  # any will do, and so does what had to be taken in the place of it
    changed = sorted(key for key in (now.keys() | was.keys()) - HOW_ONLY if now.get(key) != was.get(key))
    if changed:
        raise PotstillError(
            f"{out} holds {NAMES[kind]} of another run: "
            + ", ".join(f"{key} {was.get(key)} → {now.get(key)}" for key in changed),
            hint="name another output directory, or move this one away",
            code=STALE,
        )
    return manifest if whole else None


def set_damaged_aside(out: Path, kind: str, *, progress: Progress) -> None:
    """Move a model that is damaged into `quarantine/`, all of it: it is made again, and nothing is deleted."""
    if not (out / MANIFEST).is_file():
        return
    try:
        open_sealed(out, kind)
    except PotstillError as error:
        folder = out / QUARANTINE / secrets.token_hex(4)
        folder.mkdir(parents=True)
        others = {*NOT_THE_MODEL, MANIFEST}
        kept = [p for p in sorted(out.iterdir()) if p.name not in others and not p.name.startswith((".", SEED, STAGES))]
        for path in (out / MANIFEST, *kept):  # the seal first: whoever is killed here leaves no sealed half
            path.rename(folder / path.name)
        store.flush(out)
        progress.note(f"{error.message}; moved to {folder}, and made again")


def refuse_other_number(out: Path, kind: str) -> None:
    """Refuse to put one student where several are, or several where one is."""
    try:
        there = seal_of(out)
    except PotstillError:
        return  # torn: it is made again
    if there is not None and there["kind"] != kind and there["kind"] in NUMBERS:
        raise PotstillError(
            f"{out} holds {NUMBERS[there['kind']]}, this run makes {NUMBERS[kind]}",
            hint="name another output directory, or move this one away",
            code=STALE,
        )


def _opened(out: Path, kind: str) -> tuple[bool, Manifest | None]:
    """Whether a sealed directory is whole, and its manifest; None where that itself is damaged, or was edited."""
    manifest = None
    try:
        check_seal(out)
        manifest = read_manifest(out, kind, parts=False)
        return True, open_sealed(out, kind)
    except PotstillError as error:
        if error.code != BAD_DATA:
            raise
        return False, manifest
