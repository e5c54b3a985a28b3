"""What a cache notes of its making: where examples and teacher were, and the config that continues it."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from data.errors import NO_INPUT, PotstillError
from data.manifest import read_manifest
from teacher_cache.config import CacheConfig
from teacher_cache.shards.plan import read_plan


@dataclass(frozen=True)
class Notes:
    """How to continue a cache. examples, teacher: where they were, as seen from it; None where that is lost."""

    directory: Path
    config: CacheConfig
    examples: str | None = None
    teacher: str | None = None

    def place_of(self, role: str) -> Path:
        """Where the `examples` or the `teacher` were."""
        noted = self.examples if role == "examples" else self.teacher
        if not isinstance(noted, str):
            raise PotstillError(
                f"{self.directory} does not say where its {role} lie: plan and seal are lost",
                hint="potstill repair CACHE --examples DIR -t TEACHER",
                code=NO_INPUT,
            )
        return (self.directory / noted).resolve()


def read_notes(directory: Path) -> Notes:
    """Read the notes of a cache from its plan, or else its seal; where both are lost only the usual config is known."""
    for read in (_of_plan, _of_seal):
        with suppress(PotstillError):
            if (notes := read(directory)) is not None:
                return notes
    return Notes(directory, CacheConfig())


def _of_plan(directory: Path) -> Notes | None:
    plan = read_plan(directory)
    if plan is None:
        return None
    config = CacheConfig(
        signals=plan.signals,
        dtype=plan.dtype,
        max_length=plan.max_length,
        token_budget=plan.token_budget,
        teacher_labels=tuple(name for _, name in sorted(zip(plan.outputs, plan.labels, strict=False))) or None,
    )
    return Notes(directory, config, plan.provenance.get("examples"), plan.provenance.get("teacher"))


def _of_seal(directory: Path) -> Notes:
    noted = read_manifest(directory, "cache", parts=False).config
    config = CacheConfig(
        signals=tuple(noted["signals"]),
        dtype=noted["dtype"],
        max_length=noted["max_length"],
        token_budget=noted["token_budget"],
        teacher_labels=tuple(noted.get("teacher_labels") or ()) or None,
    )
    return Notes(directory, config, noted.get("examples"), noted.get("teacher"))
