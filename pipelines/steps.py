"""A recipe → the steps of its run, in order. The only place that knows which phase reads what of which."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from data import config as configs
from data import store
from data.errors import NO_INPUT, PotstillError
from data.progress import Progress
from pipelines import phases
from pipelines.inputs import REMOTE, locate, locate_teacher
from pipelines.ledger import Step
from pipelines.recipe import Recipe
from teacher_cache.config import CacheConfig

EVALUATED, BENCHED = "evaluate.json", "bench.json"
TEACHER = "teacher"  # the teacher's name in the final table


def steps_of(recipe: Recipe) -> list[Step]:
    """List everything a run makes, each after what it needs."""
    teach = [_teach(recipe)] if recipe.teach else []
    caches = [_cache(recipe), *(_cache_other(recipe, name) for name in recipe.others)]
    arms = [_train(recipe, arm) for arm in recipe.arms]
    return [*teach, _augment(recipe), *caches, *arms, _evaluate(recipe), _bench(recipe)]


def _teach(recipe: Recipe) -> Step:
    files = phases.Files(recipe.reading, recipe.source(recipe.files.train), recipe.source(recipe.files.dev))
    out = recipe.out / "encoder"
    arguments = {"config": recipe.teach, "files": files, "model": recipe.teacher, "out": out}
    inputs = _placed(recipe, {"train": recipe.files.train, "dev": recipe.files.dev})
    config = configs.as_dict(recipe.teach) | configs.as_dict(recipe.reading)
    return Step("teach", out, config, inputs | {"model": locate_teacher(recipe.teacher)}, phases.teach, arguments)


def _augment(recipe: Recipe) -> Step:
    named, out = recipe.files, recipe.out / "examples"
    kept_out = tuple(dict.fromkeys(path for path in (named.dev, named.test, *named.exclude) if path))
    files = phases.Files(
        recipe.reading,
        recipe.source(named.train),
        unlabelled=tuple(recipe.unlabelled(path) for path in named.unlabelled),
        exclude=tuple(recipe.unlabelled(path) for path in kept_out),
    )
    roles = {"train": named.train}
    roles |= {f"unlabelled {path}": path for path in named.unlabelled}
    roles |= {f"exclude {path}": path for path in kept_out}
    config = configs.as_dict(recipe.augment) | configs.as_dict(recipe.reading)
    arguments = {"config": recipe.augment, "files": files, "out": out}
    return Step("augment", out, config, _placed(recipe, roles), phases.augment, arguments)


def _cache(recipe: Recipe) -> Step:
    config = replace(recipe.cache, signals=needed_signals(recipe))
    return _cache_of(recipe, recipe.teacher_dir, config, "")


def _cache_other(recipe: Recipe, name: str) -> Step:
    """The cache of a further teacher: its logits are all that can be combined."""
    config = replace(recipe.cache, signals=("logits",))
    return _cache_of(recipe, locate_teacher(recipe.others[name]), config, name)


def _cache_of(recipe: Recipe, teacher: str, config: CacheConfig, name: str) -> Step:
    examples, out = recipe.out / "examples", recipe.cache_dir(name)
    arguments = {"config": config, "examples": examples, "teacher": teacher, "out": out}
    inputs = {"examples": str(examples), "teacher": teacher}
    return Step(f"cache {name}".strip(), out, configs.as_dict(config), inputs, phases.cache, arguments)


def needed_signals(recipe: Recipe) -> tuple[str, ...]:
    """Name what the cache must hold: what the recipe asks for, and what the losses of its students need.

    This is the one wire that runs backwards, from the students to the teacher.
    """
    from student_train.losses.table import required_signals

    asked = recipe.cache.signals
    wanted = [signal for config in recipe.arms.values() for signal in required_signals(config.losses)]
    held = {name.partition(".")[0] for name in asked}
    return tuple(dict.fromkeys([*asked, *(name for name in wanted if name not in held)]))


def _train(recipe: Recipe, arm: str) -> Step:
    config, out, teacher = recipe.arms[arm], recipe.student_dir(arm), recipe.cache_dir()
    also = {name: recipe.cache_dir(name) for name in recipe.others}
    inputs = {"cache": str(teacher)} | {f"cache {name}": str(place) for name, place in also.items()}
    inputs |= _placed(recipe, {"dev": recipe.files.dev})
    arguments = {"config": config, "teacher": teacher, "dev": recipe.source(recipe.files.dev), "out": out}
    if also:
        arguments["also"] = list(also.values())
    return Step(f"train {arm}", out, configs.as_dict(config), inputs, phases.train, arguments)


def _evaluate(recipe: Recipe) -> Step:
    models, out = _models(recipe), recipe.out / EVALUATED
    sources = {split: recipe.source(path) for split, path in recipe.measured.items()}
    arguments = {"work": phases.evaluate, "out": out, "models": models, "sources": sources}
    arguments |= {"reading": recipe.reading, "teacher": TEACHER}
    inputs = {name: str(place) for name, place in models.items()} | _placed(recipe, recipe.measured)
    return Step("evaluate", out, {}, inputs, keep, arguments)


def _bench(recipe: Recipe) -> Step:
    models, out = _models(recipe), recipe.out / BENCHED
    path = recipe.files.test or recipe.files.dev
    arguments = {"work": phases.bench, "out": out, "models": models, "source": recipe.unlabelled(path)}
    inputs = {name: str(place) for name, place in models.items()} | _placed(recipe, {"texts": path})
    # Elsewhere threads change how and not what (`ledger.HOW_ONLY`); here they are what the numbers mean.
    config = {"measured on": f"{recipe.bench.threads} threads"}
    return Step("bench", out, config, inputs, keep, arguments | {"threads": recipe.bench.threads})


def keep(*, work: Any, out: Path, progress: Progress, **arguments: Any) -> None:
    """Call a phase that returns numbers and keep them as JSON."""
    store.write_json(out, work(**arguments, progress=progress))


def _models(recipe: Recipe) -> dict[str, Path]:
    """Name the directories that the final table compares."""
    return {TEACHER: Path(recipe.teacher_dir)} | {arm: recipe.student_dir(arm) for arm in recipe.arms}


def _placed(recipe: Recipe, named: Mapping[str, str]) -> dict[str, str]:
    """Find files of [data]; a missing one is refused before anything runs."""
    places = {role: str(locate(recipe.place(path))) for role, path in named.items()}
    for place in places.values():
        if not place.startswith(REMOTE) and not Path(place).exists():
            hint = "the files of a recipe lie under [data] root: --set data.root=FOLDER"
            raise PotstillError(f"{place} is not there", hint=hint, code=NO_INPUT)
    return places
