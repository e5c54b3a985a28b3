"""The colours and letters of the drawings, and how a page makes the colours its own."""

from typing import Any

INK, MUTED, GRID, PAPER = "#24292f", "#646c76", "#dcddd8", "#fffffe"
TONES = ("#565f6b", "#1f6fb4", "#c4590f", "#2b8a57", "#8a54af", "#b0364d")  # 0: teacher; then students
PLAIN = "#0d8686"  # what is no model
VARIABLES = {INK: "ink", MUTED: "muted", GRID: "line", PAPER: "paper", PLAIN: "plain"} | {
    colour: f"tone-{number}" for number, colour in enumerate(TONES)
}
STYLE: Any = {
    "svg.fonttype": "none",  # letters stay letters: sharp, searchable, in the font of the page
    "svg.hashsalt": "potstill",  # equal drawings are equal bytes
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 11.5,
    "axes.labelsize": 11.5,
    "axes.titlesize": 11.5,
    "axes.titlelocation": "left",
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.edgecolor": GRID,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


def colour_of(number: int) -> str:
    """The colour of a model by its number; with many students colours return."""
    return TONES[number] if number < len(TONES) else TONES[1 + (number - 1) % (len(TONES) - 1)]


def recoloured(svg: str) -> str:
    """Write the colours as variables of the page: `var(--ink)`, `var(--tone-1)`."""
    for colour, name in VARIABLES.items():
        svg = svg.replace(colour, f"var(--{name})")
    return svg
