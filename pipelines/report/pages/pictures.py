"""Drawings of a report: numbers → SVG text, by matplotlib without its global state.

A drawing is as wide as a phone (`WIDTH` units), so that its letters stay readable there; a wide screen shows several
side by side. Its colours are those of `palette.py`; a page replaces them by its own.
"""

import html
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from pipelines.report.pages.palette import INK, MUTED, PAPER, PLAIN, STYLE, colour_of, recoloured

WIDTH = 400  # units of 1/72 inch; a unit is a CSS pixel where the drawing is shown 400 wide
MARKERS, PLAIN_MARKERS = "DosP^vX", "x+1"
LONGEST, LONGEST_IN_LEGEND = 26, 44  # letters of a name in a drawing


@dataclass(frozen=True)
class Line:
    """A curve; curves of one name share a legend entry, `tone` is the number of the colour."""

    name: str
    tone: int
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Panel:
    """Curves over one pair of axes, and a level to compare them with: (name, value)."""

    title: str
    lines: Sequence[Line]
    level: tuple[str, float] | None = None


@dataclass(frozen=True)
class Point:
    """A model: its place on the x axis, its score and the score's spread over seeds.

    area: what the area of its mark shows, where it is known; plain: no network, in the colour of such
    """

    name: str
    tone: int
    x: float
    y: float
    spread: float = 0.0
    area: float = 0.0
    plain: bool = False


def curves(panels: Sequence[Panel], *, x_label: str, height: int = 230, legend: bool = True) -> str:
    """Draw panels of curves below each other; `height` of each."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(len(panels), height * len(panels))
        seen: dict[str, Any] = {}
        for panel, at in zip(panels, axes, strict=True):
            for line in panel.lines:
                short: Any = {"marker": "o", "markersize": 3.5} if len(line.x) < 15 else {}
                (drawn,) = at.plot(line.x, line.y, color=colour_of(line.tone), linewidth=1.6, alpha=0.85, **short)
                seen.setdefault(line.name, drawn)
            if panel.level:
                name, value = panel.level
                seen.setdefault(name, at.axhline(value, color=colour_of(0), linewidth=1.4, linestyle=(0, (4, 3))))
            at.set_title(panel.title)
            at.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            at.xaxis.set_major_formatter(FuncFormatter(_short))
        axes[-1].set_xlabel(x_label)
        if legend:
            _legend(figure, list(seen.values()), list(seen))
        return _svg(figure)


def bars(values: Mapping[str, float], labels: Sequence[str], *, x_label: str, tones: Sequence[int] = ()) -> str:
    """Draw one horizontal bar a name, its label at the end; `tones` where the bars are models."""
    with matplotlib.rc_context(STYLE):
        figure, (at,) = _axes(1, 62 + 27 * len(values))
        places = range(len(values))
        colours = [colour_of(number) for number in tones] or PLAIN
        at.barh(places, list(values.values()), color=colours, height=0.62)
        for place, value, label in zip(places, values.values(), labels, strict=True):
            at.annotate(label, (value, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=11)
        at.set_yticks(places, [_brief(name) for name in values])
        at.tick_params(axis="y", labelcolor=INK)
        at.invert_yaxis()
        at.grid(axis="y", visible=False)
        at.set_xlim(0, max([*values.values(), 1e-9]) * 1.24)  # room for the labels
        at.xaxis.set_major_locator(MaxNLocator(4))
        at.xaxis.set_major_formatter(FuncFormatter(_short))
        at.set_xlabel(x_label)
        return _svg(figure)


def histogram(edges: Sequence[float], shares: Mapping[str, Sequence[float]], *, x_label: str) -> str:
    """Draw the share of rows in percent between each two edges, one outline a group (two at most)."""
    with matplotlib.rc_context(STYLE):
        figure, (at,) = _axes(1, 240)
        drawn = []
        for colour, share in zip((colour_of(0), PLAIN), shares.values(), strict=False):
            drawn.append(at.stairs(share, edges, color=colour, linewidth=1.8, baseline=0))
            at.stairs(share, edges, fill=True, color=colour, alpha=0.13, baseline=0)
        at.set_title("% of rows")
        at.set_xlabel(x_label)
        at.xaxis.set_major_locator(MaxNLocator(6))
        at.set_ylim(bottom=0)
        _legend(figure, drawn, list(shares))
        return _svg(figure)


def models(points: Sequence[Point], *, x_label: str, y_label: str, level: tuple[str, float] | None = None) -> str:
    """Draw models by a cost (logarithmic x) and their score, with the score's spread; level: (name, score) of none."""
    with matplotlib.rc_context(STYLE):
        figure, (at,) = _axes(1, 250)
        drawn: list[Any] = []
        largest, plain = max(point.area for point in points), cycle(PLAIN_MARKERS)
        for point in points:
            drawn.append(
                at.errorbar(
                    [point.x],
                    [point.y],
                    yerr=[point.spread] if point.spread else None,
                    color=PLAIN if point.plain else colour_of(point.tone),
                    marker=next(plain) if point.plain else MARKERS[point.tone % len(MARKERS)],
                    markersize=_side(point.area, largest),
                    capsize=4,
                    linestyle="none",
                )
            )
        names = [point.name for point in points]
        if level:
            drawn.append(at.axhline(level[1], color=PLAIN, linewidth=1.4, linestyle=(0, (4, 3))))
            names.append(level[0])
        at.set_xscale("log")
        at.margins(x=0.12, y=0.18)
        low, high = at.get_xlim()
        steps = (1.0,) if high / low > 30 else (1.0, 2.0, 5.0)
        at.xaxis.set_major_locator(LogLocator(subs=steps))
        at.xaxis.set_major_formatter(FuncFormatter(_short))
        at.xaxis.set_minor_formatter(NullFormatter())
        at.set_title(y_label)
        at.set_xlabel(x_label)
        _legend(figure, drawn, names)
        return _svg(figure)


def _side(area: float, largest: float) -> float:
    """The side of a mark whose area grows with a number; none is too small to be seen."""
    return max(6.0, 16.0 * (area / largest) ** 0.5) if area else 9.0


def scatter(clouds: Sequence[Line], *, x_label: str, y_label: str) -> str:
    """Draw one cloud of points a panel, with the line where both scores are equal."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(len(clouds), 290 * len(clouds))
        for cloud, at in zip(clouds, axes, strict=True):
            at.scatter(cloud.x, cloud.y, s=26, color=colour_of(cloud.tone), alpha=0.55, linewidths=0)
            ends = [min(cloud.x, default=0.0), max(cloud.x, default=1.0)]
            at.plot(ends, ends, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
            at.set_title(cloud.name)
            at.set_ylabel(y_label)
            at.set_xlabel(x_label)
        return _svg(figure)


def inline(svg: str, name: str, about: str) -> str:
    """Make a drawing part of a page: its ids its own, its colours the page's, its content said in words."""
    return recoloured(_opened(svg, name, about))


def standing_alone(svg: str, name: str, about: str) -> str:
    """Make a drawing a file of its own on white paper."""
    opened = _opened(svg, name, about)
    head, rest = opened.split(">", 1)
    return f'{head} xmlns="http://www.w3.org/2000/svg"><rect width="100%" height="100%" fill="{PAPER}"/>{rest}\n'


def _opened(svg: str, name: str, about: str) -> str:
    said = f'role="img" aria-label="{html.escape(about)}" stroke-linejoin="round"'
    own = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    return own.replace("<svg ", f"<svg {said} ", 1)


def _axes(panels: int, height: float) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(WIDTH / 72, height / 72), layout="constrained")
    return figure, list(figure.subplots(panels, 1, squeeze=False)[:, 0])


def _legend(figure: Figure, drawn: Sequence[Any], names: Sequence[str]) -> None:
    """Name the colours above the drawing, in as many columns as fit; more than one row makes it higher."""
    names = [_brief(name, LONGEST_IN_LEGEND) for name in names]
    longest = max((len(name) for name in names), default=1)
    columns = max(1, min(len(names), int(WIDTH // (7 * longest + 44))))
    rows = -(-len(names) // columns)
    figure.set_figheight(figure.get_figheight() + 17 * (rows - 1) / 72)
    figure.legend(drawn, names, loc="outside upper left", ncols=columns, handlelength=1.6, columnspacing=1.4)


def _brief(name: str, longest: int = LONGEST) -> str:
    """Cut a name that would leave no room for the drawing; its ends differ more often than its middle."""
    return name if len(name) <= longest else f"{name[: longest - 13]}…{name[-12:]}"


def compact(value: float) -> str:
    """Write a count in few letters: 10.8M, 704k, 96."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.3g}{letter}"
    return f"{value:.3g}"


def _short(value: float, place: int | None = None) -> str:
    """Write a tick."""
    return compact(value) if abs(value) >= 1e3 else f"{value:g}"


def _svg(figure: Figure) -> str:
    """Write the figure as one bare <svg> element: no prolog, no fixed size, no style sheet, no address of others."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
    box = re.search(r'viewBox="[^"]*"', text)
    assert box is not None
    text = re.sub(r"<svg[^>]*>", f"<svg {box.group()}>", text, count=1)
    return text.replace("xlink:href", "href")
