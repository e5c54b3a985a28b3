"""docs/CLI.md from the commands themselves: `python -m pipelines.cli_docs` writes it, a test holds it to them."""

import dataclasses
import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

from augment.config import AugmentConfig
from data import errors, store
from pipelines.auto.fill import CHOSEN
from pipelines.cli import app
from pipelines.inputs.reading import Reading
from pipelines.options import COLUMNS, COMMON, MANY
from pipelines.recipes import files as recipe_files
from pipelines.recipes import recipe, toml
from student_train.config import TeachConfig, TrainConfig
from teacher_cache.config import CacheConfig

PAGE = Path(__file__).parents[1] / "docs" / "CLI.md"
HEAD = """# The command line

Written by `python -m pipelines.cli_docs` from the commands themselves; edit the commands, not this page.

A value comes from four places, the later one wins: the default, a recipe (`--recipe`, a TOML file or the name of a
bundled one), the option, `--set key=value`. The resolved values are kept beside every output in `potstill.toml`.
Progress and messages go to stderr, results to stdout.
"""
ABOUT_COLUMNS = """What is not said is found out from the file. One line on stderr says for each file what it was
read as: format, delimiter, columns, rows, classes.

Columns are named, or numbered from 0. `--text title+description` joins columns to one text, with a blank between. Two
texts are a pair where `--pair` says so, or where the header has well-known names for one. An option holds for every
file of the command; what holds for one file alone stands behind its name: `FILE::text=2,label=0`, with `text`, `pair`,
`label`, `format`, `header` (yes or no) and `delimiter`. Files under gzip (`.csv.gz`) are read too.
"""
PANELS = {COLUMNS: "train", MANY: "cache", COMMON: "train"}  # what commands share -> one that has it
TABLE = ["| | |", "|---|---|"]
CODES = {
    errors.OK: "done",
    errors.USAGE: "a wrong option, value or combination",
    errors.BAD_DATA: "an input or a stored file holds something it must not",
    errors.NO_INPUT: "a named file or directory is not there",
    errors.INTERNAL: "a bug of potstill, or a phase was killed; `--debug` shows where",
    errors.IO_ERROR: "the disk is full, or an I/O error",
    errors.TRY_AGAIN: "interrupted, or in use by another run: run the same command again, it goes on where it stopped",
    errors.NO_PERMISSION: "no permission",
    errors.STALE: "an output was made from other inputs or another config than those named now",
}
TABLES: dict[str, Any] = {
    "run": recipe.RunTable,
    "data": recipe.FilesTable,
    "data, how to read the files": Reading,
    "teach": TeachConfig,
    "teacher": recipe.TeacherTable,
    "augment": AugmentConfig,
    "cache": CacheConfig,
    "train": TrainConfig,
    "bench": recipe.BenchTable,
}


def page() -> str:
    """Write the whole page."""
    commands: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    shared = [_panel(title, commands[sample]) for title, sample in PANELS.items()]
    sections = [
        HEAD,
        *(_command(name, item) for name, item in commands.items() if not item.hidden),
        *shared,
        _codes(),
        _recipe(),
        _names(),
    ]
    return "\n".join(sections)


def _command(name: str, item: Any) -> str:
    """Document one command: its own options; those it shares stand once, below all commands."""
    about, _, example = inspect.cleandoc(item.help).partition("\n\nExample: ")
    arguments = [option for option in item.params if option.param_type_name == "argument"]
    options = [option for option in item.params if option not in arguments]
    own = [option for option in options if option.rich_help_panel is None]
    usage = " ".join(["potstill", name, *(option.metavar for option in arguments), "[OPTIONS]"])
    lines = [f"## potstill {name}", "", about, "", "```", usage, f"# {' '.join(example.split())}", "```", ""]
    rows = [f"| `{_cell(option.metavar)}` | {_cell(option.help)} |" for option in arguments]
    rows += [f"| {_names_of(option)} | {_cell(option.help)}{' **required**' * option.required} |" for option in own]
    lines += [*TABLE, *rows, ""] if rows else []
    panels = dict.fromkeys(option.rich_help_panel for option in options if option not in own)
    links = [f"[{title.lower()}](#{title.lower().replace(' ', '-')})" for title in panels]
    return "\n".join([*lines, f"And the {' and the '.join(links)}.", ""])


def _panel(title: str, item: Any) -> str:
    """Document the options that several commands share."""
    options = [option for option in item.params if getattr(option, "rich_help_panel", None) == title]
    rows = [f"| {_names_of(option)} | {_cell(option.help)} |" for option in options]
    about = [ABOUT_COLUMNS] if title == COLUMNS else []
    return "\n".join([f"## {title}", "", *about, *TABLE, *rows, ""])


def _names_of(option: Any) -> str:
    names = [*option.opts, *option.secondary_opts]
    value = f" {option.metavar}" if option.metavar else ""
    return ", ".join(f"`{name}{value}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _codes() -> str:
    lines = ["## Exit codes", "", "Those of sysexits.h.", "", "| code | meaning |", "|---|---|"]
    return "\n".join([*lines, *(f"| {code} | {meaning} |" for code, meaning in CODES.items()), ""])


def _recipe() -> str:
    """Document every table and key of a recipe: the docstring beside the code, and the defaults."""
    bundled = ", ".join(f"`{name}`" for name in recipe_files.bundled())
    lines = [
        "## Recipes",
        "",
        f"`potstill run RECIPE` takes a TOML file or the name of a bundled recipe: {bundled}.",
        "Every key can be set by `--set table.key=value`; a single command takes its own keys without the table.",
        "`[arms.NAME]` holds what a student named NAME does otherwise than `[train]`.",
        "`[teach]` also takes `model`, the encoder to fine-tune. `[teachers]` names further finished teachers,",
        "`NAME = path`: each gets a cache of its own, and students learn from all of them together (`combine` and",
        "`weights` of `[train]`).",
        "",
        'Some values may be `auto`: they are chosen from the data, and the reasons are said. With `arms = "auto"` the',
        'students are chosen, too. Where an arm says `rows = "auto"`, a small student tries out first whether',
        "augmented rows help; `[trial]` takes the fields of `[train]` for it.",
        *(f"`[{name}]`: {', '.join(f'`{key}`' for key in keys)}." for name, keys in CHOSEN.items()),
        "",
    ]
    for table, cls in TABLES.items():
        lines += [f"### [{table}]", "", "```", inspect.cleandoc(cls.__doc__), "```", ""]
        if defaults := toml.write(_defaults(cls)).strip():
            lines += ["Defaults:", "", "```toml", defaults, "```", ""]
    return "\n".join(lines)


def _defaults(cls: Any) -> dict[str, Any]:
    """Spell out the defaults of a config; keys without one are left out."""
    fields = dataclasses.fields(cls)
    made = {field.name: field.default for field in fields if field.default is not dataclasses.MISSING}
    made |= {field.name: field.default_factory() for field in fields if callable(field.default_factory)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in made.items()}


def _names() -> str:
    """List the keys of every table a value is chosen from."""
    from data.readers import READERS
    from data.schema import SIGNALS
    from data.tasks import KINDS
    from student_train.losses.table import LOSSES
    from student_train.models.table import MODELS

    tables: dict[str, Iterable[str]] = {
        "Kinds of task": KINDS,
        "File formats": READERS,
        "Signals": SIGNALS,
        "Models (`hugging_face` is the encoder that `potstill teach` fine-tunes)": MODELS,
        "Losses": LOSSES,
    }
    lines = [f"- {title}: {', '.join(f'`{name}`' for name in names)}" for title, names in tables.items()]
    return "\n".join(["## Names to choose from", "", *lines, ""])


if __name__ == "__main__":
    store.write_text(PAGE, page())
