"""The identity of a cache, written before its first shard: `PLAN.json`. Another plan never adds to the same cache.

Identity: everything that decides a stored number. Beside it, provenance: what should not decide one (versions, device,
attention kernel), compared with a warning.
"""

import importlib.metadata
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data import store
from data.errors import BAD_DATA, STALE, PotstillError
from data.layout import PLAN, QUARANTINE
from data.manifest import refuse_other_format
from data.schema import SCHEMA_VERSION
from teacher_cache.config import CacheConfig
from teacher_cache.inference.windows import batching_rule

MEND = "potstill repair {} sets it aside and keeps every shard that is whole"
LISTS = ("signals", "labels", "outputs", "reuse")  # fields that are lists in JSON
LIBRARIES = ("torch", "transformers", "tokenizers", "pyarrow", "numpy")


@dataclass(frozen=True)
class Plan:
    """What is to be computed. `teacher`: file -> {bytes, sha256}; `probe`: see `tokens.probe`.

    labels, outputs: the classes in the order of the stored logits, and which output of the teacher each of them is.
    reuse: identities of the caches whose rows are taken over where they fit (see `reuse.py`).
    provenance: besides versions and machine `rows`, a hash of the row ids in any order, and where the inputs lay.
    """

    examples: str
    teacher: dict[str, dict[str, Any]]
    probe: str
    signals: tuple[str, ...]
    dtype: str
    max_length: int
    token_budget: int
    labels: tuple[str, ...] = ()
    outputs: tuple[int, ...] = ()
    reuse: tuple[str, ...] = ()
    provenance: dict[str, str] = field(default_factory=dict, compare=False)

    @property
    def identity(self) -> dict[str, Any]:
        """Every value that decides a stored number, as JSON values."""
        values = {name: value for name, value in vars(self).items() if name != "provenance"}
        rules = {"version": SCHEMA_VERSION, "truncation": "longest_first", "batching": batching_rule(self.signals)}
        lists = {name: list(getattr(self, name)) for name in LISTS}
        return {**values, **rules, **lists}

    @property
    def digest(self) -> str:
        return store.digest_of(self.identity)


def versions() -> dict[str, str]:
    """Versions of the libraries that compute or store a number."""
    return {name: importlib.metadata.version(name) for name in LIBRARIES}


def places(examples: Path, teacher: Path, directory: Path) -> dict[str, str]:
    """Where the inputs lie as seen from a cache; real paths, for `..` behind a symbolic link leads elsewhere."""
    return {
        name: os.path.relpath(path.resolve(), directory.resolve())
        for name, path in (("examples", examples), ("teacher", teacher))
    }


def read_plan(directory: Path) -> Plan | None:
    """Read the plan of a cache; None where there is none yet, or its name is only reserved (see `store.add`).

    Errors: a plan that is damaged or was edited (BAD_DATA); one of an older format or of other rules (STALE).
    """
    if not (directory / PLAN).exists() or not (directory / PLAN).stat().st_size:
        return None
    values = store.read_record(directory / PLAN, ("digest", "identity", "provenance"), hint=MEND.format(directory))
    try:
        identity = values["identity"]
        fields = {name: identity[name] for name in Plan.__dataclass_fields__ if name not in ("provenance", *LISTS)}
        fields |= {name: tuple(identity.get(name, ())) for name in LISTS}
        plan = Plan(**fields, provenance=values["provenance"])
        edited = values["digest"] != store.digest_of(identity)
    except (KeyError, TypeError) as error:
        raise PotstillError(
            f"{directory / PLAN} is not a plan: {error!r}", hint=MEND.format(directory), code=BAD_DATA
        ) from None
    if edited:
        raise PotstillError(f"{directory / PLAN} was edited", hint=MEND.format(directory), code=BAD_DATA)
    refuse_other_format(directory, identity.get("version"), "teacher")  # what format 1 calls a cache
    refuse_difference(directory, identity, plan.identity)
    return plan


def agreed(config: CacheConfig, there: Plan | None) -> CacheConfig:
    """A config in which an arithmetic that the teacher did not take, when the cache was begun, is left open again."""
    asked = there.provenance.get("asked_dtype") if there else None
    return replace(config, dtype="auto") if config.dtype == asked else config


def put_plan(directory: Path, plan: Plan) -> bool:
    """Put a plan, which stands before the first shard. False: another process was faster, and its plan holds."""
    record = {"digest": plan.digest, "identity": plan.identity, "provenance": plan.provenance}
    while not store.put(directory / PLAN, store.to_record(record)):
        if read_plan(directory) is not None:
            return False
        store.move(directory / PLAN, directory / QUARANTINE)  # who reserved the name was killed just then
    return True


def refuse_difference(
    where: Path | str, there: dict[str, Any], now: dict[str, Any], *, remark: str = "", hint: str = ""
) -> None:
    """Refuse (STALE) to resume what was begun with another plan, and name every field that differs.

    remark: what else there is to say of a difference. hint: for a place that is no directory.
    """
    if lines := differences(there, now):
        lines += [remark] if remark else []
        reuse = f"name another output directory; with --reuse {where} the rows that are the same are taken over"
        raise PotstillError(
            f"{where} was made by another plan:\n    " + "\n    ".join(lines),
            hint=hint or reuse,
            code=STALE,
        )


def differences(there: Any, now: Any, name: str = "") -> list[str]:
    """List the fields in which two JSON values differ: `max_length: 128 there, 64 now`."""
    if isinstance(there, dict) and isinstance(now, dict):
        found = []
        for key in sorted({*there, *now}):
            found += differences(there.get(key), now.get(key), f"{name}.{key}" if name else key)
        return found
    return [] if there == now else [f"{name}: {_short(there)} there, {_short(now)} now"]


def _short(value: Any) -> str:
    text = "nothing" if value is None else value if isinstance(value, str) else repr(value)
    return text[:12] + "…" if len(text) == 64 and " " not in text else text
