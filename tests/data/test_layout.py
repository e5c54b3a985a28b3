"""A name of the disk is written once: in `data/layout.py`, or in the one module that alone knows the file."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from data import layout
from tests.test_layers import MODULES, ROOT, SCRIPTS, name_of, tree_of

LAYOUT = "data/layout.py"
PLACE = re.compile(r"^[a-z]+(?=/)|(?<=/)[a-z]+(?=/|$)")
FILE = re.compile(r"\.?[A-Za-z_]+(-\{\}|-\*)?\.(json|jsonl|toml|parquet|safetensors|lock|html|md|bits)")
FOLDERS = {layout.CLAIMS, layout.COMMITS, layout.ENCODED, layout.FILES, layout.LAST_STEP, layout.MEASURED}
FOLDERS |= {layout.QUARANTINE, layout.REPORT, layout.WORK}
STARTS = (layout.SEED, layout.ASIDE)


def strings_of(path: Path) -> Iterator[str]:
    """Constants of a module and pieces of f-strings, a pattern's backslashes taken out; no docstring, no sentence."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            yield node.value.replace("\\", "")


def operands_of(path: Path) -> Iterator[str]:
    """What is put behind a slash: `out / "files"`, f"{out}/files"."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant):
            yield str(node.right.value)
        if isinstance(node, ast.JoinedStr):
            pieces = [piece.value for piece in node.values if isinstance(piece, ast.Constant)]
            yield from (word for piece in pieces for word in PLACE.findall(str(piece)))


def test_a_file_is_named_in_one_module() -> None:
    found: dict[str, set[str]] = {}
    for path in MODULES:
        for string in strings_of(path):
            if FILE.fullmatch(string):
                found.setdefault(string, set()).add(name_of(path))
    assert "MANIFEST.json" in found
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_a_folder_is_named_by_the_layout_alone() -> None:
    for path in (path for path in MODULES if name_of(path) not in {LAYOUT, *SCRIPTS}):
        assert not FOLDERS & set(operands_of(path)), f"{name_of(path)}: take the folder's name from {LAYOUT}"
        starting = [string for string in strings_of(path) if string.startswith(STARTS)]
        assert starting == [], f"{name_of(path)}: take what names start with from {LAYOUT}"


def test_names_of_numbered_files_are_those_that_are_looked_for() -> None:
    sha256 = "ab" * 32
    assert layout.PART.fullmatch(layout.part_name(7)) and layout.part_name(7) == "part-00007.parquet"
    found = layout.SHARD.fullmatch(layout.shard_name(123_456, sha256))
    assert found and found.groups() == ("123456", sha256[:16])
    folder, _, record = layout.record_name(7).partition("/")
    assert folder == layout.COMMITS and layout.RECORD.fullmatch(record)
    assert not layout.PART.fullmatch(layout.shard_name(7, sha256))


@pytest.mark.parametrize(
    "name", ["MANIFEST", "SETTINGS", "QUARANTINE", "CLAIMS", "PLAN", "COMMITS", "FILES", "WORD_TABLE", "STATUS"]
)
def test_names_in_a_cache_stand_in_its_documentation(name: str) -> None:
    assert getattr(layout, name) in (ROOT / "docs" / "CACHE_FORMAT.md").read_text("utf-8")


def test_words_of_the_status_stand_in_the_documentation_together() -> None:
    said = (ROOT / "docs" / "CACHE_FORMAT.md").read_text("utf-8").partition("holds `state` (")[2].partition(")")[0]
    for word in (layout.RUNNING, layout.SEALED, layout.WAITING, layout.STOPPED, layout.FAILED):
        assert word in said
