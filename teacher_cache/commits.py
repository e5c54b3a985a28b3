"""Which shards are done: `commits/00000.json`, written after its shard, is the only sign that a shard exists."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from data import store
from data.errors import PotstillError
from data.manifest import Part, check_part


def commit_path(directory: Path, index: int) -> Path:
    return directory / "commits" / f"{index:05d}.json"


def write_commit(directory: Path, index: int, part: Part, *, plan: str, report: dict[str, Any]) -> None:
    """Declare a written shard done. plan: digest of the plan it was computed under; report: its measurements."""
    store.write_json(commit_path(directory, index), {**asdict(part), "plan": plan, "report": report})


def read_commit(directory: Path, index: int, *, plan: str, source: Part, whole: bool) -> tuple[Part, dict] | str:
    """Return a shard's entry and its report, or say why it has to be computed.

    source: the examples part that it answers: rows and ids must be the same. whole: compare every byte.
    "" means that it was never begun.
    """
    path = commit_path(directory, index)
    if not path.exists():
        return ""
    try:
        values = store.read_json(path)
        part = Part(**{name: values[name] for name in Part.__dataclass_fields__})
        if values["plan"] != plan or (part.rows, part.ids) != (source.rows, source.ids):
            return f"{path} belongs to another plan"
        check_part(directory, part, whole=whole)
    except PotstillError as error:
        return error.message
    except (KeyError, TypeError) as error:
        return f"{path} is not a commit record: {error!r}"
    return part, values["report"]
