"""Identify an input by its content, not by its name or place: path or address -> hash, the same in every phase.

The hash of a file is over its bytes, of a dataset over its tables, of a model over its config, weights and tokenizer
files; a sealed directory has its root. A renamed copy is the same input; a file that was changed is another one.
"""

import os
from pathlib import Path
from typing import Any

from data import store
from data.errors import BAD_DATA, NO_INPUT, PotstillError
from data.guards.model import TOKENIZER_FILES, check_files, find_model
from data.guards.sizes import INDEX
from data.layout import CONFIG, MANIFEST
from data.manifest import seal_of
from data.readers.examples import columns_of
from data.readers.formats.hub import PREFIXES, open_rows
from data.readers.rows import format_of
from data.readers.source import Source
from data.store import hash_file as hash_file

SCRATCH = "scratch"  # `-m scratch` or `-m scratch:4x256`: a small encoder of random weights
SCRATCH_SIZE = "4x256"  # layers and width, where no size is named
NAMED = ("text", "pair", "label")  # fields of a source that `columns_of` resolves


def of_source(source: Source) -> str:
    """Hash a source's content and how it is read. Columns count as resolved: naming them or not makes no difference."""
    said = {name: value for name, value in vars(source).items() if name not in ("path", *NAMED) and value is not None}
    columns = {name: getattr(found, name) for found in [columns_of(source)] for name in NAMED}
    content = {"content": fingerprint(source.path), "columns": columns}
    return store.digest_of(_plain(said) | content | {"format": format_of(source)})


def of_model(name: str | Path) -> str:
    """Hash the files of a model: a directory, or a model of the hub in the revision that is downloaded.

    A model with random weights (`scratch:4x256`) has no files yet: its identity is its name.
    """
    if is_scratch(name):
        return str(name)
    return store.digest_of(model_content(find_model(name)))


def is_scratch(name: str | Path) -> bool:
    """Tell whether a name asks for a new model with random weights."""
    return str(name).partition(":")[0] == SCRATCH and not Path(name).exists()


def model_content(path: Path) -> dict[str, dict[str, Any]]:
    """Return size and hash of each file of a model directory that counts: config, weights, tokenizer."""
    check_files(path)
    return {
        name: {"bytes": (path / name).stat().st_size, "sha256": hash_file(path / name)} for name in model_names(path)
    }


def model_names(path: Path) -> list[str]:
    """List the config, weight and tokenizer files of a model directory, sorted."""
    present = [name for name in (CONFIG, INDEX, *TOKENIZER_FILES) if (path / name).exists()]
    return sorted({*present, *(file.name for ending in ("safetensors", "model") for file in path.glob(f"*.{ending}"))})


def fingerprint(place: str | Path) -> str:
    """Hash what is at a place: a file, a dataset (`hf:`, `disk:`), a model, a sealed directory, a hub model.

    Errors: nothing is there (NO_INPUT); a pipe, which can be read only once (BAD_DATA).
    """
    if str(place).startswith(PREFIXES):
        rows = open_rows(str(place))  # its columns and the bytes of its tables, or what its library says of it
        files = [hash_file(Path(file["filename"])) for file in rows.cache_files]
        return store.digest_of([str(rows.features), files or rows._fingerprint])
    path = Path(place)
    if path.is_dir():
        return _directory(path)
    if path.is_file():
        return hash_file(path)
    if path.exists():
        raise PotstillError(
            f"{place} is a pipe or a device: what was read of it cannot be told a second time",
            hint="write it to a file first",
            code=BAD_DATA,
        )
    if path.suffix[1:].isalpha() or str(place).startswith((".", "/", "~")):
        raise PotstillError(f"{place} is not there", code=NO_INPUT)
    return of_model(str(place))


def _directory(path: Path) -> str:
    """Return the root of a sealed directory, the hash of a model's files, or a hash over the roots of several seeds."""
    own = seal_of(path)
    if (path / CONFIG).is_file() and (own is None or own["kind"] == "teacher"):
        return store.digest_of(model_content(path))
    if own is not None:
        return str(own["root"])
    if roots := {seal.parent.name: (seal_of(seal.parent) or {}).get("root") for seal in path.glob(f"*/{MANIFEST}")}:
        return store.digest_of(roots)
    return store.digest_of({str(file.relative_to(path)): hash_file(file) for file in _files(path)})


def _files(path: Path) -> list[Path]:
    found = [Path(folder) / name for folder, _, names in os.walk(path) for name in names]
    return sorted(file for file in found if file.is_file())


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Values as JSON has them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
