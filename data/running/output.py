"""Check an output directory before a phase writes: it must be empty, or begun by the same kind of phase; else 78.

So neither a finished dataset, cache or model is overwritten by another phase, nor a directory that potstill did not
make, such as a downloaded model.
"""

import re
import shlex
from collections.abc import Collection
from pathlib import Path

from data import store
from data.errors import STALE, USAGE, PotstillError
from data.layout import (
    CHECKPOINT,
    CLAIMS,
    COMMITS,
    CONFIG,
    ENCODED,
    LAST_STEP,
    LOCK,
    MANIFEST,
    METRICS,
    PART,
    PLAN,
    QUARANTINE,
    SEALING,
    SEED,
    SETTINGS,
    SHARD,
    STAGE,
    STAGES,
    STATUS,
    VOCABULARY,
    WORK,
)
from data.manifest import seal_of

# Kind -> names of files and folders that only this kind of phase makes: they tell what an unfinished directory is.
BEGUN = {
    "cache": re.compile(f"{re.escape(PLAN)}|{COMMITS}|{SHARD.pattern}"),
    "examples": re.compile(WORK),
    "teacher": re.compile(r"examples"),
    "student": re.compile(
        f"{ENCODED}|{re.escape(METRICS)}|{LAST_STEP}|{re.escape(CHECKPOINT)}|{SEALING}|{STAGE.pattern}|({SEED}|{STAGES})\\d+"
    ),
}
# The same for a directory whose manifest cannot be read. Directories of other origin have such files too.
SEALED = {
    "examples": PART,
    "student": re.compile(re.escape(VOCABULARY)),
    "teacher": re.compile(re.escape(CONFIG)),
}
# Names that tell nothing of the kind: hidden files, logs of a shell, files that every phase writes.
OF_NOBODY = re.compile(rf"\..*|.*\.(log|out|err)|lost\+found|{re.escape(SETTINGS)}|{re.escape(STATUS)}|{QUARANTINE}")
NAMES = {
    "examples": "augmented examples",
    "cache": "a teacher's cache",
    "teacher": "a fine-tuned teacher",
    "student": "a student",
    "students": "students of several seeds",
}
HINT = "name another directory with -o; nothing was written"


def refuse_foreign(out: Path, kind: str, *, known: Collection[str] = ()) -> None:
    """Refuse (STALE) an output directory that holds something else than `kind`. Nothing is written.

    kind: examples, cache, teacher, student, or run (a folder that holds directories of all kinds).
    known: names of files of the output that may be there already.
    """
    if out.exists() and not out.is_dir():
        raise PotstillError(f"{out} is a file, not a directory", hint="name a directory with -o", code=USAGE)
    for above in list(out.resolve().parents)[:3]:
        if (found := _sealed_as(above)) is not None and found != "students":
            raise PotstillError(f"{out} lies within {above}, which holds {NAMES[found]}", hint=HINT, code=STALE)
    if kind == "run":
        _refuse_old_run(out)
    names = [name for name in _names(out) if name not in known]  # before `kind_of`: a phase may begin here just now
    there = _sealed_as(out) if kind == "run" else kind_of(out)
    if there is None and kind != "run" and names:
        listed = ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
        raise PotstillError(f"{out} is not empty and was not made by potstill: {listed}", hint=HINT, code=STALE)
    if there and there.removesuffix("s") != kind.removesuffix("s"):
        aim = f"not {NAMES[kind]}" if kind in NAMES else "not a run"
        raise PotstillError(f"{out} holds {NAMES[there]}, {aim}", hint=HINT, code=STALE)


def kind_of(directory: Path) -> str | None:
    """Return the kind of a directory, finished or begun: examples, cache, teacher, student, students.

    "" for a directory that potstill has begun without a file that tells the kind; None for any other.
    """
    if (sealed := _sealed_as(directory)) is not None:
        return sealed
    names = [path.name for path in directory.iterdir()] if directory.is_dir() else []
    tables = (BEGUN, SEALED) if MANIFEST in names else (BEGUN,)
    for table in tables:
        for kind, pattern in table.items():
            if any(pattern.fullmatch(name) for name in names) and not (kind == "teacher" and _is_run(directory)):
                return kind
    # writers of ours claim parts here, or are about to: a folder that holds locks, or nothing yet
    claims = directory / CLAIMS
    return "" if claims.is_dir() and all(path.suffix == LOCK for path in claims.iterdir()) else None


def _is_run(directory: Path) -> bool:
    """Tell a run from a teacher: both have `examples/`, but only in a run are they made by augment, with a config."""
    examples = directory / "examples"
    try:
        seal = seal_of(examples)
    except (PotstillError, OSError):
        seal = None
    return (examples / WORK).exists() or bool(seal and seal.get("config"))


def _sealed_as(directory: Path) -> str | None:
    """Return the kind in a directory's manifest, None without a readable one. Errors: another format (STALE)."""
    try:
        seal = seal_of(directory)
    except PotstillError as error:
        if error.code == STALE:
            raise
        return None
    except OSError:
        return None
    return seal["kind"] if seal and seal["kind"] in NAMES else None


def _refuse_old_run(out: Path) -> None:
    """Refuse (STALE) a run of another format version, and one of format 1 whose cache, `teacher/`, is unfinished."""
    aside = f"mv {shlex.quote(str(out))} {shlex.quote(f'{out}.old')}"
    hint = f"the run is made anew once the old one is out of the way: {aside}"
    for directory in sorted(path.parent for path in out.glob(f"*/{MANIFEST}")):
        try:
            _sealed_as(directory)
        except PotstillError as error:
            raise PotstillError(error.message, hint=hint, code=STALE) from None
    if kind_of(out / "teacher") == "cache":
        what = f"{NAMES['cache']}; in a run that is the folder of {NAMES['teacher']}"
        raise PotstillError(f"{out / 'teacher'} holds {what}", hint=hint, code=STALE)


def _names(out: Path) -> list[str]:
    """List the files of a directory, without hidden ones, logs and temporary files."""
    names = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    return [name for name in names if not OF_NOBODY.fullmatch(name) and not store.LEFT.fullmatch(name)]
