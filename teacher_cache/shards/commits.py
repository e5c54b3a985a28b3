"""Which shards are done: `commits/00000.json`, put after its shard, is the only sign that a shard exists.

A shard lies under a name that holds its hash, so two writers never write over each other. Records are put only where
none is: of two writers the first one counts. What is found damaged or foreign is set aside in `quarantine/`, never
deleted.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data import store
from data.errors import BAD_DATA, TRY_AGAIN, PotstillError
from data.layout import COMMITS, QUARANTINE, SHARD, record_name, shard_name
from data.manifest import Part, check_part

FIELDS = (*Part.__dataclass_fields__, "plan", "report")  # of a record


@dataclass(frozen=True)
class ShardReport:
    """What the making of one shard took.

    seconds        of the teacher
    tokens         sub-words; padded_tokens: those that were computed, padding included
    status         rows by status
    reused         rows taken from other caches, which need no teacher
    token_budget   that of its batches where the memory did not hold the plan's, which moves last bits; 0: the plan's
    """

    seconds: float
    tokens: int
    padded_tokens: int
    status: dict[str, int]
    reused: int = 0
    token_budget: int = 0

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> "ShardReport":
        """Read the values of a record. Errors: KeyError, TypeError, ValueError where they are no report."""
        numbers = {name: int(values.get(name, 0)) for name in ("reused", "token_budget")}
        status = {str(state): int(count) for state, count in values["status"].items()}
        return cls(float(values["seconds"]), int(values["tokens"]), int(values["padded_tokens"]), status, **numbers)

    @property
    def values(self) -> dict[str, Any]:
        """What a record holds: `reused` and `token_budget` only where they say something."""
        return {name: value for name, value in vars(self).items() if value or name not in ("reused", "token_budget")}


@dataclass(frozen=True)
class Commit:
    """A finished shard, the measurements of its making, and the digest of the plan that it was made by."""

    part: Part
    report: ShardReport
    plan: str


@dataclass(frozen=True)
class Fault:
    """Why a shard has to be computed: a sentence ("" where it was never begun), and the files that are to blame.

    The record comes first: files are set aside in this order, and a record without its shard is worse than the reverse.
    """

    reason: str = ""
    files: tuple[Path, ...] = ()


def commit_path(directory: Path, index: int) -> Path:
    return directory / record_name(index)


def read_commit(directory: Path, index: int, *, plan: str, source: Part, whole: bool) -> Commit | Fault:
    """Return a finished shard, or say why it has to be computed.

    plan: digest of the plan. source: the examples part that it answers: rows and ids must be the same. whole: compare
    every byte.
    """
    path = commit_path(directory, index)
    if not path.exists():
        return Fault()
    blamed = [path]
    try:
        commit = commit_of(store.read_record(path, FIELDS), index, where=path)
        blamed += [file for file in [directory / commit.part.name] if file.exists()]
        refuse_other(commit, plan, source, where=path)
        check_part(directory, commit.part, whole=whole)
    except PotstillError as error:
        return Fault(error.message, tuple(blamed))
    return commit


def commit_of(values: Any, index: int, *, where: Path | str) -> Commit:
    """Read the values of a record; what is no record of this shard is refused (BAD_DATA)."""
    try:
        commit = Commit(part_of(values), ShardReport.from_values(values["report"]), values["plan"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PotstillError(f"{where} is not a commit record: {error!r}", code=BAD_DATA) from None
    name, sha256 = commit.part.name, commit.part.sha256
    if not isinstance(sha256, str) or name != shard_name(index, sha256):
        raise PotstillError(f"{where} names {name!r}, which is no shard {index}", code=BAD_DATA)
    return commit


def refuse_other(commit: Commit, plan: str, source: Part, *, where: Path | str) -> None:
    """Refuse (BAD_DATA) a shard of another plan, or of other rows than those of its examples part."""
    if commit.plan != plan or (commit.part.rows, commit.part.ids) != (source.rows, source.ids):
        raise PotstillError(f"{where} belongs to another plan", code=BAD_DATA)


def part_of(values: dict[str, Any]) -> Part:
    """The shard that a record's values name. Errors: KeyError, TypeError where they are not those of a record."""
    return Part(**{name: values[name] for name in Part.__dataclass_fields__})


def list_records(directory: Path) -> Iterator[tuple[int, Part]]:
    """Number and shard of every record that can be read, in order, by its own word; what it says is not compared."""
    for path in sorted((directory / COMMITS).glob("*.json")):
        try:
            part = part_of(store.read_json(path))
        except (PotstillError, KeyError, TypeError):
            continue  # `read_commit` says what is wrong with it
        if path.stem.isdigit() and SHARD.fullmatch(str(part.name)):
            yield int(path.stem), part


def read_all(directory: Path, *, plan: str, whole: bool) -> list[Commit]:
    """The finished shards of a plan in order, by their own records; shards at fault are left out."""
    found = (
        read_commit(directory, index, plan=plan, source=part, whole=whole) for index, part in list_records(directory)
    )
    return [commit for commit in found if isinstance(commit, Commit)]


def commit_shard(directory: Path, index: int, tmp: Path, *, plan: str, source: Part, report: ShardReport) -> Commit:
    """Give a written shard its name and declare it done; return the commit that counts, which may be another's.

    tmp: the shard under a temporary name, flushed to the disk or not. Safe against any number of writers.
    """
    sha256 = store.sha256_file(tmp)
    part = Part(shard_name(index, sha256), source.rows, tmp.stat().st_size, sha256, source.ids)
    record, target = {**asdict(part), "plan": plan, "report": report.values}, directory / part.name
    while True:
        give_name(tmp, target, sha256)
        if store.put(commit_path(directory, index), store.to_record(record)):
            return Commit(part, report, plan)
        found = read_commit(directory, index, plan=plan, source=source, whole=False)
        if isinstance(found, Commit):
            if found.part.name != part.name:
                target.unlink(missing_ok=True)  # ours, made just now, and no record names it
            return found
        set_aside(directory, found)


def give_name(tmp: Path, target: Path, sha256: str) -> None:
    """Put a written shard under its name; a file of that name with other bytes is set aside.

    Errors: TRY_AGAIN where another process moved it away once it had its name, which only happens without locks.
    """
    while not _holds(target, sha256):
        if not tmp.exists():  # without hard links it was renamed, not linked
            raise PotstillError(
                f"another process moved {target} away", hint="run the same command again", code=TRY_AGAIN
            )
        if not store.add(tmp, target) and not _holds(target, sha256):
            store.move(target, target.parent / QUARANTINE)


def _holds(path: Path, sha256: str) -> bool:
    try:
        return store.sha256_file(path) == sha256
    except (FileNotFoundError, IsADirectoryError):
        return False


def set_aside(directory: Path, fault: Fault) -> list[Path]:
    """Move the files of a fault to `quarantine/`; return those that were there."""
    return [path for path in fault.files if store.move(path, directory / QUARANTINE) is not None]
