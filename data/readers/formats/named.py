"""Class labels as the Hugging Face library `datasets` stores them: ids in the column, names in the metadata."""

from collections.abc import Mapping, Sequence
from typing import Any

from data.errors import BAD_DATA, PotstillError


def names_of(features: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return column -> class names in the order of their ids. features: of the library `datasets`, or their JSON."""
    found = {}
    for column, feature in features.items():
        names = feature.get("names") if isinstance(feature, Mapping) else getattr(feature, "names", None)
        if isinstance(names, Sequence) and names and all(isinstance(name, str) for name in names):
            found[column] = tuple(names)
    return found


def name_of(value: Any, names: Sequence[str], where: str) -> Any:
    """Return the name of an id; -1 and a missing value are no label. Errors: an id without a name (BAD_DATA)."""
    if value is None or value != value or value == -1:
        return None
    if not isinstance(value, int | float):
        return value
    if value != int(value) or not 0 <= value < len(names):
        raise PotstillError(
            f"{where} holds {value}, the file names the ids 0 to {len(names) - 1}: {', '.join(names[:8])}",
            code=BAD_DATA,
        )
    return names[int(value)]
