"""A recipe that leaves values open → one with numbers, and what was chosen, kept in the run's directory.

The same data gets the same choices again, and what is made already is never chosen anew: its choices are taken over.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data import config as configs
from data import store
from data.errors import PotstillError
from data.layout import CHOICES, CHOSEN, TRIED
from data.progress import Progress
from data.readers.identity import fingerprint, is_scratch, of_source
from pipelines.auto.choice import Choice
from pipelines.auto.costs import Pace, pace_of
from pipelines.auto.facts import Encoder, Facts, facts_of
from pipelines.auto.fill import Filled, Tables, asks, fill, without_open
from pipelines.auto.students import AIMS, LABELS, fitting_models
from pipelines.inputs.files import Files
from pipelines.inputs.places import locate_teacher
from pipelines.recipes import toml
from pipelines.recipes.files import find_recipe, read_recipe
from pipelines.recipes.recipe import ONLY, Recipe, from_tables


@dataclass(frozen=True)
class Chosen:
    """What was chosen for a run. inputs: hash of the files and the model that the facts are of; aim: of the run."""

    inputs: str
    facts: Facts
    pace: Pace
    filled: Filled
    aim: str = AIMS[0]

    def keep(self, run: Path) -> None:
        """Write it into the directory of the run: a recipe with the reasons as remarks, and the same for us."""
        filled = self.filled
        choices = {key: asdict(choice) for key, choice in filled.choices.items()}
        about = {"inputs": self.inputs, "facts": asdict(self.facts), "pace": asdict(self.pace), "aim": self.aim}
        store.write_json(run / CHOICES, about | {"choices": choices, "minutes": filled.minutes})
        remarks = {key: choice.why for key, choice in filled.choices.items()}
        store.write_text(run / CHOSEN, toml.write(filled.tables, remarks))


def load(
    name: str, *, settings: Sequence[str] = (), out: Path | None = None, force: bool = False, progress: Progress
) -> tuple[Recipe, Chosen | None]:
    """Read a recipe as `recipes.recipe.load` does, and choose what it leaves open."""
    tables = configs.apply_settings(read_recipe(name), list(settings))
    return settle(tables, name=find_recipe(name).stem, out=out, force=force, progress=progress)


def settle(
    tables: Tables, *, name: str, out: Path | None = None, force: bool = False, progress: Progress
) -> tuple[Recipe, Chosen | None]:
    """Choose what the tables leave open; None where that is nothing.

    force: outputs that are there do not bind. Errors: those of the recipe, its files and its teacher.
    """
    if not asks(tables):
        return from_tables(tables, name=name, out=out), None
    draft = from_tables(without_open(tables), name=name, out=out)
    inputs, before = inputs_of(draft), read_chosen(draft.out)
    if before is None or before.inputs != inputs:
        test = draft.source(draft.files.test) if draft.files.test else None
        facts = facts_of(files_of(draft), draft.teacher, test=test, finished=draft.teach is None, progress=progress)
        pace, bound = pace_of(facts), {}
    else:
        facts, pace = before.facts, before.pace
        bound = {} if force else made(draft.out, before, draft.aim)
    filled = fill(tables, facts, pace, fitting_models(facts.pair), bound)
    return from_tables(filled.tables, name=name, out=out), Chosen(inputs, facts, pace, filled, draft.aim)


def files_of(recipe: Recipe) -> Files:
    """The files of a recipe as sources."""
    named = recipe.files
    unlabelled = tuple(recipe.unlabelled(path) for path in named.unlabelled)
    return Files(recipe.reading, recipe.source(named.train), recipe.source(named.dev), unlabelled)


def inputs_of(recipe: Recipe) -> str:
    """One hash over the files, how they are read, and the model."""
    files, model = files_of(recipe), locate_teacher(recipe.teacher)
    assert files.dev is not None
    sources = [of_source(source) for source in (files.train, files.dev, *files.unlabelled)]
    teacher = model if is_scratch(model) else fingerprint(model)
    return store.digest_of([*sources, teacher, recipe.teach is None, configs.as_dict(recipe.reading)])


def read_chosen(run: Path) -> Chosen | None:
    """What was chosen for a run before; None where nothing was, or it cannot be read: then it is chosen again."""
    if not (run / CHOICES).is_file():
        return None
    try:
        values = store.read_json(run / CHOICES)
        facts = Facts(**(values["facts"] | {"teacher": Encoder(**values["facts"]["teacher"])}))
        choices = {key: Choice(**choice) for key, choice in values["choices"].items()}
        filled = Filled({}, choices, values["minutes"])
        return Chosen(values["inputs"], facts, Pace(**values["pace"]), filled, values["aim"])
    except (PotstillError, KeyError, TypeError):
        return None


def made(run: Path, before: Chosen, aim: str) -> dict[str, Choice]:
    """The choices that an output of the run, finished or not, was made by; for another aim, other students."""
    choices = before.filled.choices
    outputs = {"teach": "teacher", "augment": "examples", "cache": "cache", "trial": TRIED}

    def is_bound(key: str) -> bool:
        table, _, rest = key.partition(".")
        if key == "arms":
            return aim == before.aim and any(_student(run, arm).exists() for arm, _ in choices[key].value)
        return (run / outputs[table] if table in outputs else _student(run, rest.partition(".")[0])).exists()

    return {key: choice for key, choice in choices.items() if is_bound(key)}


def _student(run: Path, arm: str) -> Path:
    return run / (arm if arm == ONLY else f"student-{arm}")


def shown(filled: Filled) -> list[dict[str, Any]]:
    """Rows of a table for a person; what is the same for several students stands in one row."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for key, choice in filled.choices.items():
        if not choice.why:
            continue
        arm, _, field = key.partition(".")[2].rpartition(".")
        value = ", ".join(name for name, _ in choice.value) if key == "arms" else spelled(choice.value)
        alike.setdefault((f"train.{field}" if arm else key, value, choice.why), []).append(arm)
    everyone = {arm for arms in alike.values() for arm in arms}
    return [
        {"setting": key, "of": _named(arms, everyone), "value": value, "because": why}
        for (key, value, why), arms in alike.items()
    ]


def _named(arms: Sequence[str], everyone: Collection[str]) -> str:
    """The students that a choice is of, in few words."""
    some, every = ({arm for arm in names if arm} for names in (arms, everyone))
    distilled = {arm for arm in every if not arm.startswith(f"{LABELS}-")}
    if some and some in (every, distilled):
        return "all" if some == every else "distilled"
    return ", ".join(arm for arm in arms if arm)


def spelled(value: Any) -> str:
    """A value as one reads it: `kl (temperature 2.0)`, `dan, 1,000 steps`."""
    if not isinstance(value, Mapping):
        return str(value)
    if "steps" in value:
        return f"{value.get('model', 'a student')}, {value['steps']:,} steps"
    named = {
        name: {k: v for k, v in options.items() if k != "weight"} if isinstance(options, Mapping) else {}
        for name, options in value.items()
    }
    return ", ".join(
        name + (f" ({', '.join(f'{key} {item}' for key, item in rest.items())})" if rest else "")
        for name, rest in named.items()
    )
