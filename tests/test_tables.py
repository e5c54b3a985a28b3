"""The tables that a thing is added to: their entries fit their keys, and the options fit the configs."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from data.readers import READERS
from data.schema import SIGNALS
from data.tasks import KINDS
from pipelines.commands import COMMANDS
from pipelines.commands.augment import AugmentOptions
from pipelines.commands.cache import CacheOptions
from pipelines.commands.teach import TeachOptions
from pipelines.commands.train import TrainOptions
from pipelines.recipes import files as recipe_files
from pipelines.recipes import recipe

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("options", [AugmentOptions, CacheOptions, TeachOptions, TrainOptions])
def test_every_option_sets_a_field_of_its_config(options: Any) -> None:
    fields = {field.name for field in dataclasses.fields(options.CONFIG)}
    assert {field.name for field in dataclasses.fields(options)} <= fields


def test_every_command_has_a_file_of_its_name() -> None:
    files = {path.stem for path in (ROOT / "pipelines" / "commands").rglob("*.py")} - {"__init__"}
    assert files == set(COMMANDS)


def test_every_kind_bears_its_key_and_has_a_hard_loss() -> None:
    from student_train.losses.hard import HARD_LOSSES

    for name, kind in KINDS.items():
        assert kind.name == name
        assert kind.hard_loss in HARD_LOSSES


def test_every_signal_can_be_extracted() -> None:
    from teacher_cache.inference.extract import EXTRACT

    assert set(EXTRACT) == set(SIGNALS)


def test_every_loss_needs_signals_that_exist() -> None:
    from student_train.losses.table import LOSSES, required_signals

    for name in LOSSES:
        assert set(required_signals({name: 1.0})) <= set(SIGNALS)


def test_readers_are_functions() -> None:
    assert all(callable(reader) for reader in READERS.values())


@pytest.mark.parametrize("name", recipe_files.bundled())
def test_every_bundled_recipe_resolves_and_gives_itself_again(name: str) -> None:
    loaded = recipe.load(name)
    assert recipe.from_tables(loaded.tables(), name=name) == loaded
