"""`potstill distil`: one command for data of one's own; every number is chosen and explained."""

from pathlib import Path
from typing import Annotated, Any

import typer

from data.config import apply_settings
from pipelines.options import Columns, Common, Force, Settings, Train
from pipelines.screen.console import Console

BENCH_TEXTS = 64  # enough for a median that stands, and seconds even of a slow teacher


def distil(
    train: Train,
    dev: Annotated[str, typer.Option("--dev", metavar="FILE", help="Labelled file that everything is chosen on.")],
    model: Annotated[
        str,
        typer.Option(
            "-m", "--model", help="Encoder to fine-tune (hub name, folder, `demo`), or a finished TEACHER_DIR."
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Directory of the run.")],
    columns: Columns,
    common: Common,
    console: Console,
    test: Annotated[
        str | None,
        typer.Option("--test", metavar="FILE", help="Labelled file of the final table; nothing is chosen by it."),
    ] = None,
    unlabelled: Annotated[
        list[str] | None, typer.Option("--unlabelled", metavar="FILE", help="More texts without labels; repeatable.")
    ] = None,
    budget: Annotated[
        float, typer.Option("--budget", metavar="MINUTES", help="About how long all may take; 0: no limit.")
    ] = 0.0,
    aim: Annotated[
        str, typer.Option("--for", metavar="AIM", help="What the student is for: accuracy, speed or size.")
    ] = "accuracy",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is chosen and the plan, and stop.")] = False,
    force: Force = False,
    settings: Settings = None,
) -> None:
    """Distil a teacher into students for data of your own: all phases, all numbers chosen and explained.

    The same command goes on where it was interrupted. What was chosen is an ordinary recipe, DIR/recipe-chosen.toml.

    Example: potstill distil train.csv --dev dev.csv --test test.csv -m demo -o runs/x --budget 30
    """
    from pipelines.auto.kept import settle
    from pipelines.run import execute, show_choices, show_plan

    data = {"train": train, "dev": dev, "test": test or "", "unlabelled": unlabelled or []}
    data |= {name: value for name, value in columns.items() if value is not None}
    run = {"out": str(out), "aim": aim, "budget": budget, "check": True}
    tables = apply_settings(_tables(model) | {"run": run, "data": data}, settings or [])
    recipe, chosen = settle(tables, name=out.name, out=out, force=force, progress=console.progress)
    show_choices(chosen, console)
    if dry_run:
        show_plan(recipe, console)
        return
    results = execute(recipe, console, chosen=chosen, brief=True, force=force)
    console.say(f"report: {results['report']}")
    take = results.get("take")
    following = f"look into {results['report']}: no student is advised"
    if take in recipe.arms:
        following = f'echo "…" | potstill predict {recipe.student_dir(take)}'
    choices = {key: vars(choice) for key, choice in chosen.filled.choices.items()} if chosen else {}
    console.done("distil", {"out": out, "chosen": choices, **results}, following=following)


def _tables(model: str) -> dict[str, Any]:
    """A recipe that leaves all numbers open, with an encoder to fine-tune or a teacher of `potstill teach`."""
    from data.manifest import seal_of
    from pipelines.auto.fill import everything

    tables = everything() | {"bench": {"texts": BENCH_TEXTS}}
    seal = seal_of(Path(model))
    if seal is not None and seal["kind"] == "teacher":
        return {key: table for key, table in tables.items() if key != "teach"} | {"teacher": {"path": model}}
    tables["teach"] |= {"model": model}
    return tables
