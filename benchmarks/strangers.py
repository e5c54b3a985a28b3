"""`potstill distil` as it is, on data sets that nothing was tuned on: the student that it takes, and its rivals.

python -m benchmarks.strangers [--sets mrpc,stsb] [--budget 10]
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.quality.strange_sets import SETS, Files
from benchmarks.race.arm import ROOT
from benchmarks.race.results import about, add_aim, aims_of
from data import store
from pipelines.scores import rivals

TEACHER, LABELS = "teacher", "labels-"
OUT = "strangers.json"
HEADS = ("set", "metric", "TF-IDF, labels", "TF-IDF, teacher's labels", "labels alone", "student", "best by dev")
HEADS += ("teacher", "way, %", "budget, min", "taken, min")


def main() -> None:
    made = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    made.add_argument("--sets", help=f"names with ; between, of: {'; '.join(SETS)}")
    made.add_argument("--model", default="demo", help="the encoder that is fine-tuned")
    made.add_argument("--budget", default="0", help="minutes that distil may take for each")
    made.add_argument("--seeds", default="0,1,2", help="students of each arm")
    made.add_argument("--settings", action="append", default=[], help="KEY=VALUE for --set of distil; repeatable")
    made.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the data sets")
    made.add_argument("--work", type=Path, default=ROOT / "runs" / "strangers", help="where the runs are kept")
    made.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results", help=f"where {OUT} goes")
    values = made.parse_args()
    path = values.out / OUT
    rows = {row["set"]: row for row in (store.read_json(path)["rows"] if path.is_file() else [])}
    for name in values.sets.split(";") if values.sets else SETS:
        rows[name] = distilled(name, values)
        store.write_json(path, result := result_of([*rows.values()]))
    print(show(result))


def distilled(name: str, values: argparse.Namespace) -> dict[str, Any]:
    """Run the command on one set, or go on with it, and take its scores from what it kept."""
    work = values.work / name.replace(", ", "-").replace(" ", "-")
    files, started = SETS[name](values.data, work / "data"), time.monotonic()
    subprocess.run(command_of(files, work / "run", values), cwd=ROOT, check=True, stdout=sys.stderr)
    row = row_of(name, store.read_json(work / "run" / "results.json"), time.monotonic() - started)
    return row | {"budget": float(values.budget)}


def command_of(files: Files, out: Path, values: argparse.Namespace) -> list[str]:
    asked = ["distil", str(files.train), "--dev", str(files.dev), "--test", str(files.test)]
    asked += ["--unlabelled", str(files.unlabelled)] if files.unlabelled else []
    asked += [
        *files.options,
        "-m",
        files.model or values.model,
        "-o",
        str(out),
        "--budget",
        values.budget,
        "--set",
        f"train.seeds=[{values.seeds}]",
        *(word for setting in values.settings for word in ("--set", setting)),
    ]
    return [sys.executable, "-m", "pipelines.cli", *asked]


def row_of(name: str, results: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Test scores of teacher, rivals, students on labels alone and the student that is best on dev."""
    rows = {row["model"]: row for row in results["rows"]}
    labels = [row for model, row in rows.items() if model.startswith(LABELS)]
    others = (TEACHER, *rivals.NAMES)
    students = [row for model, row in rows.items() if model not in others and row not in labels]
    best = max(students, key=lambda row: row["dev"])
    found = {"set": name, "metric": results["metric"], "seconds": round(seconds), "student": best["model"]}
    found |= {"teacher": rows[TEACHER]["test"], "test": best["test"], "seeds": best["seeds"]}
    found |= {"test_std": best.get("test_std", 0.0), "error": error_of(best)}
    found |= {"labels": max(row["test"] for row in labels) if labels else None}
    for key, rival in (("tfidf", rivals.ON_LABELS), ("tfidf_teacher", rivals.ON_TEACHER)):
        found[key] = rows[rival]["test"] if rival in rows else None
    found["advice"] = results.get("advice", "")
    return found


def error_of(row: dict[str, Any]) -> float:
    """Standard error over the seeds of a student's test score."""
    return float(row.get("test_std", 0.0) / max(1, row["seeds"]) ** 0.5)


def result_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """All sets that were measured, and the aims over them."""
    result = about("strangers") | {"rows": rows, "aims": {}}
    for row in rows:
        for key, rival in (("tfidf_teacher", "TF-IDF on the teacher's labels"), ("labels", "labels alone")):
            if row[key] is not None:
                more = 100 * (row["test"] + row["error"] - row[key])
                add_aim(result, f"{row['set']}: student + its error - {rival}, points", more, least=0)
    shares = [share for row in rows if (share := share_of(row)) is not None]
    if shares:
        add_aim(result, "median share of the way, %", 100 * statistics.median(shares), least=70)
    return result


def share_of(row: dict[str, Any]) -> float | None:
    """How much of the way from labels alone to the teacher the student has gone; None where there is no way."""
    if row["labels"] is None or row["teacher"] <= row["labels"]:
        return None
    return float((row["test"] - row["labels"]) / (row["teacher"] - row["labels"]))


def show(result: dict[str, Any]) -> str:
    """Sets and aims as Markdown."""
    lines = [
        f"**strangers** — {result['machine']['processor']}, {result['date']} UTC, {result['commit']}",
        "",
        f"| {' | '.join(HEADS)} |",
        "|" + "---|" * len(HEADS),
    ]
    for row in result["rows"]:
        share = share_of(row)
        cells = [row["set"], row["metric"], *(percent(row[key]) for key in ("tfidf", "tfidf_teacher", "labels"))]
        cells += [f"{percent(row['test'])} ± {percent(row['test_std'])}", row["student"], percent(row["teacher"])]
        cells += ["–" if share is None else f"{100 * share:.0f}", f"{row['budget']:g}", f"{row['seconds'] / 60:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *aims_of(result)])


def brief(result: dict[str, Any]) -> str:
    """The table of README.md: what a user would get, what would have done without a student, and what was advised."""
    lines = ["| data | TF-IDF | labels alone | distilled student | teacher |", "|---|---|---|---|---|"]
    for row in result["rows"]:
        student = f"**{percent(row['test'])}** ± {percent(row['test_std'])} (`{row['student']}`)"
        rivals = (row[key] for key in ("tfidf", "tfidf_teacher") if row[key] is not None)
        cells = [
            row["set"],
            percent(max(rivals, default=None)),
            percent(row["labels"]),
            student,
            percent(row["teacher"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    said = [f"- {row['set']}: {row['advice']}" for row in result["rows"]]
    return "\n".join([*lines, "", "The sentence that each of them ended with:", "", *said])


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


if __name__ == "__main__":
    main()
