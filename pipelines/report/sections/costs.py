"""What each phase cost: wall seconds, rows per second, peak memory."""

from typing import Any

from data.layout import SEED
from pipelines.report.gather import Run
from pipelines.report.pages import pictures
from pipelines.report.pages.document import Block, Paragraph, Picture, Section, Table
from pipelines.screen.loglines import duration

FIRST = ("teach", "augment", "check", "cache", "trial")
LAST = ("evaluate", "rivals", "bench")
SPELLED = {"seconds": "wall s", "rows": "rows", "rows_per_second": "rows/s", "peak_megabytes": "peak MB"}


def section(run: Run) -> Section | None:
    """Lay out phases.json; without it, what the phases' own manifests noted."""
    rows = _recorded(run) or _noted(run)
    if not rows:
        return None
    seconds = {row["phase"]: float(row["seconds"]) for row in rows if row["seconds"]}
    total = duration(sum(seconds.values()))
    blocks: list[Block] = [Paragraph(f"All phases together took {total}.")]
    if seconds:
        labels = [duration(value) for value in seconds.values()]
        svg = pictures.bars(seconds, labels, x_label="wall seconds")
        said = "; ".join(f"{name} {label}" for name, label in zip(seconds, labels, strict=True))
        blocks.append(Picture("phases", "Wall time of each phase", "", svg, said))
    blocks.append(Table("Phases", _spelled(rows)))
    return Section("What it cost", tuple(blocks))


def _recorded(run: Run) -> list[dict[str, Any]]:
    def place(name: str) -> tuple[int, int, str]:
        arm = name.removeprefix("train ")
        if name in FIRST:
            return (0, FIRST.index(name), name)
        return (2, LAST.index(name), name) if name in LAST else (1, run.tone(arm), name)

    return [
        {"phase": name}
        | {key: record.get(key) for key in SPELLED}
        | ({} if record.get("finished") else {"state": "unfinished"})
        for name, record in sorted(run.phases.items(), key=lambda item: place(item[0]))
    ]


def _noted(run: Run) -> list[dict[str, Any]]:
    held = {"teach": run.teacher, "augment": run.examples, "cache": run.cache}
    held |= {
        f"train {arm.name} {name.removeprefix(SEED) if len(arm.seeds) > 1 else ''}".strip(): seed
        for arm in run.arms
        for name, seed in arm.seeds.items()
    }
    return [
        {
            "phase": name,
            "seconds": manifest.report.get("seconds"),
            "rows": manifest.rows or None,
            "rows_per_second": manifest.report.get("rows_per_second"),
            "peak_megabytes": manifest.report.get("peak_memory_bytes", {}).get("host", 0) / 1e6 or None,
        }
        for name, manifest in held.items()
        if manifest is not None
    ]


def _spelled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Name the columns for a person; a column that nothing is known of stays out."""
    known = {key for row in rows for key, value in row.items() if value is not None}
    return [{SPELLED.get(key, key): value for key, value in row.items() if key in known} for row in rows]
