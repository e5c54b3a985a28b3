"""All phases of a recipe, in order, into one run directory. Recipe → phases.json, results.json and the report.

A step that is finished and unchanged is skipped; a stale one stops the run before anything is computed, naming what
changed, or is moved aside with `force`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data import store
from data.errors import STALE, PotstillError
from data.layout import MEASURED, RECIPE, REPORT, RESULTS
from data.manifest import read_manifest
from data.running.claims import only_writer
from data.running.output import refuse_foreign
from pipelines.auto.facts import sentence
from pipelines.auto.kept import Chosen, shown
from pipelines.recipes import toml
from pipelines.recipes.recipe import Recipe
from pipelines.scores.advice import Advice, advice_of, measured_of
from pipelines.screen.console import Console
from pipelines.screen.loglines import duration
from pipelines.steps import ledger, results
from pipelines.steps.apart import Measured, Runner, run_apart
from pipelines.steps.ledger import State, Step
from pipelines.steps.order import TEACHER, steps_of


def plan_of(recipe: Recipe) -> list[tuple[Step, State]]:
    """Look at every step: done, missing, unfinished, stale, or waiting for one before it."""
    records = ledger.read(recipe.out)
    unmade: set[str] = set()
    plan = []
    for step in steps_of(recipe):
        state = ledger.state_of(step, records.get(step.name), frozenset(unmade))
        if state.word != ledger.DONE:
            unmade.add(str(step.out))
        plan.append((step, state))
    return plan


def show_plan(recipe: Recipe, console: Console) -> None:
    """Print what a run would do, and do nothing."""
    plan = plan_of(recipe)
    rows = [
        {
            "phase": step.name,
            "state": state.word,
            "inputs": ", ".join(dict.fromkeys(Path(place).name for place in step.places.values())),
            "output": step.out.name,
            "why": "; ".join(state.why),
        }
        for step, state in plan
    ]
    console.table(rows, title=f"{recipe.name} → {recipe.out}")
    console.done("run", {"out": recipe.out, "plan": rows}, following="the same command without --dry-run")


def show_choices(chosen: Chosen | None, console: Console) -> None:
    """Print what was chosen, each with its reason, and about how long the phases take."""
    if chosen is None:
        return
    console.table(shown(chosen.filled), title=f"chosen from {sentence(chosen.facts)}")
    minutes = chosen.filled.minutes
    rows = [{"phase": name, "about minutes": round(value, 1)} for name, value in minutes.items()]
    console.table([*rows, {"phase": "all", "about minutes": round(sum(minutes.values()), 1)}], title="estimate")


def execute(
    recipe: Recipe,
    console: Console,
    *,
    chosen: Chosen | None = None,
    brief: bool = False,
    force: bool = False,
    runner: Runner = run_apart,
) -> dict[str, Any]:
    """Make what is missing, measure all models, write the report; return the final table.

    chosen: what was chosen for the recipe, which is kept beside it; brief: show the shorter table of models
    Errors: STALE before any work when something was made from other inputs or another config (unless `force`);
    TRY_AGAIN when another process holds the run.
    """
    from student_train.stages import asks_teacher

    refuse_foreign(recipe.out, "run")
    with _held(recipe.out):
        if not force:
            refuse_stale(plan_of(recipe))
        store.write_text(recipe.out / RECIPE, toml.write(recipe.tables()))
        if chosen:
            chosen.keep(recipe.out)
        for step in steps_of(recipe):
            _make(recipe, step, console, force=force, runner=runner)
        task = read_manifest(recipe.cache_dir(), "cache").task
        plain = [name for name, config in recipe.arms.items() if not asks_teacher(config)]
        found = results.collect(recipe.out, task, [TEACHER, *recipe.arms], plain)
    metrics = {config.best_by for config in recipe.arms.values()}
    models = measured_of(found, plain, metrics.pop() if len(metrics) == 1 else None)
    advice = advice_of(recipe.out, models, aim=recipe.aim)
    show_results(recipe, models.table() if brief else [results.shown(row) for row in found.rows], advice, console)
    from pipelines.report.write import write_report

    kept = found.to_json()
    if advice:
        kept |= {"take": advice.take, "advice": advice.sentence}
        store.write_json(recipe.out / RESULTS, kept)
    return kept | {"report": write_report(recipe.out)}


def refuse_stale(plan: list[tuple[Step, State]]) -> None:
    """Stop when anything is stale, naming all that changed."""
    stale = [(step, state) for step, state in plan if state.word == ledger.STALE]
    if stale:
        why = "; ".join(dict.fromkeys(reason for _, state in stale for reason in state.why))
        raise PotstillError(
            f"{', '.join(str(step.out) for step, _ in stale)} made otherwise than asked now: {why}",
            hint="--force moves it aside (NAME.stale-N) and makes it again; -o DIR starts another run",
            code=STALE,
        )


def _make(recipe: Recipe, step: Step, console: Console, *, force: bool, runner: Runner) -> None:
    """Bring one step to its end, if it is not there yet."""
    record, say = ledger.read(recipe.out).get(step.name), console.progress.note
    state = ledger.state_of(step, record)
    if state.word == ledger.DONE:
        say(f"{step.name}: finished and unchanged")
        return
    if state.word == ledger.STALE:
        if not force:
            refuse_stale([(step, state)])
        say(f"{step.name}: {'; '.join(state.why)}; moved aside to {ledger.set_aside(step.out)}")
        record = None
    started = ledger.begun(step, record)
    ledger.write(recipe.out, step, started)
    say(f"{step.name}: {', '.join(step.places.values())} → {step.out}")
    measured = _run(step, say, force=force, runner=runner, quiet=console.quiet)
    ended = ledger.finished(step, started, measured)
    ledger.write(recipe.out, step, ended)
    say(f"{step.name}: {duration(measured.seconds)}, peak {ended['peak_megabytes']:,.0f} MB")


def _run(step: Step, say: Callable[[str], None], *, force: bool, runner: Runner, quiet: bool) -> Measured:
    """Run a step; where the phase itself finds its output stale (made outside this run), `force` holds for it too."""
    try:
        return runner(step.work, step.arguments, quiet=quiet)
    except PotstillError as error:
        if error.code != STALE or not force or not step.out.exists():
            raise
        say(f"{step.name}: {error.message}; moved aside to {ledger.set_aside(step.out)}")
        return runner(step.work, step.arguments, quiet=quiet)


def show_results(recipe: Recipe, models: list[dict[str, Any]], advice: Advice | None, console: Console) -> None:
    """Print what each phase cost, the models side by side, and which of them to take."""
    records = ledger.read(recipe.out)
    costs = ("seconds", "rows", "rows_per_second", "peak_megabytes")
    phases = [
        {"phase": step.name} | {key: records[step.name].get(key) for key in costs}
        for step in steps_of(recipe)
        if step.name in records
    ]
    console.table(phases, title="phases")
    console.table(models, title="models")
    for said in (*[f"warning: {warning}" for warning in advice.warnings], advice.sentence) if advice else ():
        console.say(said)


@contextmanager
def _held(out: Path) -> Iterator[None]:
    """Hold the run directory: two runs at once would write the same files. What a killed one left goes first.

    The directories of the phases have writers of their own. Beside them `evaluate`, `bench` and `report` write, too,
    and hold nothing: their files stay as long as their process lives.
    """
    with only_writer(out) as known:
        for path in store.leftovers(out) if known else ():
            if path.relative_to(out).parts[0] in (path.name, MEASURED, REPORT) and not store.is_being_written(path):
                path.unlink(missing_ok=True)
        yield
