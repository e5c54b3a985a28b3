"""What each phase cost: wall seconds, rows per second, peak memory."""

from typing import Any

from pipelines.loglines import duration
from pipelines.report import pictures
from pipelines.report.document import Block, Paragraph, Picture, Section, Table
from pipelines.report.gather import Run

FIRST = ("teach", "augment", "cache")
LAST = ("evaluate", "bench")


def section(run: Run) -> Section | None:
    """Lay out phases.json; without it, what the phases' own manifests noted."""
    rows = _recorded(run) or _noted(run)
    if not rows:
        return None
    seconds = {row["phase"]: float(row["seconds"]) for row in rows if row["seconds"]}
    total = duration(sum(seconds.values()))
    blocks: list[Block] = [Paragraph(f"All phases together took {total}. The teacher ran over the texts once.")]
    if seconds:
        labels = [duration(value) for value in seconds.values()]
        svg = pictures.bars(seconds, labels, x_label="wall seconds", tones=[3])
        said = "; ".join(f"{name} {label}" for name, label in zip(seconds, labels, strict=True))
        blocks.append(Picture("phases", "Wall time of each phase", f"{said}.", svg))
    shown = [{key: value for key, value in row.items() if value is not None} for row in rows]
    blocks.append(Table("Phases", [_spelled(row) for row in shown]))
    return Section("What it cost", tuple(blocks))


def _recorded(run: Run) -> list[dict[str, Any]]:
    def place(name: str) -> tuple[int, int, str]:
        arm = name.removeprefix("train ")
        if name in FIRST:
            return (0, FIRST.index(name), name)
        return (2, LAST.index(name), name) if name in LAST else (1, run.tone(arm), name)

    keys = ("seconds", "rows", "rows_per_second", "peak_megabytes")
    return [
        {"phase": name} | {key: run.phases[name].get(key) for key in keys} | {"state": _state(run.phases[name])}
        for name in sorted(run.phases, key=place)
    ]


def _state(record: dict[str, Any]) -> str:
    return "finished" if record.get("finished") else "unfinished"


def _noted(run: Run) -> list[dict[str, Any]]:
    held = {"teach": run.encoder, "augment": run.examples, "cache": run.cache}
    held |= {
        f"train {arm.name} {name.removeprefix('seed-') if len(arm.seeds) > 1 else ''}".strip(): seed
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


def _spelled(row: dict[str, Any]) -> dict[str, Any]:
    names = {"seconds": "wall s", "rows_per_second": "rows/s", "peak_megabytes": "peak MB"}
    return {names.get(key, key): value for key, value in row.items()}
