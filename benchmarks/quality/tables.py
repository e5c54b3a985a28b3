"""Results of benchmarks of accuracy as JSON and as Markdown: rows with means and deviations, and aims."""

from collections.abc import Sequence
from typing import Any

from benchmarks.quality.arm import Row
from benchmarks.race.results import about, aims_of
from data.manifest import Manifest

COLUMNS = {
    "test": "test, %",
    "dev": "dev, %",
    "parameters": "parameters",
    "table": "of tables",
    "megabytes": "MB",
    "steps": "steps",
    "train_rows": "rows/s, training",
    "predict_rows": "rows/s, answering",
    "p50_ms": "one text, ms",
}


def result_of(name: str, rows: Sequence[Row], *, seconds: float, cache: Manifest) -> dict[str, Any]:
    """Begin a result: what was measured, where, when, and of which cache."""
    return about(name) | {
        "seconds": round(seconds, 1),
        "cache": {"root": cache.root, "rows": cache.rows},
        "rows": [row.values for row in rows],
        "aims": {},
    }


def show(result: dict[str, Any]) -> str:
    """Rows and aims as Markdown, under a line that says where they were measured."""
    place = result["machine"]
    rows = sorted(result["rows"], key=lambda row: row["test"])
    used = [name for name in COLUMNS if any(name in row for row in rows)]
    lines = [
        f"**{result['name']}** — {place['processor']}, {place['cores']} cores, {result['date']} UTC, "
        f"{result['commit']}; a cache of {result['cache']['rows']:,} rows",
        "",
        f"| model | seeds | {' | '.join(COLUMNS[name] for name in used)} |",
        "|" + "---|" * (len(used) + 2),
    ]
    for row in rows:
        lines.append(f"| {row['arm']} | {row['seeds']} | {' | '.join(cell(row, name) for name in used)} |")
    if result["aims"]:
        lines += ["", *aims_of(result)]
    return "\n".join(lines)


def cell(row: dict[str, Any], name: str) -> str:
    """A value of a row as a person reads it; accuracies in percent with their deviation."""
    value = row.get(name)
    if value is None:
        return ""
    if name in ("dev", "test"):
        spread = row.get(f"{name}_std")
        return f"{100 * value:.1f}" + (f" ± {100 * spread:.1f}" if spread else "")
    return f"{value:,.0f}" if value >= 100 or isinstance(value, int) else f"{value:.3g}"
