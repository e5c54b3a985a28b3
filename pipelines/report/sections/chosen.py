"""What was chosen from the data for this run, each with its reason, and about how long that was to take."""

from typing import Any

from data.layout import CHOSEN
from pipelines.auto.facts import sentence
from pipelines.auto.kept import read_chosen, shown
from pipelines.report.gather import Run
from pipelines.report.pages.document import Paragraph, Section, Table


def section(run: Run) -> Section | None:
    """The choices as a table. None where every number was named."""
    chosen = read_chosen(run.path)
    if chosen is None:
        return None
    about = f"From {sentence(chosen.facts)}. The recipe with these numbers is {CHOSEN}."
    return Section(
        "What was chosen",
        (Paragraph(about), Table("Choices", shown(chosen.filled)), _estimate(run, chosen.filled.minutes)),
    )


def _estimate(run: Run, minutes: dict[str, float]) -> Table:
    """The estimate beside what each phase took."""
    measuring = [run.phases.get(name, {}).get("seconds") for name in ("evaluate", "rivals", "bench")]
    took: dict[str, Any] = {name: record.get("seconds") for name, record in run.phases.items()}
    took["measure"] = sum(seconds or 0.0 for seconds in measuring) or None
    rows = [
        {
            "phase": name,
            "estimated minutes": f"{value:.1f}",
            "taken": "–" if took.get(name) is None else f"{took[name] / 60:.1f}",
        }
        for name, value in minutes.items()
    ]
    return Table("Estimate", rows, folded=True)
