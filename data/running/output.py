"""Where a phase may write: a place that is free, or that the same kind of phase began. Anything else is refused (78).

Every phase asks here first, before it writes a byte: a finished set, cache or model is never written over by another
phase, nor a directory of somebody else's, such as a model that was downloaded.
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
    STATUS,
    VOCABULARY,
    WORK,
)
from data.manifest import seal_of

# What shows whose an unfinished directory is: names of files and folders that only this kind of phase makes.
BEGUN = {
    "cache": re.compile(f"{re.escape(PLAN)}|{COMMITS}|{SHARD.pattern}"),
    "examples": re.compile(WORK),
    "teacher": re.compile(r"examples"),
    "student": re.compile(
        f"{ENCODED}|{re.escape(METRICS)}|{LAST_STEP}|{re.escape(CHECKPOINT)}|{SEALING}|{STAGE.pattern}|{SEED}\\d+"
    ),
}
# The same of a directory whose seal cannot be read: files that others have too.
SEALED = {
    "examples": PART,
    "student": re.compile(re.escape(VOCABULARY)),
    "teacher": re.compile(re.escape(CONFIG)),
}
# What tells nothing: hidden files, what a shell wrote beside a command, what any of our phases may leave.
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
    """Refuse (STALE) to write what `kind` names into a directory of something else. Nothing is changed.

    kind: examples, cache, teacher, student, or run (a folder that holds directories of all kinds).
    known: names of files that what is made consists of, so that some of them may be there already.
    """
    if out.exists() and not out.is_dir():
        raise PotstillError(f"{out} is a file, not a directory", hint="name a directory with -o", code=USAGE)
    for above in list(out.resolve().parents)[:3]:
        if (found := _sealed_as(above)) is not None and found != "students":
            raise PotstillError(f"{out} lies within {above}, which holds {NAMES[found]}", hint=HINT, code=STALE)
    if kind == "run":
        _refuse_old_run(out)
    names = [name for name in _names(out) if name not in known]  # listed first: who begins here now is one of ours
    there = _sealed_as(out) if kind == "run" else kind_of(out)
    if there is None and kind != "run" and names:
        listed = ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
        raise PotstillError(f"{out} is not empty and was not made by potstill: {listed}", hint=HINT, code=STALE)
    if there and there.removesuffix("s") != kind.removesuffix("s"):
        aim = f"not {NAMES[kind]}" if kind in NAMES else "not a run"
        raise PotstillError(f"{out} holds {NAMES[there]}, {aim}", hint=HINT, code=STALE)


def kind_of(directory: Path) -> str | None:
    """What a directory holds, finished or begun: examples, cache, teacher, student, students.

    "" where that cannot be told yet of one of ours; None where nothing is, or somebody else's.
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
    """Whether `examples/` in a directory is a set of its own; the rows that a teacher learns from have no config."""
    examples = directory / "examples"
    try:
        seal = seal_of(examples)
    except (PotstillError, OSError):
        seal = None
    return (examples / WORK).exists() or bool(seal and seal.get("config"))


def _sealed_as(directory: Path) -> str | None:
    """The kind that a seal names; None where none can be read, or it is not of ours. Errors: another format (STALE)."""
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
    """What stands in a directory and is somebody's."""
    names = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    return [name for name in names if not OF_NOBODY.fullmatch(name) and not store.LEFT.fullmatch(name)]
