"""The pages say what is true: their commands exist, their snippets run, every name that can be chosen stands there."""

import ast
import dataclasses
import importlib
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType, SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
import typer

from augment.config import AugmentConfig
from data import errors
from data.tasks.task import Task
from pipelines.cli import app
from student_train.config import TeachConfig, TrainConfig
from teacher_cache.config import CacheConfig
from tests.test_layers import ROOMS, tree_of

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TOUR = DOCS / "TOUR.md"
README, FORMAT, ADDING, CLI = ROOT / "README.md", DOCS / "CACHE_FORMAT.md", DOCS / "ADDING.md", DOCS / "CLI.md"
PAGES = [README, *sorted(DOCS.glob("*.md"))]
NAMES = [path.name for path in PAGES]
CONFIGS = {"augment": AugmentConfig, "cache": CacheConfig, "train": TrainConfig, "teach": TeachConfig}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def blocks(page: Path, language: str = "python") -> list[str]:
    return [body for name, body in FENCE.findall(page.read_text("utf-8")) if name == language]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", page.read_text("utf-8"))


def spoken(page: Path) -> set[str]:
    """Everything a page writes as `code` in its text."""
    return set(re.findall(r"`([^`\n]+)`", prose(page)))


def keys_of(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


# What stands on disk. One small run is made, and the page is held to it.


ENTERED: set[CodeType] = set()  # functions that the run called


@contextmanager
def watched() -> Iterator[None]:
    """Note every function that is called, also in threads that are started meanwhile."""

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            ENTERED.add(frame.f_code)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
@watched()
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `runs/x/` of a whole run: 40 texts, a teacher of two layers, a student of eight states."""
    import torch

    from data.demo.files import demo_files
    from data.progress import Silent
    from pipelines import phases
    from pipelines.inputs.reading import Reading

    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("docs")
    for split, rows in (("train", 40), ("dev", 16)):
        lines = demo_files()[split].read_text("utf-8").splitlines(keepends=True)
        (root / f"{split}.tsv").write_text("".join(lines[: rows + 1]), "utf-8")
    reading, x = Reading(), root / "runs" / "x"
    dev = reading.source(str(root / "dev.tsv"))
    files = phases.Files(reading, reading.source(str(root / "train.tsv")), dev, exclude=(dev,))
    about: dict[str, Any] = {"progress": Silent()}
    teach = TeachConfig(epochs=1, threads=1, device="cpu")
    phases.teach(config=teach, files=files, model="scratch:2x32", out=x / "teacher", **about)
    augment = AugmentConfig(n_iter=2, p_pos=0.0, workers=1)
    phases.augment(config=augment, files=files, out=x / "examples", **about)
    signals = ("logits", "input_ids", "cls", "mean", "hidden", "qkv", "gram")
    cache = CacheConfig(signals=signals, layers=(2,), dtype="float32", device="cpu", threads=1)
    phases.cache(config=cache, examples=x / "examples", teacher=str(x / "teacher"), out=x / "cache", **about)
    train = TrainConfig(hidden=8, dense=8, steps=2, threads=1, device="cpu")
    phases.train(config=train, caches=[x / "cache"], dev=dev, out=x / "student", **about)
    return root


@pytest.mark.parametrize("page", [README, FORMAT], ids=lambda page: page.name)
def test_every_python_block_runs(page: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run)
    assert blocks(page)
    for body in blocks(page):
        exec(compile(body, str(page), "exec"), {})  # noqa: S102


def test_all_readers_of_the_format_page_see_the_same_numbers(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run)
    found = {}
    for body in blocks(FORMAT):
        space: dict[str, Any] = {}
        exec(body, space)  # noqa: S102
        found[re.findall(r"^import (duckdb|pandas|pyarrow|polars|json)", body, re.MULTILINE)[0]] = space
    ours, theirs = found["json"]["table"]["cls.2"].to_numpy(), found["pyarrow"]["cls"]
    assert theirs.shape == (len(theirs), 32)
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(found["pandas"]["cls"], theirs)
    np.testing.assert_array_equal(found["pandas"]["logits"], found["pyarrow"]["logits"])
    np.testing.assert_array_equal(found["polars"]["vectors"], theirs[:100])
    np.testing.assert_array_equal(found["polars"]["states"][0], theirs[0])  # cls is the state of the first sub-word
    np.testing.assert_array_equal([row[0] for row in found["pyarrow"]["rows"]], theirs)
    logits = found["pyarrow"]["logits"]
    for _, label, lean in found["duckdb"]["wrong"]:
        assert (lean > 0) != (label == 1) and np.isclose(logits[:, 1] - logits[:, 0], lean).any()


@pytest.mark.parametrize("name", ["examples", "cache", "student"])
def test_the_format_page_names_every_file(name: str, run: Path) -> None:
    text = FORMAT.read_text("utf-8")
    here = run / "runs" / "x" / name
    files = [path.relative_to(here) for path in here.rglob("*") if path.is_file()]
    assert len(files) > 2
    for file in files:
        named = re.sub(r"-[0-9a-f]{16}\.", "-<sha16>.", file.name)  # a shard's name holds its hash
        locks = file.parts[0] == "claims"
        assert (locks or named in text) and all(f"{part}/" in text for part in file.parts[:-1]), file


@pytest.mark.parametrize("name", ["examples", "cache"])
def test_the_format_page_names_every_column(name: str, run: Path) -> None:
    import pyarrow.parquet as pq

    section = FORMAT.read_text("utf-8").partition(f"\n## {name}/\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)
    part = next((run / "runs" / "x" / name).glob("part-00000*.parquet"))
    for column in pq.read_schema(part).names:
        assert re.sub(r"\.\d+$", ".<layer>", column) in rows, column


@pytest.mark.parametrize(
    "file",
    [
        "examples/MANIFEST.json",
        "cache/MANIFEST.json",
        "cache/PLAN.json",
        "cache/commits/00000.json",
        "student/MANIFEST.json",
        "student/config.json",
        "student/vocabulary.json",
        "student/metrics.jsonl",
    ],
)
def test_the_format_page_names_every_key(file: str, run: Path) -> None:
    text = (run / "runs" / "x" / file).read_text("utf-8")
    values = json.loads(text.splitlines()[0] if file.endswith(".jsonl") else text)
    deeper = [values.get(name) for name in ("identity", "report", "shape", "task")]
    keys = {key for table in (values, *deeper, *values.get("parts", [])) if isinstance(table, dict) for key in table}
    if file == "cache/commits/00000.json":
        keys -= set(values["report"])  # folded into the manifest's own report, in its words
    assert keys - spoken(FORMAT) == set()


def test_the_format_page_names_what_a_cache_notes_of_itself(run: Path) -> None:
    config = json.loads((run / "runs/x/cache/MANIFEST.json").read_text("utf-8"))["config"]
    fields = {field.name for field in dataclasses.fields(CacheConfig)}
    assert config.keys() - fields - spoken(FORMAT) == set()


def test_the_format_page_tells_why_rows_are_dropped() -> None:
    from augment.clean import REASONS

    for reason, meaning in REASONS.items():
        assert f"| `{reason}` | {meaning} |" in FORMAT.read_text("utf-8")


@pytest.mark.parametrize("page", [FORMAT, CLI], ids=lambda page: page.name)
def test_every_exit_code_is_explained(page: Path) -> None:
    codes = {value for name, value in vars(errors).items() if name.isupper() and isinstance(value, int)}
    section = page.read_text("utf-8").partition("\n## Exit codes\n")[2].partition("\n## ")[0]
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)} == codes


def test_the_tour_names_modules_that_a_run_enters(run: Path) -> None:
    """The hall's own files are passed by commands, which this run does without; those exist (see below)."""
    from student_train.student import Student

    with watched():
        Student.load(run / "runs" / "x" / "student").predict(["a fine film"])
    entered = {Path(code.co_filename) for code in ENTERED if code.co_name != "<module>"}
    named = {name for name in spoken(TOUR) if name.endswith(".py") and not name.startswith("pipelines/")}
    assert len(named) > 20
    assert {name for name in named if ROOT / name not in entered} == set()


def test_the_tour_is_two_screens_long() -> None:
    assert len(TOUR.read_text("utf-8").splitlines()) <= 100


def test_the_readme_ends_with_a_map_of_the_house() -> None:
    _, _, text = README.read_text("utf-8").partition("\n## The house\n")
    assert "\n## " not in text
    said = dict(re.findall(r"^\| `([\w/]+)/` \| (.+) \|$", text, re.MULTILINE))
    assert [name for name in said if not (ROOT / name).is_dir()] == []
    folders = [path.parent for room in ROOMS for path in sorted((ROOT / room).rglob("__init__.py"))]
    wings = {path.relative_to(ROOT).as_posix(): ast.get_docstring(tree_of(path / "__init__.py")) for path in folders}
    assert {name: said.get(name) for name in wings} == wings  # a wing's sentence stands in its `__init__.py`


# What can be chosen.


def adding_rows() -> list[tuple[str, str, set[str]]]:
    rows = re.findall(r"^\| an? [^|]+ \| `(\w+)` \| `([^`]+)` \| ([^|]+) \|$", ADDING.read_text("utf-8"), re.MULTILINE)
    return [(name, path, keys_of(keys)) for name, path, keys in rows]


def table_at(name: str, path: str) -> tuple[dict[str, Any], Any]:
    """The table that a page says stands in a file, and the module."""
    module = importlib.import_module(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    return getattr(module, name), module


@pytest.mark.parametrize(("name", "path", "keys"), adding_rows(), ids=[row[0] for row in adding_rows()])
def test_the_adding_page_names_every_key_of_a_table(name: str, path: str, keys: set[str]) -> None:
    assert set(table_at(name, path)[0]) == keys


def test_no_table_is_left_out_of_the_adding_page() -> None:
    named = {name for name, _, _ in adding_rows()}
    wanted = "LOSSES PRESETS MODELS LAYER_MAPS WORD_OPS CUT_OPS TAGGERS"
    wanted += " SIGNALS EXTRACT READERS KINDS VIEWS FIT SOFT HARD_LOSSES COMMANDS"
    assert named == set(wanted.split())
    from augment.ops import CUT_OPS, OPS, WORD_OPS

    assert list(OPS) == [*WORD_OPS, *CUT_OPS]


@pytest.mark.parametrize("table", CONFIGS)
def test_every_config_field_is_documented_beside_the_code_and_on_the_command_page(table: str) -> None:
    config = CONFIGS[table]
    section = CLI.read_text("utf-8").partition(f"\n### [{table}]\n")[2].partition("\n### ")[0]
    for field in dataclasses.fields(config):
        line = re.compile(rf"^ *(\w+, )*{field.name}(, \w+)*(:| +\S)", re.MULTILINE)
        assert line.search(config.__doc__ or ""), f"{config.__name__}.{field.name} has no line in the docstring"
        assert re.search(rf"^ *(\w+, )*{field.name}\b", section, re.MULTILINE), f"CLI.md says nothing of {field.name}"


def test_the_help_of_model_names_every_student_that_a_cache_can_train() -> None:
    from student_train.config import VOCABULARIES
    from student_train.models.table import MODELS

    students = {name for name, row in MODELS.items() if row.student and any(map(row.reads, VOCABULARIES.values()))}
    [option] = [item for item in COMMANDS["train"].params if "--model" in item.opts]
    assert students == set(re.findall(r"\w+", option.help)) & set(MODELS)
    assert all(name in (TrainConfig.__doc__ or "") for name in students)


# The worked examples of ADDING.md: the file is run, the entry is put into its table, and the thing is used.


def worked(title: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the blocks of one section; return what the example's file defines."""
    section = ADDING.read_text("utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    space: dict[str, Any] = {}
    for _, body in FENCE.findall(section):
        head, _, rest = body.partition("\n")
        if entry := re.fullmatch(r"# in (\w+), (\S+)", head):
            table, module = table_at(*entry.groups())
            [(key, value)] = eval(f"{{{rest}}}", {**vars(module), **space}).items()
            assert type(value) in {type(there) for there in table.values()}
            monkeypatch.setitem(table, key, value)
        else:
            assert len([line for line in rest.splitlines() if line.strip()]) <= 20, head
            exec(rest, space)  # noqa: S102
            space.setdefault(Path(head).stem, SimpleNamespace(**space))
    return space


def test_the_worked_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from student_train.batch import Batch, Inputs
    from student_train.losses.layers import Stack
    from student_train.losses.objective import Objective
    from student_train.losses.table import read_losses, required_signals
    from student_train.outputs import Outputs

    worked("A loss", monkeypatch)
    random = torch.Generator().manual_seed(0)
    teacher = {layer: torch.randn(2, 5, generator=random) for layer in range(5)}
    student = {layer: torch.randn(2, 3, generator=random) for layer in range(3)}
    batch = Batch(Inputs((), ()), torch.tensor([0, 1]), Outputs(torch.zeros(2, 2), cls=teacher), np.arange(2))
    task = Task("classify", ("no", "yes"))
    assert required_signals({"cls_pairs": {}}) == ("cls",)

    def made(width: int, **options: Any) -> Objective:
        return Objective(
            read_losses({"cls_pairs": options}), task, student=Stack(layers=2, width=width), teacher=Stack(4, 5)
        )

    whole, half = made(3), made(3, weight=0.5)
    outputs = Outputs(torch.zeros(2, 2), cls=student)
    assert len(list(whole.parameters())) == 2 * 3  # a weight and a bias for each of layers 0, 1, 2
    assert [rate for _, rate in whole.trained()] == [10.0]
    assert float(half(outputs, batch).detach()) == pytest.approx(float(whole(outputs, batch).detach()) / 2)
    longer = Outputs(torch.zeros(2, 2), cls={s: 3 * teacher[t] for s, t in ((0, 0), (1, 2), (2, 4))})
    plain, unit = (made(5, unit_length=only) for only in (False, True))  # widths are equal: nothing to project
    assert not list(plain.parameters())
    assert float(plain(longer, batch)) > 1
    assert float(unit(longer, batch)) == pytest.approx(0.0, abs=1e-6)


def test_the_worked_student(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from student_train.batch import Inputs
    from student_train.models.sizes import read_shape, shape_of
    from student_train.models.table import Sources, choose_model, start_model

    worked("A student", monkeypatch)
    assert choose_model("word_mean", Task("classify", ("no", "yes"))) == "word_mean"
    given: dict[str, Any] = {"vocabulary": 9, "dimensions": 4, "classes": 2}
    shape = shape_of(TrainConfig(model="word_mean", shape={"power": 0}), **given)
    assert read_shape(json.loads(json.dumps(vars(shape)))) == shape != shape_of(TrainConfig(model="word_mean"), **given)
    with pytest.raises(errors.PotstillError, match=r"word_mean has no size train.hidden\n.*train.shape.power"):
        shape_of(TrainConfig(model="word_mean", hidden=8), **given)
    table = torch.randn(9, 4)
    model = start_model(shape, Sources(table), seed=0)
    short = Inputs((torch.tensor([[3, 5]]),), (torch.tensor([2]),))
    padded = Inputs((torch.tensor([[3, 5, 0, 0]]),), (torch.tensor([2]),))
    torch.testing.assert_close(model(padded).logits, model(short).logits)
    torch.testing.assert_close(model(short).logits[0], model.head(table[3] + table[5]))  # type: ignore[operator]


def test_the_worked_augmentation(monkeypatch: pytest.MonkeyPatch) -> None:
    from augment.ops import WORD_OPS
    from augment.tagged import Tagged

    worked("An augmentation", monkeypatch)
    text = Tagged(["a", "fine", "film"], ["", " ", " "], [])
    slips = WORD_OPS["typo"].replace(text, np.array([0, 1, 2, 2]), np.array([0.5, 0.0, 0.99, 0.4]), None)
    assert slips == ["a", "ifne", "fiml", "flim"]


def test_the_worked_tagger(monkeypatch: pytest.MonkeyPatch) -> None:
    from augment.taggers.choose import choose, describe_tagger, load_tagger
    from data.progress import Silent

    worked("A tagger", monkeypatch)
    assert choose("suffix", "de", Silent()) == "suffix"
    assert describe_tagger("suffix", "de") == "suffix 1"
    [tagged] = load_tagger("suffix", "de")(["Ein schöner Film"])
    assert tagged.tags == ["in", "er", "lm"]


def test_the_worked_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from data.schema import signal_columns
    from teacher_cache.inference.extract import extract

    worked("A signal", monkeypatch)
    assert signal_columns(("max",), (1,), depth=2) == ("logits", "max.1")
    hidden = torch.tensor([[[1.0, -4.0], [3.0, -5.0], [9.0, 9.0]]])  # the last sub-word is padding
    outputs = SimpleNamespace(logits=torch.zeros(1, 2), hidden_states=[hidden, hidden])
    said = extract(lambda **batch: outputs, {"attention_mask": torch.tensor([[1, 1, 0]])}, ("max.1",))
    assert said["max.1"].tolist() == [[3.0, -4.0]]


def test_the_worked_reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from data.readers.examples import find_task, read
    from data.readers.source import Source

    worked("A reader", monkeypatch)
    path = tmp_path / "reviews.ft"
    path.write_text("__label__good a fine film\n__label__bad dull\n", "utf-8")
    source = Source(path, format="fasttext")
    examples = list(read(source, find_task(source)[0], split="train"))
    assert [(example.text, example.label) for example in examples] == [("a fine film", 1), ("dull", 0)]
    path.write_text("a fine film\n", "utf-8")
    with pytest.raises(errors.PotstillError, match=r"line 1: expected __label__NAME"):
        list(read(source, Task("classify", ("bad", "good")), split="train"))


def test_the_worked_kind_of_task(monkeypatch: pytest.MonkeyPatch) -> None:
    worked("A kind of task", monkeypatch)
    task = Task("ordinal", ("1", "2", "3"))
    found = task.rules.metrics(np.eye(3), np.array([0, 1, 2]))
    assert found["accuracy"] == found[task.rules.main_metric] == pytest.approx(1.0)
    [answer] = task.rules.says(np.array([[0.0, 4.0, 0.0]]), task.labels)
    assert answer["label"] == "2" and answer["probability"] > 0.9


def test_the_worked_view_of_a_kind_shows_its_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.report.kinds.table import VIEWS as REPORT
    from teacher_cache.view.kinds import VIEWS

    worked("A kind of task", monkeypatch)
    logits = pl.Series([[0.0, 0.0, 5.0], [0.0, 3.0, 0.0]], dtype=pl.Array(pl.Float32, 3))
    frame = pl.LazyFrame(
        {"logits": logits, "label": [0, None], "status": ["ok", "ok"]}, schema_overrides={"label": pl.Int64}
    )
    shown = VIEWS["ordinal"].columns(frame, Task("ordinal", ("1", "2", "3"))).collect().to_dicts()
    assert [(row["prediction"], row["steps_off"]) for row in shown] == [("3", 2), ("2", None)]
    assert REPORT["ordinal"].compare(np.eye(3), np.eye(3))["agreement"] == 1.0


# Commands and links.


def code_of(page: Path) -> list[str]:
    """Every line of code that is not Python: of plain fenced blocks, and in the text."""
    fenced = [line for language in ("", "sh", "bash") for body in blocks(page, language) for line in body.splitlines()]
    return [*fenced, *spoken(page)]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_and_options_exist(page: Path) -> None:
    for line in code_of(page):
        for name, rest in re.findall(r"(?<![\w/.])potstill ([a-z]+)\b([^|#]*)", line):
            assert name in COMMANDS, line
            known = {option for item in COMMANDS[name].params for option in (*item.opts, *item.secondary_opts)}
            options = re.findall(r"(?<!\S)(--?[a-z][a-z-]*)", rest)
            assert set(options) <= known | {"--help"}, f"{line}: {set(options) - known}"


def test_the_readme_shows_every_command_of_the_main_road_and_the_make_targets() -> None:
    text = README.read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)\b", "\n".join(code_of(README)))) <= targets
    for name in COMMANDS:
        assert f"potstill {name}" in text or name == "demo", name


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_no_link_points_to_a_missing_file_or_heading(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if link.startswith(("https://", "http://")):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists() and target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_named_files_of_the_project_exist(page: Path) -> None:
    rooms = ("augment/", "data/", "docs/", "pipelines/", "student_train/", "teacher_cache/", "tests/", "benchmarks/")
    for name in spoken(page):
        if name.startswith(rooms) and re.fullmatch(r"[\w./-]+(\.\w+|/)", name):
            assert (ROOT / name).exists(), name


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_pages_name_no_place_of_one_machine(page: Path) -> None:
    assert not re.findall(
        r"(?:^|[\s`(\"'])(?:/(?:work|root|home|opt|tmp|Users)/|\.\./shared)\S*", page.read_text("utf-8")
    )


def test_the_picture_of_the_readme_is_drawn_and_described() -> None:
    [(alt, file)] = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", README.read_text("utf-8"))
    picture = ElementTree.parse(ROOT / file).getroot()
    said = {element.tag.rpartition("}")[2]: element.text or "" for element in picture}
    assert said["desc"].strip() == alt and said["title"]
    words = "".join(picture.itertext())
    assert all(name in words for name in ("augment", "cache", "train", "examples/", "cache/", "student/"))


@pytest.mark.slow
def test_the_commands_of_the_readme_run_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from data.demo.files import demo_files
    from pipelines import cli

    monkeypatch.chdir(tmp_path)
    for split, path in demo_files().items():
        (tmp_path / f"{split}.tsv").write_bytes(path.read_bytes())
    bodies = [body for body in blocks(README, "") if "potstill teach" in body or "potstill distil" in body]
    body = "".join(bodies).replace(".csv", ".tsv").replace("-o runs/x\n", "-o runs/y\n", 1)
    assert len(bodies) == 2
    small: dict[str, Callable[[str], str]] = {
        "distil": lambda line: (
            line.replace("answerdotai/ModernBERT-base", "scratch:1x32")
            + " --set teach.epochs=1 --set augment.n_iter=1 --set augment.workers=1 --set train.steps=20"
        ),
        "teach": lambda line: line.replace("answerdotai/ModernBERT-base", "scratch:1x32") + " --epochs 1",
        "augment": lambda line: line + " --n-iter 2 --workers 1",
        "train": lambda line: line + " --steps 2 --set hidden=8",
    }
    for line in (line for line in body.splitlines() if line.startswith("potstill ")):
        name = line.split()[1]
        code = cli.run(small.get(name, str)(line).split()[1:])
        assert code == 0, f"{line}\n{capsys.readouterr().err}"
    assert "<svg" in (tmp_path / "runs" / "x" / "report.html").read_text("utf-8")
