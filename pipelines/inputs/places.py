"""File names given by the user → places, examples and sealed directories for the phases."""

import tomllib
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from data import manifest
from data.errors import NO_INPUT, PotstillError
from data.example import Example
from data.layout import CONFIG, MANIFEST, SETTINGS
from data.readers.examples import read
from data.readers.identity import is_scratch, of_model
from data.readers.said import FileReport
from data.readers.source import Source
from data.tasks.task import Task
from pipelines.inputs.addresses import said_of

DEMO = "demo:"  # demo:train, demo:dev, demo:test and demo:unlabelled are the embedded reviews
DEMO_TEACHER = "demo"
BASE = "base"  # as the vectors of a student in a recipe: those of the encoder that the teacher was fine-tuned from
REMOTE = ("hf:", "disk:")


def locate(path: str) -> str | Path:
    """Turn a name into a place: `demo:train` into the embedded file, a dataset address or a path into itself.

    Columns given behind the name (`FILE::text=2`) are left out.
    """
    path = said_of(path)[0]
    if path.startswith(DEMO):
        from data.demo.files import demo_files

        files, name = demo_files(), path.removeprefix(DEMO)
        if name not in files:
            raise PotstillError(
                f"no embedded data {path!r}", hint=f"there is: {', '.join(DEMO + key for key in files)}"
            )
        return files[name]
    return path if path.startswith(REMOTE) else Path(path)


def locate_teacher(name: str) -> str:
    """Turn `demo` into the folder of the offline teacher, unless a model lies in `demo/`; a path or hub name stays."""
    if name != DEMO_TEACHER or (Path(name) / CONFIG).is_file():
        return name
    from data.demo.files import demo_teacher

    return str(demo_teacher())


def locate_base(teacher: str) -> str | None:
    """The encoder that a finished teacher was fine-tuned from, by its `potstill.toml`; None where that is not known,
    or where it is not the same any more.
    """
    settings = Path(teacher) / SETTINGS
    if not settings.is_file():
        return None
    try:
        place = locate_teacher(str(tomllib.loads(settings.read_text("utf-8"))["teach"]["model"]))
        same = manifest.read_manifest(Path(teacher), "teacher").made_from["model"] == of_model(place)
    except (PotstillError, KeyError, TypeError, ValueError):
        return None
    return place if same and not is_scratch(place) else None


def texts_of(
    sources: Sequence[Source],
    task: Task,
    *,
    split: str,
    role: str = "",
    tell: Callable[[FileReport], object] | None = None,
) -> Iterator[Example]:
    """Stream several files one after the other; `tell` is called with what each was read as, under `role`."""
    return chain.from_iterable(read(source, task, split=split, role=role, tell=tell) for source in sources)


def sealed(directory: Path) -> manifest.Manifest:
    """Open a sealed directory of any kind."""
    seal = manifest.seal_of(directory)
    if seal is None:
        where = "is not a finished directory" if directory.is_dir() else "is not there"
        raise PotstillError(f"{directory} {where} (no {MANIFEST})", code=NO_INPUT)
    return manifest.read_manifest(directory, seal["kind"])
