"""The options that several commands share. Each dataclass spreads into single options (see `pipelines/spread.py`)."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from data.running.share import Share, find_share

COLUMNS = "Columns of the files"
COMMON = "Common options"
MANY = "Many processes and machines"

Out = Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Directory to write.")]


@dataclass(frozen=True)
class Columns:
    """How to read the files; what is not given is found out from the file."""

    text: Annotated[
        str | None,
        typer.Option("--text", metavar="COLUMN", help="Column of the text: name or number.", rich_help_panel=COLUMNS),
    ] = None
    pair: Annotated[
        str | None,
        typer.Option("--pair", metavar="COLUMN", help="Column of the second text.", rich_help_panel=COLUMNS),
    ] = None
    label: Annotated[
        str | None,
        typer.Option("--label", metavar="COLUMN", help="Column of the label.", rich_help_panel=COLUMNS),
    ] = None
    format: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="tsv, csv, jsonl, parquet…", rich_help_panel=COLUMNS),
    ] = None
    header: Annotated[
        bool | None,
        typer.Option("--header/--no-header", help="Whether line 1 names the columns.", rich_help_panel=COLUMNS),
    ] = None
    delimiter: Annotated[
        str | None,
        typer.Option(
            "--delimiter", metavar="NAME", help="Between cells: comma, semicolon, tab, pipe.", rich_help_panel=COLUMNS
        ),
    ] = None
    skip_bad: Annotated[
        bool | None,
        typer.Option("--skip-bad", help="Leave out rows that cannot be used, and count them.", rich_help_panel=COLUMNS),
    ] = None
    kind: Annotated[
        str | None,
        typer.Option("--kind", metavar="KIND", help="Kind of task: classify or regress.", rich_help_panel=COLUMNS),
    ] = None
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels", metavar="A,B,…", help="The classes, in the order of the logits.", rich_help_panel=COLUMNS
        ),
    ] = None
    label_names: Annotated[
        str | None,
        typer.Option(
            "--label-names",
            metavar="A,B,…",
            help="Names of the file's ids 0, 1, …; 1=A,2=B; or a file of them, one a line.",
            rich_help_panel=COLUMNS,
        ),
    ] = None
    positive: Annotated[
        str | None,
        typer.Option("--positive", metavar="CLASS", help="Class that F1 is of.", rich_help_panel=COLUMNS),
    ] = None

    @property
    def spelled(self) -> str:
        """The options that were given, as they are typed, for the next command; a blank stands before each."""
        given = {name.replace("_", "-"): value for name, value in vars(self).items() if value is not None}
        flags = {True: "--{}", False: "--no-{}"}
        return "".join(
            f" {flags[value].format(name)}" if isinstance(value, bool) else f" --{name} {shlex.quote(value)}"
            for name, value in given.items()
        )


BestBy = Annotated[
    str | None,
    typer.Option("--best-by", metavar="METRIC", help="Dev metric to choose by: accuracy, macro_f1, f1:CLASS, loss…"),
]
ClassWeights = Annotated[
    str | None,
    typer.Option("--class-weights", metavar="CLASS=W,…", help="`balanced`, or what a row of a class counts."),
]
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
