"""What a cache notes of its making: where examples and teacher were, and the config that continues it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from data.errors import BAD_DATA, NO_INPUT, PotstillError
from data.manifest import Manifest, read_manifest
from teacher_cache.config import CacheConfig
from teacher_cache.shards import plan as plans
from teacher_cache.shards.plan import Plan


def notes_of(directory: Path) -> dict[str, Any]:
    """Where examples and teacher were when the cache was made, by its plan or else its seal."""
    for look in (lambda: (plans.read_plan(directory) or _none()).provenance, lambda: _seal(directory).config):
        try:
            return dict(look())
        except PotstillError:
            continue
    return {}


def config_of(directory: Path) -> CacheConfig:
    """The config that continues this cache, by its plan or else its seal; the usual one where both are lost."""
    try:
        plan = plans.read_plan(directory) or _none()
        values: dict[str, Any] = vars(plan)
    except PotstillError:
        try:
            values = _seal(directory).config
        except PotstillError:
            return CacheConfig()
    names = ("dtype", "max_length", "token_budget")
    said = values.get("teacher_labels") or [
        name for _, name in sorted(zip(values.get("outputs", ()), values.get("labels", ()), strict=False))
    ]
    config = CacheConfig(signals=tuple(values["signals"]), teacher_labels=tuple(said) or None)
    return replace(config, **{name: values[name] for name in names})


def place_of(directory: Path, noted: dict[str, Any], role: str) -> Path:
    """Where the cache's examples or its teacher were."""
    if not isinstance(noted.get(role), str):
        raise PotstillError(
            f"{directory} does not say where its {role} lie: plan and seal are lost",
            hint="potstill repair CACHE --examples DIR -t TEACHER",
            code=NO_INPUT,
        )
    return (directory / noted[role]).resolve()


def _seal(directory: Path) -> Manifest:
    return read_manifest(directory, "teacher", parts=False)


def _none() -> Plan:
    raise PotstillError("no plan", code=BAD_DATA)
