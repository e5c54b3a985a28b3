"""How the training texts were multiplied: by length, by operation, and what was dropped and why."""

from collections import Counter
from typing import Any

from data.errors import PotstillError
from data.layout import TRIED
from pipelines.report.gather import Run
from pipelines.report.pages import pictures
from pipelines.report.pages.document import Block, Paragraph, Picture, Section, Table
from pipelines.scores.trial import read_verdict
from pipelines.screen.console import cell
from pipelines.screen.show import as_rows

MOST = 12  # bars of a drawing


def section(run: Run) -> Section | None:
    """Show what the augment phase made. None without examples."""
    if run.examples is None or "originals" not in run.examples.report:
        return None
    report = run.examples.report
    about = (
        f"{report['originals']:,} original texts became {report['rows']:,} rows, "
        f"{cell(float(report['factor']))} for each: {report['synthetic']:,} of them made by the augmenter "
        f"(n_iter {run.examples.config.get('n_iter', '?')}, tagger {report.get('tagger', 'none')}). "
        f"{_dropped(report)}"
    )
    blocks: list[Block] = [Paragraph(about)]
    if (run.path / TRIED).is_file():
        blocks.append(Paragraph(f"Tried before the students were trained: {_tried(run)}."))
    lengths = [row for row in as_rows(report["by_length"]) if row["originals"]]
    if lengths:
        blocks.append(_by_length(lengths))
    if report["by_op"]:
        blocks.append(_by_op(report))
    blocks.append(Table("By number of words of the original", [_named(row, "words") for row in lengths], folded=True))
    if report["dropped"]:
        rows = [{"reason": name.replace("_", " "), "rows": count} for name, count in report["dropped"].items()]
        rows.sort(key=lambda row: -int(row["rows"]))
        blocks.append(Table("Dropped rows by reason", rows))
    return Section("Augmentation", tuple(blocks))


def _tried(run: Run) -> str:
    try:
        return read_verdict(run.path / TRIED).sentence
    except (PotstillError, TypeError, KeyError):
        return "the record of it cannot be read"


def _dropped(report: dict[str, Any]) -> str:
    if not report["dropped"]:
        return "No row was dropped."
    return f"{sum(report['dropped'].values()):,} candidates were dropped."


def _by_length(lengths: list[dict[str, Any]]) -> Picture:
    factors = {f"{row['']} word{'s' * (row[''] != '1')}": float(row["factor"]) for row in lengths}
    labels = [f"{row['factor']:.1f} ×" for row in lengths]
    svg = pictures.bars(factors, labels, x_label="rows for each original text")
    said = "; ".join(f"{name} {label}" for name, label in zip(factors, labels, strict=True))
    return Picture(
        "by-length",
        "Multiplicity by length",
        "Originals by their number of words.",
        svg,
        said,
    )


def family(op: str) -> str:
    """Which operations were at work, whichever text of a pair they hit: `A:mask|B:pos+mask` -> `mask+pos`."""
    sides = (side.rpartition(":")[2] for side in op.split("|"))
    return "+".join(sorted({name for side in sides for name in side.split("+")}))


def _by_op(report: dict[str, Any]) -> Picture:
    counts: Counter[str] = Counter()
    for op, rows in report["by_op"].items():
        counts[family(op)] += rows
    few = dict(counts.most_common(MOST))
    if rest := counts.total() - sum(few.values()):
        few["others"] = rest
    labels = [f"{count:,} ({count / max(report['rows'], 1):.0%})" for count in few.values()]
    svg = pictures.bars(few, labels, x_label="rows")
    said = "; ".join(f"{name} {label}" for name, label in zip(few, labels, strict=True))
    return Picture("by-op", "Rows by operation", "Several operations may be at work in one row.", svg, said)


def _named(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {name: row[""]} | {key: value for key, value in row.items() if key}
