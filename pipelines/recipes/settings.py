"""A phase's config from four places, the later one wins: its defaults, a recipe's table, options, `--set`."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from data import config as configs
from data import store
from data.errors import NO_INPUT, PotstillError
from data.layout import SETTINGS
from pipelines.inputs.reading import Reading
from pipelines.inputs.values import Given, value_of
from pipelines.options import Defaults
from pipelines.recipes import toml
from pipelines.recipes.files import read_recipe
from student_train.config import options_of_losses

Config = TypeVar("Config")


def resolve(cls: type[Config], table: str, defaults: Defaults, given: Given) -> Config:
    """Make the config of one phase; `given` are the options of the command line, None where not given."""
    hints = get_type_hints(cls)
    typed = {name: value_of(hints[name], value, f"--{name.replace('_', '-')}") for name, value in given.items()}
    if typed.get("losses"):
        typed["losses"] = options_of_losses(typed["losses"])  # `--set losses.kl.temperature=4` is laid over them
    values = _overlaid(table, defaults, typed, own=True)
    if table == "teach":
        values.pop("model", None)  # of a recipe, where it stands in the same table; the command is told it by -m
    where = f"{defaults.recipe} [{table}]" if defaults.recipe else f"potstill {table}"
    return configs.build(cls, values, where=where)


def reading(columns: Given, defaults: Defaults, *, alone: bool = False) -> Reading:
    """Say how to read the files: a recipe's [data] table, then the options, then `--set data.text=…`.

    alone: the command has no other config, so every setting must speak of the files.
    """
    known = [field.name for field in fields(Reading)]
    for setting in defaults.settings or []:
        key = setting.partition("=")[0].strip()
        if key.removeprefix("data.") not in known if key.startswith("data.") else alone:
            raise PotstillError(
                f"--set {setting}: this command has no key {key!r}",
                hint=f"keys: {', '.join(f'data.{name}' for name in known)}",
            )
    values = _overlaid("data", defaults, columns, own=False)
    return make_reading({key: value for key, value in values.items() if key in known})


def make_reading(values: Mapping[str, Any]) -> Reading:
    """Build a `Reading`; labels may be one string with commas, names of ids a file of them, columns numbers."""
    plain = {key: str(value) if type(value) is int else value for key, value in values.items()}
    for key in ("labels", "label_names"):
        if isinstance(plain.get(key), str):
            plain[key] = read_names(plain[key]) if key == "label_names" else split_names(plain[key])
    return configs.build(Reading, plain, where="[data]")


def split_names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def read_names(text: str) -> list[str]:
    """Names with commas between, or a file with one a line."""
    path = Path(text)
    if "," in text or not (path.is_file() or path.suffix):
        return split_names(text)
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PotstillError(f"{path}: no names of labels can be read: {error}", code=NO_INPUT) from None
    return [line.strip() for line in lines if line.strip()]


def _overlaid(table: str, defaults: Defaults, given: Mapping[str, Any], *, own: bool) -> dict[str, Any]:
    """Lay the four places over each other. A setting may be copied from a `potstill run` line: `augment.n_iter=5` is
    `n_iter=5` for the augment command (`own`), and `data.text=review` speaks of the files to every command."""
    recipe = read_recipe(defaults.recipe) if defaults.recipe else {}
    values = dict(recipe.get(table, {})) | {key: value for key, value in given.items() if value is not None}
    settings = defaults.settings or []
    named = [item.removeprefix(f"{table}.") for item in settings if item.startswith(f"{table}.")]
    bare = [item for item in settings if not item.startswith((f"{table}.", "data."))] if own else []
    return configs.apply_settings(values, [*named, *bare])


def save(out: Path, tables: Mapping[str, Any]) -> None:
    """Keep the resolved config beside an output, as a recipe that gives the same output again.

    The same one is not written again: a finished output may lie where nothing can be written.
    """
    path, text = out / SETTINGS, toml.write(tables)
    if not path.is_file() or path.read_text("utf-8") != text:
        store.write_text(path, text)
