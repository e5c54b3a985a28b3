"""A student's config and the rows it learns from, settled against its caches before anything is written."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from data.errors import PotstillError
from data.manifest import Manifest
from data.schema import SIGNALS, split_signal
from student_train.budget import FEWEST, choose_budget, steps_of
from student_train.config import JOINT, PLUS, USUAL, TrainConfig
from student_train.feed.columns import chosen_columns
from student_train.feed.ensemble import Ensemble, choose_ensemble
from student_train.feed.reader import Reader
from student_train.loop.optim import USUAL_RATES
from student_train.losses.layers import Stack
from student_train.losses.loss import Moving
from student_train.losses.objective import pairs_of
from student_train.losses.table import (
    check_losses,
    read_losses,
    refuse_class_weights,
    rows_used,
    spell_losses,
    temperature_of,
)
from student_train.models.sizes import own_sizes, shape_of, sizes_alone
from student_train.models.table import choose_model, row_of, usual_of
from student_train.vocab.start import unit_of
from student_train.vocab.vocabulary import Joint, Subwords, Words


def resolve(config: TrainConfig, reader: Reader) -> TrainConfig:
    """Fill in what `auto` and 0 stand for, so that the config kept with a student says what was done."""
    if not config.seeds:
        raise PotstillError("seeds is empty", hint="e.g. --seeds 0,1,2")
    if len(set(config.seeds)) < len(config.seeds) or min(config.seeds) < 0:
        listed = ", ".join(map(str, config.seeds))
        raise PotstillError(f"seeds {listed} are not different whole numbers from 0 on", hint="e.g. --seeds 0,1,2")
    if config.optimizer not in USUAL_RATES:
        raise PotstillError(f"no optimizer {config.optimizer!r}", hint=f"optimizers: {', '.join(USUAL_RATES)}")
    reader.task.metric(config.best_by)  # refuses a metric that the task does not have
    found = ensemble_of(config, reader)
    config = replace(config, model=choose_model(config.model, reader.task, unit_of(config.vocabulary)))
    row = row_of(config.model)
    if config.start and JOINT not in row.units:
        raise PotstillError(
            f"train.start is for a student with layers, {config.model} has none",
            hint="--model transformer, or --set train.vectors=ENCODER for its word vectors",
        )
    config = row.settle(config)
    return replace(
        config,
        **usual_values(config),
        shape=sizes_alone(config),
        losses=spell_losses(config.losses),
        combine=found.rule if found else None,
        weights=found.weights if found else None,
    )


def usual_values(config: TrainConfig) -> dict[str, Any]:
    """What the student usually takes, of the fields that the config leaves open.

    A size that the parts of a sum disagree on stays open: each part's own stands in the sum's shape.
    """
    parts = config.model.split(PLUS)
    values = {name: {usual_of(part, name) for part in parts if name in own_sizes(part)} for name in USUAL}
    values["batch_size"] = {usual_of(config.model, "batch_size")}
    usual = {name: min(found) for name, found in values.items() if len(found) == 1 and getattr(config, name) is None}
    rate = usual_of(config.model, "lr") if config.optimizer == "adamw" else USUAL_RATES[config.optimizer]
    return usual | {"lr": config.lr or rate}


def settle_budget(
    config: TrainConfig, rows: int, *, say: Callable[[str], None], a_pass: int | None = None
) -> TrainConfig:
    """Choose how long to train on so many rows, where neither epochs nor steps are named, and say it.

    a_pass: how many of the rows one pass takes, if not all
    Errors: fewer than `FEWEST` steps, unless they are asked for by `steps` or `max_steps`.
    """
    batch = config.rows_a_step
    if not config.epochs and not config.steps:
        found = choose_budget(rows, batch)
        patience = found.patience if config.patience is None else config.patience
        config = replace(config, epochs=found.epochs, steps=found.steps, patience=patience)
        if not config.max_steps:
            say(found.why)
    taken = steps_of(config.epochs or 0, a_pass or rows, batch)
    if taken < FEWEST and not config.steps and not config.max_steps:
        raise PotstillError(
            f"{config.epochs} passes over {a_pass or rows:,} rows are {taken} steps of {config.batch_size}: "
            "a student learns nothing in so few",
            hint=f"leave epochs out, or name the steps: --set train.steps=500 (or {taken}, if you mean it)",
        )
    return replace(config, patience=config.patience or 0)


def choose_rows(config: TrainConfig, reader: Reader, cache: Manifest) -> Reader:
    """The rows and columns that the losses of a resolved config can use; refuse losses that have none.

    cache: the manifest of the (first) cache
    """
    losses = read_losses(config.losses)
    check_losses(losses, reader.task)
    columns = needed_columns(config, cache)
    if columns and len(reader.caches) > 1:
        raise PotstillError(
            f"the losses need {', '.join(columns)}, and of several teachers only logits can be combined",
            hint="name one cache, or losses on logits",
        )
    if config.class_weights is not None:
        refuse_class_weights(losses)
    return replace(reader, ensemble=ensemble_of(config, reader)).with_columns(columns).with_labels(rows_used(losses))


def ensemble_of(config: TrainConfig, reader: Reader) -> Ensemble | None:
    """How the caches' teachers are combined; None for one."""
    count, losses = len(reader.caches), read_losses(config.losses)
    temperature = temperature_of(losses)
    found = choose_ensemble(config.combine, config.weights, count=count, task=reader.task, temperature=temperature)
    moves = any(isinstance(loss, Moving) and "temperature" in loss.moving for loss in losses.values())
    if found and found.rule == "mean_probabilities" and moves:
        raise PotstillError(
            "the mean of probabilities is taken at one temperature, and that of the kl loss moves",
            hint="give kl one temperature, or --combine mean_logits",
        )
    return found


def needed_columns(config: TrainConfig, cache: Manifest) -> tuple[str, ...]:
    """Name the columns that the losses need besides `logits`; refuse losses that need what the cache does not hold."""
    required, has = compared_signals(config, teacher_stack(cache)), tuple(cache.config.get("signals", ["logits"]))
    missing = [name for name in required if name not in has and not any(held.startswith(f"{name}.") for held in has)]
    if missing:
        raise PotstillError(
            f"cache has no signal {missing[0]!r} (has: {', '.join(has)})",
            hint=f"potstill cache … --signals {','.join([*has, *missing])}",
        )
    of_tokens = any(SIGNALS[name.partition(".")[0]].per != "text" for name in required)
    return chosen_columns([*required, *(["input_ids"] if of_tokens else [])], has)


def compared_signals(config: TrainConfig, teacher: Stack | None) -> tuple[str, ...]:
    """Name the signals that the losses need: of those that compare layers the teacher's layers alone, `hidden.6`."""
    layers = shape_of(config, vocabulary=1, dimensions=1, classes=1).layers
    student = Stack(layers, 0) if layers else None
    found: list[str] = []
    for name, loss in read_losses(config.losses).items():
        pairs = pairs_of(name, loss, student, teacher, config.layer_map) if loss.weight > 0 else ()
        layered = [f"{signal}.{layer}" for signal in loss.needs.signals for _, layer in pairs]
        found += layered or loss.needs.signals
    return tuple(dict.fromkeys(found))


def teacher_stack(cache: Manifest, reader: Reader | None = None) -> Stack | None:
    """How deep and wide the teacher of a cache is; None where its manifest does not say.

    reader: of its rows, whose columns of queries say into how many heads they are cut
    """
    depth, width = cache.config.get("depth"), cache.config.get("width")
    return Stack(int(depth), int(width), reader.heads if reader else 0) if depth and width else None


def refuse_other_tokens(config: TrainConfig, reader: Reader, vocabulary: Words | Subwords | Joint) -> None:
    """Refuse signals a sub-word for a student that does not read the teacher's sub-words."""
    found = [column for column in reader.columns if split_signal(column)[0].per != "text"]
    if found and not vocabulary.joint:
        raise PotstillError(
            f"{', '.join(found)} speak of the teacher's sub-words, special tokens included, which a {config.model} "
            f"with vocabulary={config.vocabulary} does not read",
            hint="take losses on logits, cls or mean, or a student that reads the teacher's sub-words",
        )
