"""Results as one JSON file, one table on the screen and one picture.

    {name, date, command, machine, versions, threads, load, settings, parity, arms, skipped, ratios, aims, rounds, …}

`ratios` is {rival: {median, low, high}}: how many times faster ours is by the clock; `cpu_ratios` the same by CPU time,
which other work on the machine disturbs less. `rounds` holds every single measurement.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.race.options import Options
from benchmarks.race.ratios import Spread, rates_of, ratio
from benchmarks.race.rounds import Race
from benchmarks.watch import machine
from data import store
from data.errors import PotstillError


def result_of(name: str, options: Options, *, settings: dict[str, Any] | None = None) -> dict[str, Any]:
    """Begin a result: where, when and with what it is measured."""
    return about(name) | {
        "quick": options.quick,
        "versions": machine.versions(),
        "threads": options.threads,
        "load": {"before": machine.load()},
        "settings": {"rounds": options.rounds, "rows": options.rows, **(settings or {})},
        "arms": {},
        "skipped": {},
        "ratios": {},
        "cpu_ratios": {},
        "aims": {},
        "rounds": [],
    }


def about(name: str) -> dict[str, Any]:
    """Which command a result is of, when and where it was measured."""
    return {
        "name": name,
        "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "command": " ".join(["python -m", f"benchmarks.{name}", *(arg.rpartition("/")[2] for arg in sys.argv[1:])]),
        "commit": machine.commit(),
        "machine": machine.describe_machine(),
    }


def add_race(result: dict[str, Any], found: Race, ours: str, about: dict[str, str], *, unit: str = "rows/s") -> None:
    """Put a race into a result: the arms' rates, cold times, and ours against each of the others."""
    if ours in found.skipped:
        raise PotstillError(f"our own arm failed: {found.skipped[ours]}", hint="its traceback stands above")
    result["rounds"] += found.rounds
    result["skipped"] |= found.skipped
    for arm in dict.fromkeys(entry["arm"] for entry in found.rounds):
        rates = list(rates_of(found.rounds, arm).values())
        entries = found.of(arm)
        result["arms"][arm] = {
            "about": about.get(arm, ""),
            "unit": unit,
            "rate": Spread.of(rates).to_dict(),
            "rows": entries[-1]["rows"],
            "cold_seconds": entries[0].get("cold_seconds"),
        }
        if arm != ours:
            result["ratios"][arm] = ratio(found.rounds, ours, arm).to_dict()
            result["cpu_ratios"][arm] = ratio(found.rounds, ours, arm, per="cpu_rate").to_dict()


def add_aim(
    result: dict[str, Any], name: str, value: float, *, least: float | None = None, most: float | None = None
) -> None:
    """Hold a number against its aim."""
    reached = (least is None or value >= least) and (most is None or value <= most)
    aim = " and ".join(
        text for text in (least is not None and f"≥ {least:g}", most is not None and f"≤ {most:g}") if text
    )
    result["aims"][name] = {"value": round(value, 4), "aim": aim, "reached": reached}


def finish(result: dict[str, Any], options: Options) -> Path:
    """Print the table, write the JSON and the picture; return the JSON's path."""
    result["load"]["after"] = machine.load()
    print()
    print(table_of(result))
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"{result['name']}.json"
    store.write_json(path, result)
    draw(result, path.with_suffix(".svg"))
    print(f"\n{path}")
    return path


def table_of(result: dict[str, Any]) -> str:
    """Arms and aims as Markdown, under a line that says where they were measured."""
    about, load = result["machine"], result["load"]
    where = (
        f"{about['processor']}, {about['cores']} cores ({', '.join(about['flags'])}), {result['threads']} threads, "
        f"{result['settings']['rounds']} rounds, load {load['before']} → {load.get('after', '?')}, {result['date']} UTC"
        + (f", {result['commit']}" if result.get("commit") else "")
    )
    lines = [f"**{result['name']}** — {where}", ""]
    if result["arms"]:
        lines += ["| arm | rate | ours is faster by | by CPU time | cold s | what it is |", "|---|---|---|---|---|---|"]
    for name, arm in result["arms"].items():
        rate, times, cpu = arm["rate"], result["ratios"].get(name), result["cpu_ratios"].get(name)
        faster = f"{times['median']:.3g}× ({times['low']:.3g}–{times['high']:.3g})" if times else ""
        cold = f"{arm['cold_seconds']:.1f}" if arm.get("cold_seconds") is not None else ""
        worked = f"{cpu['median']:.3g}×" if cpu else ""
        median = f"{_number(rate['median'])} {arm['unit']}"
        lines.append(f"| {name} | {median} | {faster} | {worked} | {cold} | {arm['about']} |")
    lines += [f"| {name} | left out | | | | {why} |" for name, why in result["skipped"].items()]
    if result["aims"]:
        lines += [*([""] if lines[-1] else []), *aims_of(result)]
    lines += ["", *(f"- {line}" for line in result.get("remarks", []))] if result.get("remarks") else []
    return "\n".join(lines)


def aims_of(result: dict[str, Any]) -> list[str]:
    """The aims as lines of a Markdown table; none where there are no aims."""
    if not result["aims"]:
        return []
    rows = [
        f"| {name} | {aim['aim']} | {aim['value']:.4g} | {'yes' if aim['reached'] else 'no'} |"
        for name, aim in result["aims"].items()
    ]
    return ["| aim | wanted | measured | |", "|---|---|---|---|", *rows]


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw the arms' rates as bars with their spread, on a logarithmic scale."""
    arms = list(result["arms"].items())[::-1]
    if not arms:
        return
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "potstill", "font.size": 9})
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 0.9 + 0.32 * len(arms)), layout="constrained")
    medians = [arm["rate"]["median"] for _, arm in arms]
    spread = [
        [arm["rate"]["median"] - arm["rate"]["low"] for _, arm in arms],
        [arm["rate"]["high"] - arm["rate"]["median"] for _, arm in arms],
    ]
    colours = ["#3b6ea5" if name.startswith("ours") else "#b0b0b0" for name, _ in arms]
    axes.barh([name for name, _ in arms], medians, xerr=spread, color=colours, ecolor="#333333", capsize=2)
    axes.set_xscale("log")
    axes.set_xlabel(f"{arms[0][1]['unit']} (median and spread of {result['settings']['rounds']} rounds)")
    for place, value in enumerate(medians):
        axes.annotate(f" {_number(value)}", (value, place), va="center", xytext=(4, 0), textcoords="offset points")
    axes.margins(x=0.15)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def draw_lines(series: Mapping[str, Sequence[tuple[float, float]]], labels: tuple[str, str], path: Path) -> None:
    """Draw curves over the number of rows, both scales logarithmic. series: name -> (rows, value)."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "potstill", "font.size": 9})
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
    for name, points in series.items():
        axes.loglog(*zip(*points, strict=True), marker="o", label=name)
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
