"""The directory of a model while it is made: one writer, and a seal that publishes all files at once.

    sealing-<process>-<random>/   the finished files, each flushed to the disk, MANIFEST.json among them
    SEALING                       names such a folder, put only where none is: from here on nothing can be lost

Then the files are moved to their places, the manifest last. Whoever finds `SEALING` ends the move, so a writer may be
killed at any point, and of two writers on a file system without locks one wins and the other leaves its files alone.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from data import store
from data.errors import PotstillError
from data.layout import CHECKPOINT, ENCODED, MANIFEST, SCRATCH, SEALING, SEED, STAGE
from data.running.claims import only_writer
from student_train.models.encoders.scratch import clear_tokenizer


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Hold the directory as its only writer (TRY_AGAIN if another holds it) and remove leftovers of killed writers."""
    with only_writer(out) as alone:
        _publish(out)
        for path in _left_by_killed(out) if alone else ():
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        yield


def tidy(out: Path) -> None:
    """Remove what is left beside a finished model, where its writer was killed just behind the seal.

    A place that may only be read, or that another process works in, stays as it is.
    """
    names = (CHECKPOINT, ENCODED, SEALING, SCRATCH.format("*"))
    if _left_by_killed(out) or any(next(out.glob(name), None) for name in names):
        with suppress(OSError, PotstillError), writing(out):
            clear(out)
    tidy_seeds(out)


def tidy_seeds(out: Path) -> None:
    """Do so for the finished students of several seeds: each one's directory has a writer of its own."""
    for seal in sorted(out.glob(f"{SEED}*/{MANIFEST}")):
        tidy(seal.parent)


def clear(out: Path) -> None:
    """Remove what only an unfinished model needs: several times the size of the student."""
    (out / CHECKPOINT).unlink(missing_ok=True)
    clear_tokenizer(out)
    shutil.rmtree(out / ENCODED, ignore_errors=True)


@contextmanager
def sealing(out: Path) -> Iterator[Path]:
    """Yield a folder to write a model and its manifest into; when the block ends well they become those of `out`.

    Where another writer has sealed the directory meanwhile, its model stays and this one is dropped.
    """
    stage = out / f"sealing-{os.getpid()}-{secrets.token_hex(4)}"
    stage.mkdir(parents=True)
    try:
        yield stage
        for path in (*stage.rglob("*"), stage):
            store.flush(path)
        store.put(out / SEALING, stage.name.encode())
        _publish(out)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _publish(out: Path) -> None:
    """Move the files of the folder that `SEALING` names to their places, unless the directory is sealed already."""
    name = ""
    with suppress(FileNotFoundError):  # another writer that ended the same move has removed it
        name = (out / SEALING).read_text()
    if STAGE.fullmatch(name) and not (out / MANIFEST).exists():
        stage = out / name
        for path in sorted(path for path in stage.rglob("*") if path.is_file() and path != stage / MANIFEST):
            _move(path, out / path.relative_to(stage))
        _move(stage / MANIFEST, out / MANIFEST)
    (out / SEALING).unlink(missing_ok=True)


def _move(path: Path, target: Path) -> None:
    """Move a file to its place; another writer that ends the same move may have been faster."""
    target.parent.mkdir(exist_ok=True)
    with suppress(FileNotFoundError):
        path.replace(target)
        store.flush(target.parent)


def _left_by_killed(out: Path) -> list[Path]:
    """Folders that were to be sealed, and temporary files; a seed's own directory has a writer of its own."""
    stages = [path for path in out.glob("sealing-*") if STAGE.fullmatch(path.name) and path.is_dir()]
    left = [path for path in store.leftovers(out) if not path.relative_to(out).parts[0].startswith(SEED)]
    return stages + [path for path in left if not any(path.is_relative_to(stage) for stage in stages)]
