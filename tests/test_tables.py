"""The tables that a thing is added to: their entries fit their keys, and the options fit the configs."""

import ast
import dataclasses
import inspect
import typing
from pathlib import Path
from typing import Any

import pytest

from data.readers import READERS
from data.schema import SIGNALS
from data.tasks import KINDS
from pipelines.commands import COMMANDS
from pipelines.options import LONGEST_HELP, Fields, help_of
from pipelines.recipes import files as recipe_files
from pipelines.recipes import recipe

ROOT = Path(__file__).parents[1]


def fields_of(body: Any) -> list[Fields]:
    """The groups of options of a command that set fields of a config."""
    forms = (item.annotation for item in inspect.signature(body).parameters.values())
    return [made for form in forms for made in typing.get_args(form)[1:] if isinstance(made, Fields)]


@pytest.mark.parametrize("name", ["teach", "augment", "cache", "train", "evaluate", "predict", "bench"])
def test_every_option_of_a_config_is_described_once_beside_its_field(name: str) -> None:
    groups = fields_of(COMMANDS[name])
    assert groups
    for made in groups:
        fields = {field.name for field in dataclasses.fields(made.config)}
        assert set(made.names.split()) <= fields
        assert set(made.shown) | set(made.named) <= set(made.names.split())
        for option in made.options():
            said = help_of(made.config, option.name)
            assert typing.get_args(option.annotation)[1].help.startswith(said)
            assert len(said) <= LONGEST_HELP, f"{made.config.__name__}.{option.name}: {said}"


def test_every_command_has_a_file_of_its_name() -> None:
    files = {path.stem for path in (ROOT / "pipelines" / "commands").rglob("*.py")} - {"__init__"}
    assert files == set(COMMANDS)


def test_every_kind_bears_its_key_and_has_a_hard_loss() -> None:
    from student_train.losses.on_logits.hard import HARD_LOSSES

    for name, kind in KINDS.items():
        assert kind.name == name
        assert kind.hard_loss in HARD_LOSSES


def tables_by_kind() -> dict[str, set[str]]:
    """Every table of a module whose keys are kinds of task: `module.NAME` -> its keys."""
    found = {}
    for room in ("augment", "data", "pipelines", "student_train", "teacher_cache"):
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.parse(path.read_text("utf-8")).body:
                name = node.target if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [None])[0]
                if not isinstance(getattr(node, "value", None), ast.Dict) or not isinstance(name, ast.Name):
                    continue
                keys = {key.value for key in node.value.keys if isinstance(key, ast.Constant)}
                if keys & set(KINDS):
                    found[f"{path.relative_to(ROOT).with_suffix('')}.{name.id}"] = keys
    return found


@pytest.mark.parametrize("table", tables_by_kind())
def test_every_table_by_kind_has_every_kind(table: str) -> None:
    assert tables_by_kind()[table] == set(KINDS)


def test_the_tables_by_kind_are_found() -> None:
    assert set(tables_by_kind()) == {
        "data/tasks/__init__.KINDS",
        "pipelines/auto/students.SOFT",
        "pipelines/report/kinds/table.VIEWS",
        "pipelines/scores/rivals.FIT",
        "teacher_cache/view/kinds.VIEWS",
    }


def test_every_signal_can_be_extracted() -> None:
    from teacher_cache.inference.extract import EXTRACT

    assert set(EXTRACT) == set(SIGNALS)


def test_every_loss_needs_signals_that_exist() -> None:
    from student_train.losses.table import LOSSES, required_signals

    for name in LOSSES:
        assert set(required_signals({name: {}})) <= set(SIGNALS)


def test_readers_are_functions() -> None:
    assert all(callable(reader) for reader in READERS.values())


@pytest.mark.parametrize("name", recipe_files.bundled())
def test_every_bundled_recipe_resolves_and_gives_itself_again(name: str) -> None:
    loaded = recipe.load(name)
    assert recipe.from_tables(loaded.tables(), name=name) == loaded
