"""The rules of the house, held: who imports whom, how long things may be, what must stand nowhere."""

import ast
import graphlib
import os
import resource
import subprocess
import sys
import warnings
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]
ROOMS = ("augment", "data", "pipelines", "student_train", "teacher_cache")
PHASES = ("augment", "student_train", "teacher_cache")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
HEAVY = ("torch", "transformers", "spacy", "nltk", "polars", "pyarrow", "sklearn", "scipy", "matplotlib", "jieba")
LONG_FUNCTIONS = {("student_train/loop/steps.py", "train_steps")}
SCRIPTS = {"augment/tagger_en/train.py"}  # run by hand, not part of the package's work
PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_phases_import_only_data_and_never_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def imports_of(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """All imports of a module, those in functions too; not those for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif not (isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")):
            yield from imports_of(node)


def meant_by(node: ast.Import | ast.ImportFrom, modules: Collection[str]) -> set[str]:
    """The modules of ours that an import loads: `from a import b` is a.b where that is a module, else a."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names} & set(modules)
    names = {f"{node.module}.{alias.name}" for alias in node.names}
    return {name if name in modules else node.module or "" for name in names} & set(modules)


def graph_of(files: Iterable[Path]) -> dict[str, set[str]]:
    """Module → the modules that it loads, at once or when one of its functions is called."""
    found = {name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in files}
    return {
        name: {one for node in imports_of(tree_of(path)) for one in meant_by(node, found)} - {name}
        for name, path in found.items()
    }


def test_no_import_circle_stands_anywhere() -> None:
    graph = graph_of([*MODULES, *(ROOT / "benchmarks").rglob("*.py")])
    assert {"data.store", "pipelines.phases"} <= graph["pipelines.steps.order"]
    assert "teacher_cache.launch.worker" in graph["teacher_cache.launch.processes"]  # imported in a function
    graphlib.TopologicalSorter(graph).prepare()  # CycleError names the modules


def test_modules_have_at_most_400_lines_and_should_have_at_most_250() -> None:
    lengths = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    for name, lines in lengths.items():
        if lines > 250:
            warnings.warn(f"{name} has {lines} lines, should have at most 250", stacklevel=1)
    assert {name: lines for name, lines in lengths.items() if lines > 400} == {}


def lines_of(function: ast.FunctionDef) -> int:
    """Lines from the first statement on: a signature and a docstring may be as long as they need."""
    first = function.body[1] if ast.get_docstring(function) and len(function.body) > 1 else function.body[0]
    return (function.end_lineno or 0) - first.lineno + 1


def test_functions_have_at_most_40_lines() -> None:
    found = {
        (name_of(path), node.name): lines_of(node)
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef) and lines_of(node) > 40
    }
    assert found.keys() <= LONG_FUNCTIONS, found


def test_every_module_says_what_it_is() -> None:
    silent = [name_of(path) for path in MODULES if path.name != "__init__.py" and not ast.get_docstring(tree_of(path))]
    assert silent == []


def test_commands_reach_the_rooms_through_the_hall_alone() -> None:
    """Phases and upkeep are the hall's doors; what a command takes from a room itself are the fields of its config."""
    found = {
        (name_of(path), node.module)
        for path in (ROOT / "pipelines" / "commands").rglob("*.py")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in PHASES
    }
    assert {(name, module) for name, module in found if not module.endswith(".config")} == set()


def test_nothing_prints_but_the_console() -> None:
    printing = {
        name_of(path)
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert printing - SCRIPTS == set()


def test_no_pickle_and_no_torch_load_stand_anywhere() -> None:
    found = []
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Import):
                found += [name_of(path) for alias in node.names if alias.name.partition(".")[0] in PICKLES]
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PICKLES:
                found.append(name_of(path))
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("torch.load", "torch.save"):
                found.append(name_of(path))
    assert found == []


def test_code_of_a_model_directory_is_never_run() -> None:
    trusting = [
        name_of(path)
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.keyword) and node.arg == "trust_remote_code" and ast.unparse(node.value) != "False"
    ]
    assert trusting == []


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["run", "--help"], ["predict", "--help"]])
def test_help_loads_no_heavy_library(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom pipelines.cli import run\n"
        f"assert run({arguments!r}) == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stderr.strip().splitlines()[-1] == "[]"


def test_help_is_fast() -> None:
    def seconds() -> float:
        """Processor time, not wall time: other work on the machine does not count."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "pipelines.cli", "--help"], capture_output=True, cwd=ROOT, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 0.6  # 0.21 s on an idle core


def console_script() -> str:
    script = Path(sys.executable).with_name("potstill")
    if not script.exists():
        pytest.skip("the console script is not installed (pip install -e .)")
    return str(script)


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A working directory with a `data` package of the user's own."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "__init__.py").write_text("raise RuntimeError('this is the data package of the user')\n")
    return tmp_path


def test_console_script_ignores_a_data_package_in_the_working_directory(foreign: Path) -> None:
    done = subprocess.run([console_script(), "--help"], cwd=foreign, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_phases_in_processes_of_their_own_ignore_it_too(foreign: Path) -> None:
    script = console_script()
    code = (
        "from pipelines.steps.apart import run_apart\nfrom pipelines.recipes.files import find_recipe\n"
        "def work(progress):\n    return find_recipe('demo').stem\n"
        "if __name__ == '__main__':\n    print(run_apart(work, {}).result)\n"
    )
    (foreign / "bin").mkdir()
    (foreign / "bin" / "main.py").write_text(code)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    python = Path(script).with_name("python")
    done = subprocess.run(
        [python, "bin/main.py"], cwd=foreign, capture_output=True, text=True, env=environment, check=False
    )
    assert done.stdout.strip() == "demo", done.stderr
