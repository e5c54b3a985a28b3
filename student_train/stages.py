"""A training in stages that follow each other, each from the weights of the one before. Config -> a config a stage."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from data.config import as_dict, build
from data.errors import PotstillError
from data.layout import LAST_STEP, SEED, WEIGHTS
from data.manifest import open_sealed, read_manifest, seal_of
from data.store import digest_of
from student_train.config import HOW_ONLY, TrainConfig
from student_train.losses.table import read_losses, required_signals

# What a stage may say for itself; all else decides which network is trained, and is the same for all of them.
WHAT = ("method", "losses", "layer_map", "frozen", "rows", "draws", "class_weights", "best_by")
HOW_LONG = ("epochs", "steps", "max_steps", "batch_size", "accumulate", "patience", "evaluations")
HOW_FAST = ("optimizer", "lr", "embedding_lr", "weight_decay", "schedule", "warmup", "clip", "ema")
OWN = (*WHAT, *HOW_LONG, *HOW_FAST)


def stages_of(config: TrainConfig) -> list[TrainConfig]:
    """The configs of all stages, in order; a config without stages is its only one. The last keeps `stages`.

    What a stage does not say is as [train] says it. Errors: a key that a stage cannot have, a value of another type.
    """
    if not config.stages:
        return [config]
    found = [_stage(config, stage, number) for number, stage in enumerate(config.stages, 1)]
    return [*found[:-1], replace(found[-1], stages=config.stages)]


def _stage(config: TrainConfig, stage: dict[str, Any], number: int) -> TrainConfig:
    where = f"[[train.stages]] {number}"
    if wrong := sorted(stage.keys() - set(OWN)):
        raise PotstillError(f"{where}: {wrong[0]!r} is no setting of a stage", hint=f"settings: {', '.join(OWN)}")
    common = {name: value for name, value in as_dict(config).items() if name != "stages"}
    for one, other in (("method", "losses"), ("losses", "method")):
        if one in stage and other not in stage:
            common.pop(other, None)
    made = build(TrainConfig, common | stage, where=where)
    if made.stages:
        raise PotstillError(f"{where}: {made.method} has stages of its own", hint="name its losses, stage by stage")
    return made


def asks_teacher(config: TrainConfig) -> bool:
    """Whether a student learns anything of its teacher, in any stage; else from labels alone."""
    return any(required_signals(stage.losses) for stage in stages_of(config))


def identity_of(begin: Path) -> str:
    """What the students of a stage are made by and from: the same where a stage is made again, or for another seed."""
    seal = seal_of(begin)
    assert seal is not None
    manifest = read_manifest(begin, seal["kind"], parts=False)
    config = {name: value for name, value in manifest.config.items() if name not in {*HOW_ONLY, "precision", "seeds"}}
    return digest_of([config, {role: root for role, root in manifest.made_from.items() if not role.startswith(SEED)}])


def left_by(begin: Path, seed: int) -> Path:
    """The weights that a stage hands on: those of its best step, or of the last where all losses compare layers."""
    place = begin / f"{SEED}{seed}" if (begin / f"{SEED}{seed}").is_dir() else begin
    losses = read_losses(open_sealed(place, "student").config["losses"])
    silent = all(loss.needs.layers for loss in losses.values())
    return (place / LAST_STEP if silent else place) / WEIGHTS
