"""The options of commands: those that set a config's fields, and those that several commands share.

Each dataclass, and each `Fields`, spreads into single options (see `pipelines/spread.py`).
"""

import inspect
import os
import shlex
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from data.config import described
from data.running.share import Share, find_share
from pipelines.inputs.reading import Reading
from pipelines.inputs.values import Given, forms_of

COLUMNS = "Columns of the files"
COMMON = "Common options"
MANY = "Many processes and machines"
LONGEST_HELP = 120  # characters: a table row of docs/CLI.md, two lines of --help
SILENT = (None, "", ())  # defaults that say nothing in --help
SHOWN: dict[Any, str] = {(str,): "A,B,…", (int,): "N,…", (float,): "N,…"}  # what stands for a list in --help

Train = Annotated[str, typer.Argument(metavar="TRAIN", help="Labelled file, or hf:NAME.")]
Out = Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Directory to write.")]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="FILE", help="Texts not to learn from, as dev and test; repeatable."),
]
Moved = Annotated[str | None, typer.Option("-t", "--teacher", metavar="TEACHER", help="The teacher, if it has moved.")]


@dataclass(frozen=True)
class Fields:
    """Options that set fields of a config: `Annotated[Given, Fields(AugmentConfig, "n_iter p_mask")]`.

    The type, default and help of each are those of the field; its help is the first sentence of its line in the
    config's docstring.

    names  the fields, with blanks between     shown  field -> what stands for its value in --help
    panel  the heading that they stand under   named  field -> the option, where it has another name than the field
    repeatable  fields whose option may be given several times
    """

    config: type
    names: str
    shown: Mapping[str, str] = field(default_factory=dict)
    named: Mapping[str, str] = field(default_factory=dict)
    panel: str | None = None
    repeatable: tuple[str, ...] = ()

    def options(self) -> list[inspect.Parameter]:
        """Make one Typer option for each field."""
        return [self._option(name) for name in self.names.split()]

    def _option(self, name: str) -> inspect.Parameter:
        forms = forms_of(get_type_hints(self.config)[name])
        [only, *others] = forms
        kind: Any = only if only in (int, float, bool) and not others else str
        kind = list[str] if name in self.repeatable else kind
        flag = self.named.get(name, "--" + name.replace("_", "-"))
        default = self._default(name)
        option = typer.Option(
            f"{flag}/--no-{flag[2:]}" if kind is bool and default is None else flag,
            metavar=self.shown.get(name, SHOWN.get(forms.get(tuple, ())[:1]) if tuple in forms else None),
            help=help_of(self.config, name)
            + (" Repeatable." if name in self.repeatable else "")
            + ("" if default in SILENT or default is False else f" ({spell(default)})"),
            rich_help_panel=self.panel,
        )
        return inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
        )

    def _default(self, name: str) -> Any:
        [found] = [item for item in fields(self.config) if item.name == name]
        return found.default if found.default_factory is MISSING else found.default_factory()


def help_of(config: type, name: str) -> str:
    """The first sentence that a config's docstring says of a field, as the help of an option."""
    first = described(config)[name].partition(". ")[0].rstrip(".")
    return f"{first[:1].upper()}{first[1:]}."


def spell(value: Any) -> str:
    """Write a default as one types it: `0,1`, `kl=0.9`."""
    if isinstance(value, dict):
        return ",".join(f"{key}={item}" for key, item in value.items())
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


Columns = Annotated[
    Given,
    Fields(
        Reading,
        "text pair label format header delimiter skip_bad kind labels label_names positive",
        shown=dict.fromkeys(("text", "pair", "label"), "COLUMN")
        | {"format": "NAME", "delimiter": "NAME", "kind": "KIND", "positive": "CLASS"},
        panel=COLUMNS,
    ),
]


def spelled(columns: Given) -> str:
    """The columns that were given, as they are typed, for the next command; a blank stands before each."""
    given = {name.replace("_", "-"): value for name, value in columns.items() if value is not None}
    flags = {True: "--{}", False: "--no-{}"}
    return "".join(
        f" {flags[value].format(name)}" if isinstance(value, bool) else f" --{name} {shlex.quote(value)}"
        for name, value in given.items()
    )


Force = Annotated[bool, typer.Option("--force", help="Move stale outputs aside (NAME.stale-N) and make them again.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set any config field; repeatable.", rich_help_panel=COMMON),
]


@dataclass(frozen=True)
class Defaults:
    """Where the values come from that have no option here, or whose option is not given."""

    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe", metavar="RECIPE", help="Recipe (TOML) whose values are the defaults.", rich_help_panel=COMMON
        ),
    ] = None
    settings: Settings = None


@dataclass(frozen=True)
class Sharing:
    """Which part of the work is this process's; job arrays of SLURM, Kubernetes and torchrun are read by themselves."""

    shard_index: Annotated[
        int | None,
        typer.Option("--shard-index", metavar="I", help="This machine's share, from 0.", rich_help_panel=MANY),
    ] = None
    num_shards: Annotated[
        int | None, typer.Option("--num-shards", metavar="N", help="Shares of the work.", rich_help_panel=MANY)
    ] = None

    def share(self) -> Share:
        """The share named here, else the scheduler's, else all of the work."""
        return find_share(os.environ, index=self.shard_index, count=self.num_shards)


@dataclass(frozen=True)
class Common:
    """What every command takes."""

    as_json: Annotated[
        bool, typer.Option("--json", help="Last line of stdout: one JSON object.", rich_help_panel=COMMON)
    ] = False
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress.", rich_help_panel=COMMON)] = False
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an unforeseen error.", rich_help_panel=COMMON)
    ] = False
