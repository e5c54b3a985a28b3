"""Read a Hugging Face dataset, from the hub or from a directory of `save_to_disk`: address → rows.

`hf:NAME[:config][@split]` and `disk:PATH[@split]`; without a split, `train` or the only one. Class labels become
their names (see `class_names.py`).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data.errors import BAD_DATA, NO_INPUT, PotstillError
from data.readers.formats.named import name_of, names_of
from data.readers.source import Row, Source

PREFIXES = ("hf:", "disk:")


def read_rows(source: Source) -> Iterator[Row]:
    """Stream the rows of a dataset; `Row.line` counts rows from 1."""
    rows = open_rows(str(source.path))
    names = names_of(rows.features)
    for number, values in enumerate(rows, start=1):
        for column, words in names.items():
            values[column] = name_of(values[column], words, f"{source.at(number)}, column {column!r}")
        yield Row(number, values)


def read_names(source: Source) -> dict[str, tuple[str, ...]]:
    """Read the class names in a dataset's metadata: column -> names in the order of their ids."""
    return names_of(open_rows(str(source.path)).features)


def split_name(address: str) -> tuple[str, str | None, str | None]:
    """Parse an address: `hf:glue:sst2@validation` -> (glue, sst2, validation); `disk:DIR` -> (DIR, None, None)."""
    prefix, _, rest = address.partition(":")
    name, at, split = rest.rpartition("@")
    if not at:
        name, split = rest, ""
    config = ""
    if prefix == "hf":
        name, _, config = name.partition(":")
    if not name:
        raise PotstillError(f"{address!r} names no dataset", hint="hf:NAME[:config][@split] or disk:PATH[@split]")
    return name, config or None, split or None


def open_rows(address: str) -> Any:
    """Open the chosen split of a dataset."""
    try:
        import datasets
    except ImportError:
        raise PotstillError(
            f"reading {address} needs the package datasets", hint="pip install 'potstill[hf]'"
        ) from None
    name, config, split = split_name(address)
    if address.startswith("disk:"):
        if not Path(name).is_dir():
            raise PotstillError(f"{name} is not a directory", code=NO_INPUT)
        loaded = _load(address, lambda: datasets.load_from_disk(name))
    else:
        loaded = _load(address, lambda: datasets.load_dataset(name, config))
    return _choose(address, loaded, split)


def _load(address: str, load: Any) -> Any:
    # The library raises dozens of classes here (missing, offline, no such config, script datasets): its own words
    # are the best explanation, and none of them is a bug of ours.
    try:
        return load()
    except Exception as error:
        raise PotstillError(f"{address} cannot be opened: {error}", code=NO_INPUT) from error


def _choose(address: str, loaded: Any, split: str | None) -> Any:
    if not isinstance(loaded, dict):
        if split is not None:
            raise PotstillError(f"{address}: the dataset has no splits", hint=f"leave out @{split}", code=BAD_DATA)
        return loaded
    wanted = split or ("train" if "train" in loaded else next(iter(loaded)) if len(loaded) == 1 else None)
    if wanted not in loaded:
        asked = f"no split {split!r}" if split else "several splits"
        raise PotstillError(f"{address} has {asked}", hint=f"splits: {', '.join(loaded)}; write {address}@SPLIT")
    return loaded[wanted]
