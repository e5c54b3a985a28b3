"""Write the newest results into docs/BENCHMARKS.md, between its two marks: `python -m benchmarks.tables`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import methods, strangers
from benchmarks.quality import pairs
from benchmarks.quality import tables as quality
from benchmarks.race.arm import ROOT
from benchmarks.race.results import table_of
from benchmarks.whole import phases_table
from data import store

RESULTS, PAGE = ROOT / "benchmarks" / "results", ROOT / "docs" / "BENCHMARKS.md"
ORDER = ("teacher", "train", "infer", "stream", "augment", "whole", "gpu")
ACCURACY: dict[str, Callable[[dict[str, Any]], str]] = {
    "students": quality.show,
    "strangers": strangers.show,
    "retention": quality.show,
    "methods": methods.show,
    "pairs": pairs.show,
}
BEGIN, END = "<!-- tables: written by python -m benchmarks.tables -->", "<!-- end of tables -->"


README = ROOT / "README.md"
FIRST, LAST = "<!-- strangers: written by python -m benchmarks.tables -->\n", "<!-- end of strangers -->\n"


def main() -> None:
    store.write_text(PAGE, page())
    store.write_text(README, readme())


def readme() -> str:
    """README.md with the newest results of data sets that nothing was tuned on between its marks."""
    before, _, rest = README.read_text("utf-8").partition(FIRST)
    _, _, after = rest.partition(LAST)
    return before + FIRST + strangers.brief(store.read_json(RESULTS / "strangers.json")) + "\n" + LAST + after


def page() -> str:
    """The page with the newest results between its marks."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    found = [section(RESULTS / f"{name}.json") for name in (*ORDER, *ACCURACY) if (RESULTS / f"{name}.json").exists()]
    return before + BEGIN + "\n\n" + "\n\n".join(found) + "\n\n" + END + after


def section(path: Path) -> str:
    result = store.read_json(path)
    text = f"### {path.stem}\n\n`{result['command']}`\n\n{ACCURACY.get(path.stem, table_of)(result)}"
    if result.get("phases"):
        text += "\n" + phases_table(result)
    if path.with_suffix(".svg").exists():
        text += f"\n\n![{path.stem}](../benchmarks/results/{path.stem}.svg)"
    return text


if __name__ == "__main__":
    main()
