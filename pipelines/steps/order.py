"""A recipe → the steps of its run, in order. The only module that wires outputs of phases to inputs of others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from augment import config as of_augment
from data import config as configs
from data import store
from data.errors import NO_INPUT, PotstillError
from data.layout import BENCHED, CHECKED, EVALUATED, RIVALS, TRIAL, TRIED
from data.progress import Progress
from data.readers.identity import is_scratch
from data.readers.source import Source
from pipelines import phases
from pipelines.auto.students import AUTO
from pipelines.inputs.encoders import depth_of
from pipelines.inputs.places import BASE, REMOTE, locate_base, locate_teacher
from pipelines.recipes.recipe import TEACHER_DIR, Recipe
from pipelines.scores.trial import trial_config
from pipelines.steps import tried
from pipelines.steps.ledger import Step
from student_train import config as of_train
from student_train.config import MEANS, TrainConfig
from teacher_cache import config as of_cache
from teacher_cache.config import CacheConfig

TEACHER = "teacher"  # the teacher's name in the final table


def steps_of(recipe: Recipe) -> list[Step]:
    """List everything a run makes, each after what it needs."""
    teach = [_teach(recipe)] if recipe.teach else []
    trial = [_trial(recipe)] if _waiting(recipe) else []
    arms = [_train(recipe, arm) for arm in recipe.arms]
    return [
        *teach,
        _augment(recipe),
        *([_check(recipe)] if recipe.check and recipe.teach else []),
        *_caches(recipe),
        *trial,
        *arms,
        _evaluate(recipe),
        _rivals(recipe),
        _bench(recipe),
    ]


def _teach(recipe: Recipe) -> Step:
    train, dev, out = recipe.source(recipe.files.train), recipe.source(recipe.files.dev), recipe.out / TEACHER_DIR
    symmetric = recipe.augment.symmetric
    files = phases.Files(recipe.reading, train, dev, exclude=_kept_out(recipe), symmetric=symmetric)
    arguments = {"config": recipe.teach, "files": files, "model": recipe.teacher, "out": out}
    inputs = _there({"train": train, "dev": dev} | _numbered("exclude", files.exclude))
    inputs |= {"model": locate_teacher(recipe.teacher)}
    config = configs.as_dict(recipe.teach) | _meaning(recipe) | {"symmetric": symmetric}
    return Step("teach", out, config, inputs, phases.teach, arguments, of_train.HOW_ONLY, of_train.LEFT_OPEN)


def _augment(recipe: Recipe) -> Step:
    named, out = recipe.files, recipe.out / "examples"
    files = phases.Files(
        recipe.reading,
        recipe.source(named.train),
        unlabelled=tuple(recipe.unlabelled(path) for path in named.unlabelled),
        exclude=_kept_out(recipe),
    )
    inputs = {"train": files.train} | _numbered("unlabelled", files.unlabelled) | _numbered("exclude", files.exclude)
    config = configs.as_dict(recipe.augment) | _meaning(recipe)
    arguments = {"config": recipe.augment, "files": files, "out": out}
    return Step(
        "augment", out, config, _there(inputs), phases.augment, arguments, of_augment.HOW_ONLY, of_augment.LEFT_OPEN
    )


def _kept_out(recipe: Recipe) -> tuple[Source, ...]:
    """The files that no model may learn from: dev, test and the excluded ones."""
    named = recipe.files
    paths = dict.fromkeys(path for path in (named.dev, named.test, *named.exclude) if path)
    return tuple(recipe.unlabelled(path) for path in paths)


def _numbered(role: str, sources: Sequence[Source]) -> dict[str, Source]:
    return {f"{role} {number}": source for number, source in enumerate(sources, 1)}


def _caches(recipe: Recipe) -> Iterator[Step]:
    """The cache of the teacher, and those of further teachers: their logits are all that can be combined."""
    yield _cache(recipe, recipe.teacher_dir, replace(recipe.cache, signals=needed_signals(recipe)), "")
    config = replace(recipe.cache, signals=("logits",), teacher_labels=None)
    for name, place in recipe.others.items():
        yield _cache(recipe, locate_teacher(place), config, name)


def _cache(recipe: Recipe, teacher: str, config: CacheConfig, name: str) -> Step:
    examples, out = recipe.out / "examples", recipe.cache_dir(name)
    arguments = {"config": config, "examples": examples, "teacher": teacher, "out": out}
    inputs: dict[str, Source | str] = {"examples": str(examples), "teacher": teacher}
    step = f"cache {name}".strip()
    return Step(
        step, out, configs.as_dict(config), inputs, phases.cache, arguments, of_cache.HOW_ONLY, of_cache.LEFT_OPEN
    )


def needed_signals(recipe: Recipe) -> tuple[str, ...]:
    """Name what the cache must hold: what the recipe asks for, and what its students need: their losses, and
    their word vectors.

    The only setting that flows backwards, from the students to the cache.
    """
    asked, arms = recipe.cache.signals, recipe.arms.values()
    wanted = [signal for config in arms for signal in _signals_of(recipe, config)]
    wanted += ["hidden", "input_ids"] if any(config.vectors == MEANS for config in arms) else []
    held = {name.partition(".")[0] for name in asked} | set(asked)
    missing = (name for name in wanted if name not in held and name.partition(".")[0] not in asked)
    return tuple(dict.fromkeys([*asked, *missing]))


def _signals_of(recipe: Recipe, config: TrainConfig) -> Sequence[str]:
    """What the losses of one student need; of those that compare layers, the teacher's layers that are compared."""
    from student_train.losses.layers import Stack
    from student_train.losses.table import read_losses, required_signals
    from student_train.resolve import compared_signals
    from student_train.stages import stages_of

    found: list[str] = []
    for stage in stages_of(config):
        if not any(loss.needs.layers for loss in read_losses(stage.losses).values()):
            found += required_signals(stage.losses)
            continue
        encoder = locate_teacher(recipe.teacher) if recipe.teach else recipe.teacher_dir
        found += [*compared_signals(stage, Stack(depth_of(encoder), 0)), "input_ids"]
    return tuple(dict.fromkeys(found))


def _check(recipe: Recipe) -> Step:
    examples, teacher, out = recipe.out / "examples", recipe.out / TEACHER_DIR, recipe.out / CHECKED
    dev = recipe.source(recipe.files.dev)
    arguments = {"work": tried.check, "out": out, "examples": examples, "teacher": teacher, "dev": dev}
    inputs = {"examples": str(examples), "teacher": str(teacher)} | _there({"dev": dev})
    return Step("check", out, {}, inputs, keep, arguments)


def _waiting(recipe: Recipe) -> dict[str, TrainConfig]:
    """The students of which a trial says what rows they learn from."""
    return {arm: config for arm, config in recipe.arms.items() if config.rows == AUTO}


def _trial(recipe: Recipe) -> Step:
    config, out = recipe.trial or trial_config(_waiting(recipe)), recipe.out / TRIED
    spelled, read, arguments = _learning(recipe, config)
    arguments |= {"work": tried.trial, "scratch": recipe.out / TRIAL, "out": out}
    return Step("trial", out, spelled, read, keep, arguments, of_train.HOW_ONLY, of_train.LEFT_OPEN)


def _train(recipe: Recipe, arm: str) -> Step:
    config, out = recipe.arms[arm], recipe.student_dir(arm)
    work: Callable[..., Any] = phases.train
    spelled, read, arguments = _learning(recipe, config)
    if arm in _waiting(recipe):
        verdict, work = recipe.out / TRIED, tried.train_as_tried
        read |= {"trial": str(verdict)}
        arguments |= {"verdict": verdict}
    arguments |= {"out": out}
    return Step(f"train {arm}", out, spelled, read, work, arguments, of_train.HOW_ONLY, of_train.LEFT_OPEN)


def _learning(recipe: Recipe, config: TrainConfig) -> tuple[dict[str, Any], dict[str, Source | str], dict[str, Any]]:
    """What training a student reads: its config as it is recorded, its inputs, and the arguments for the phase."""
    from student_train.losses.table import spell_losses
    from student_train.stages import stages_of

    config = _from_there(recipe, _from_base(recipe, config))
    last = stages_of(config)[-1]
    spelled = configs.as_dict(last) | {"losses": spell_losses(last.losses)}
    caches = {f"cache {name}".strip(): recipe.cache_dir(name) for name in ("", *recipe.others)}
    dev = recipe.source(recipe.files.dev)
    inputs: dict[str, Source | str] = {role: str(place) for role, place in caches.items()}
    inputs |= {"vectors": config.vectors} if config.vectors not in ("", MEANS) else {}
    inputs |= {"start": config.start} if config.start else {}
    return spelled, inputs | _there({"dev": dev}), {"config": config, "caches": list(caches.values()), "dev": dev}


def _from_base(recipe: Recipe, config: TrainConfig) -> TrainConfig:
    """Write where the word vectors of the encoder before fine-tuning are, for `vectors = "base"`; random where that is
    not known."""
    if config.vectors != BASE:
        return config
    place = _base_of(recipe)
    return replace(config, vectors=place) if place else replace(config, vectors="", vocabulary="subwords")


def _base_of(recipe: Recipe) -> str | None:
    """The encoder before fine-tuning; None where it is not known, or had random weights."""
    place = locate_teacher(recipe.teacher) if recipe.teach else locate_base(recipe.teacher_dir)
    return None if place is None or is_scratch(place) else place


def _from_there(recipe: Recipe, config: TrainConfig) -> TrainConfig:
    """Write where the encoder is whose layers a transformer starts from: `teacher`, or `base` before fine-tuning."""
    if config.start == TEACHER:
        return replace(config, start=recipe.teacher_dir)
    if config.start != BASE:
        return config
    if (place := _base_of(recipe)) is None:
        raise PotstillError(
            "train.start = base: the encoder that the teacher was fine-tuned from is not known, or had random weights",
            hint='start = "teacher", or name a folder',
        )
    return replace(config, start=place)


def _evaluate(recipe: Recipe) -> Step:
    models, out = _models(recipe), recipe.out / EVALUATED
    sources = {split: recipe.source(path) for split, path in recipe.measured.items()}
    arguments = {"work": phases.evaluate, "out": out, "models": models, "sources": sources}
    arguments |= {"reading": recipe.reading, "teacher": TEACHER, "keep_in": recipe.out}
    inputs = {name: str(place) for name, place in models.items()} | _there(sources)
    return Step("evaluate", out, {}, inputs, keep_scores, arguments)


def _rivals(recipe: Recipe) -> Step:
    examples, cache, out = recipe.out / "examples", recipe.cache_dir(), recipe.out / RIVALS
    sources = {split: recipe.source(path) for split, path in recipe.measured.items()}
    arguments = {"work": phases.rivals, "out": out, "examples": examples, "cache": cache, "sources": sources}
    inputs = {"examples": str(examples), "cache": str(cache)} | _there(sources)
    return Step("rivals", out, {}, inputs, keep_scores, arguments | {"keep_in": recipe.out})


def _bench(recipe: Recipe) -> Step:
    models, out = _models(recipe), recipe.out / BENCHED
    texts = recipe.unlabelled(recipe.files.test or recipe.files.dev)
    arguments = {"work": phases.bench, "out": out, "models": models, "source": texts}
    inputs = {name: str(place) for name, place in models.items()} | _there({"texts": texts})
    config = {"measured on": f"{recipe.bench.threads} threads, {recipe.bench.texts} texts"}
    arguments |= {"threads": recipe.bench.threads, "most": recipe.bench.texts, "keep_in": recipe.out}
    return Step("bench", out, config, inputs, keep, arguments)


def keep(*, work: Any, out: Path, progress: Progress, **arguments: Any) -> None:
    """Call a phase that returns numbers and keep them as JSON."""
    store.write_json(out, work(**arguments, progress=progress))


def keep_scores(*, work: Any, out: Path, progress: Progress, **arguments: Any) -> None:
    """Call a phase that measures models on files and keep the scores as JSON."""
    found = work(**arguments, progress=progress)
    store.write_json(
        out, {name: {file: held.to_json() for file, held in files.items()} for name, files in found.items()}
    )


def _models(recipe: Recipe) -> dict[str, Path]:
    """Name the directories that the final table compares."""
    return {TEACHER: Path(recipe.teacher_dir)} | {arm: recipe.student_dir(arm) for arm in recipe.arms}


def _meaning(recipe: Recipe) -> dict[str, Any]:
    """The user's settings of the task; how a file is read belongs to the file."""
    said = configs.as_dict(recipe.reading)
    return {name: value for name, value in said.items() if name not in Source.__dataclass_fields__}


def _there(sources: Mapping[str, Source]) -> dict[str, Source | str]:
    """Refuse a file that is missing, before anything runs."""
    for source in sources.values():
        place = str(source.path)
        if not place.startswith(REMOTE) and not Path(place).exists():
            hint = "the files of a recipe lie under [data] root: --set data.root=FOLDER"
            raise PotstillError(f"{place} is not there", hint=hint, code=NO_INPUT)
    return dict(sources)
