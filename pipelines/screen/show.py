"""A manifest, or any nested result, as facts and tables on the screen."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.manifest import Manifest
from data.readers.said import KEY, FileReport
from pipelines.screen.console import Console, cell

HIDDEN = ("versions",)  # kept in the manifest, of no use on the screen


def show_manifest(console: Console, out: Path, manifest: Manifest) -> None:
    """Show what a finished directory holds and what its phase measured."""
    facts: dict[str, Any] = {"task": manifest.task.kind}
    if manifest.task.labels:
        facts["labels"] = ", ".join(manifest.task.labels)
    if manifest.task.positive_class and "dev" in manifest.report:
        facts["f1 is of"] = manifest.task.positive_class
    if manifest.parts:
        facts["megabytes"] = sum(part.bytes for part in manifest.parts) / 1e6
    if manifest.rows:
        facts["rows"] = manifest.rows
    report = {name: value for name, value in manifest.report.items() if name not in (*HIDDEN, KEY)}
    show_report(console, f"{manifest.kind}: {out}", report, facts=facts)


def show_files(console: Console, manifest: Manifest) -> None:
    """Show what the files were read as, a line each."""
    for values in manifest.report.get(KEY, []):
        console.say(FileReport.from_dict(values).line)


def show_report(console: Console, title: str, report: Mapping[str, Any], *, facts: Mapping[str, Any]) -> None:
    """Show single values and small groups of them as facts, and what is larger as one table each."""
    single = {name: flat(value) for name, value in report.items() if _small(value)}
    console.facts(title, {**facts, **single})
    for name, value in report.items():
        if name not in single and value:
            console.table(as_rows(value), title=name)


def _small(value: Any) -> bool:
    """Tell what fits on one line: single values, and up to four of them together."""
    if isinstance(value, Mapping):
        return len(value) <= 4 and not any(isinstance(item, (Mapping, list, tuple)) for item in value.values())
    return not isinstance(value, (list, tuple))


def as_rows(value: Any) -> list[dict[str, Any]]:
    """Lay out a nested value: a list of dicts as it is, a dict of dicts with its keys in front, else two columns."""
    keyed = isinstance(value, Mapping)
    items = [({"": key}, item) for key, item in _in_order(value)] if keyed else [({}, item) for item in value]
    rows = [key | (dict(item) if isinstance(item, Mapping) else {"value": item}) for key, item in items]
    return [{name: flat(item) for name, item in row.items()} for row in rows]


def flat(value: Any) -> Any:
    """Write what is nested deeper in one cell."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {cell(flat(item))}" for key, item in value.items())
    return ", ".join(cell(flat(item)) for item in value) if isinstance(value, (list, tuple)) else value


def _in_order(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Sort keys such as `2`, `4-5`, `11-20` by their number; a stored manifest has them in the order of letters."""
    starts = [key.partition("-")[0].rstrip("+") for key in value]
    if not all(start.isdigit() for start in starts):
        return list(value.items())
    return sorted(value.items(), key=lambda item: int(item[0].partition("-")[0].rstrip("+")))
