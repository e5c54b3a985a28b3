"""A fresh machine: what is installed is what is imported, every version is pinned, and make does nothing twice."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("augment", "data", "pipelines", "student_train", "teacher_cache")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PINS = [line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if not line.startswith("#")]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(requirements: list[str]) -> set[str]:
    return {canonical(re.split(r"[^\w.-]", line)[0]) for line in requirements}


def imported() -> set[str]:
    """Distributions that any module of the rooms imports."""
    names = set()
    for path in (path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add((node.module or "").partition(".")[0])
    foreign = names - set(sys.stdlib_module_names) - set(ROOMS)
    owners = packages_distributions()
    return {canonical(owners.get(name, [name])[0]) for name in foreign}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    optional = [line for name in ("zh", "hf", "ray", "s3", "emd") for line in PROJECT["optional-dependencies"][name]]
    assert imported() == declared(PROJECT["dependencies"]) | declared(optional)


def test_constraints_pin_everything_and_name_no_place() -> None:
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in PINS), PINS
    names = [canonical(line.partition("==")[0]) for line in PINS]
    assert len(names) == len(set(names)) and names == sorted(names)
    asked = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]
    assert declared(asked) <= set(names)


def test_the_packages_of_the_distribution_are_all_that_there_are() -> None:
    built = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    folders = {path.parent for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    found = {folder.relative_to(ROOT).as_posix().replace("/", ".") for folder in folders}
    assert set(built) == found


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert text.lstrip().startswith("Apache License\n")
    sections = re.findall(r"^   (\d)\. ", text, re.MULTILINE)
    assert sections == list("123456789")
    assert "END OF TERMS AND CONDITIONS" in text and text.rstrip().endswith("limitations under the License.")


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A folder with what make looks at."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return subprocess.run(["make", *arguments], cwd=folder, env=alone, capture_output=True, text=True, check=False)


def installed(folder: Path, *stamps: str) -> None:
    (folder / ".venv").mkdir(exist_ok=True)
    for name in stamps:
        (folder / ".venv" / name).touch()


def test_make_alone_lists_the_targets(fresh: Path) -> None:
    said = make(fresh).stdout
    assert all(f"make {target}" in said for target in ("demo", "test", "test-slow", "check", "docs", "clean"))


def test_make_installs_once_and_again_when_the_versions_change(fresh: Path) -> None:
    assert "pip install" in make(fresh, "-n", "demo").stdout
    installed(fresh, ".for-demo")
    assert make(fresh, "-n", "demo").stdout.split() == [".venv/bin/potstill", "demo"]
    assert "zh,hf,sentencepiece,dev" in make(fresh, "-n", "setup").stdout
    installed(fresh, ".for-dev")
    assert "pip" not in make(fresh, "-n", "test").stdout
    for stamp in (".for-demo", ".for-dev"):
        (fresh / ".venv" / stamp).unlink()
    installed(fresh, ".for-demo", ".for-dev")
    (fresh / "constraints.txt").write_text("typer==0.1\n")
    assert "pip install" in make(fresh, "-n", "test").stdout


def test_make_clean_removes_caches_and_keeps_the_environment_and_the_runs(fresh: Path) -> None:
    kept = [fresh / name / "__pycache__" for name in (".venv/lib", "runs/x")]
    gone = [fresh / name for name in ("data/__pycache__", "build", ".mypy_cache", "potstill.egg-info")]
    for folder in (*kept, *gone):
        folder.mkdir(parents=True)
    assert make(fresh, "clean").returncode == 0
    assert all(folder.exists() for folder in kept)
    assert not any(folder.exists() for folder in gone) and (fresh / "data").exists()


def test_an_old_python_is_refused_with_a_clear_message(fresh: Path) -> None:
    old = fresh / "python2"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2"\nexit 1\n')
    old.chmod(0o755)
    ended = make(fresh, "demo", "PYTHON=./python2")
    assert ended.returncode != 0
    assert "potstill needs Python 3.11 or newer; ./python2 is: Python 3.9.2" in ended.stdout
    assert "make demo PYTHON=python3.12" in ended.stdout
    assert not (fresh / ".venv").exists()


def test_the_script_of_the_build_server_is_runnable_bash() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
