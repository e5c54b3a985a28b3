"""A recipe: one TOML file with all settings of a run. Tables → `Recipe` of resolved configs.

[run]      out: directory of the run; aim, budget: what it is for, and minutes
[data]     train, dev, test, unlabelled, exclude; root: folder they lie in; text, pair, label, format, header,
           kind, labels: how to read them
[teach]    model: encoder to fine-tune; the fields of `TeachConfig`        (or [teacher] path: a finished teacher)
[teachers] X = path: further finished teachers, each with a cache of its own; students learn from all together
[augment]  the fields of `AugmentConfig`
[cache]    the fields of `CacheConfig`
[train]    the fields of `TrainConfig`
[arms.X]   a student named X: what differs from [train]; without arms there is one student
[trial]    the fields of `TrainConfig`: the student that tries out augmented rows, where an arm says rows = "auto"
[bench]    threads, texts
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from augment.config import AugmentConfig
from data import config as configs
from data.errors import PotstillError
from data.readers.source import Source
from pipelines.inputs.addresses import OF_A_FILE, with_said
from pipelines.inputs.places import DEMO, REMOTE, locate_teacher
from pipelines.inputs.reading import Reading
from pipelines.recipes.files import find_recipe, read_recipe
from pipelines.recipes.settings import make_reading
from student_train.config import TeachConfig, TrainConfig
from teacher_cache.config import CacheConfig

TABLES = ("run", "data", "teach", "teacher", "teachers", "augment", "cache", "train", "arms", "trial", "bench")
TEACHER_DIR, CACHE_DIR = "teacher", "cache"  # folders of a run: the model, and its answers to the examples
ONLY = "student"  # the name of the one student of a recipe without arms


@dataclass(frozen=True)
class RunTable:
    """What a run is for.

    out     directory of the run; empty: runs/<name of the recipe>
    aim     what a student is recommended for: accuracy, speed or size
    budget  minutes that the run may take, by which numbers that are `auto` are chosen; 0: no limit
    check   compare a fine-tuned teacher on dev with TF-IDF on the labels, before its answers are asked for
    """

    out: str = ""
    aim: str = "accuracy"
    budget: float = 0.0
    check: bool = False


@dataclass(frozen=True)
class FilesTable:
    """The files of [data]. Relative paths start at `root`, and that at the working directory.

    Columns of one file alone stand behind its name, "test.csv::text=2,label=0", or in a table in its place,
    {path = "test.csv", text = 2, label = 0}.

    train, dev    labelled files
    test          labelled file for the final table
    unlabelled    more texts for the teacher
    exclude       texts that no augmented text may equal, besides dev and test
    """

    train: str
    dev: str
    test: str = ""
    root: str = ""
    unlabelled: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class TeacherTable:
    """path: folder or hub name of a finished teacher"""

    path: str


@dataclass(frozen=True)
class BenchTable:
    """threads: CPU threads that every model is measured with; texts: how many of the file's rows it is measured on"""

    threads: int = 1
    texts: int = 1024


@dataclass(frozen=True)
class Recipe:
    """A resolved recipe. `teacher` is the encoder to fine-tune where `teach` is given, else a finished teacher.

    others: further finished teachers, name -> folder or hub name
    """

    name: str
    out: Path
    files: FilesTable
    reading: Reading
    teacher: str
    teach: TeachConfig | None
    augment: AugmentConfig
    cache: CacheConfig
    arms: dict[str, TrainConfig]
    bench: BenchTable
    others: dict[str, str] = field(default_factory=dict)
    aim: str = "accuracy"
    budget: float = 0.0
    check: bool = False
    trial: TrainConfig | None = None

    def place(self, path: str) -> str:
        """Put a path of [data] under its root."""
        return path if path.startswith((DEMO, *REMOTE)) else str(Path(self.files.root) / path)

    def source(self, path: str) -> Source:
        return self.reading.source(self.place(path))

    def unlabelled(self, path: str) -> Source:
        return self.reading.unlabelled(self.place(path))

    def student_dir(self, arm: str) -> Path:
        return self.out / (ONLY if arm == ONLY else f"student-{arm}")

    def tables(self) -> dict[str, Any]:
        """Write the resolved recipe, every default spelled out, as the tables that give it again."""
        teach = {"model": self.teacher} | configs.as_dict(self.teach) if self.teach else None
        return {
            "run": {"out": str(self.out), "aim": self.aim, "budget": self.budget, "check": self.check},
            "data": configs.as_dict(self.files) | configs.as_dict(self.reading),
            **({"teach": teach} if teach else {"teacher": {"path": self.teacher}}),
            **({"teachers": dict(self.others)} if self.others else {}),
            "augment": configs.as_dict(self.augment),
            "cache": configs.as_dict(self.cache),
            "arms": {arm: configs.as_dict(config) for arm, config in self.arms.items()},
            **({"trial": configs.as_dict(self.trial)} if self.trial else {}),
            "bench": configs.as_dict(self.bench),
        }

    def cache_dir(self, other: str = "") -> Path:
        """Where a teacher's answers are: those of the first one, or of another by name."""
        return self.out / (f"{CACHE_DIR}-{other}" if other else CACHE_DIR)

    @property
    def teacher_dir(self) -> str:
        """Where the finished teacher is."""
        return str(self.out / TEACHER_DIR) if self.teach else locate_teacher(self.teacher)

    @property
    def measured(self) -> dict[str, str]:
        """The labelled files of the final table: split -> path."""
        return {"dev": self.files.dev} | ({"test": self.files.test} if self.files.test else {})


def load(name: str, *, settings: Sequence[str] = (), out: Path | None = None) -> Recipe:
    """Read a recipe (a path or a bundled name), lay settings `table.key=value` over it, check every key."""
    tables = configs.apply_settings(read_recipe(name), list(settings))
    return from_tables(tables, name=find_recipe(name).stem, out=out)


def from_tables(tables: Mapping[str, Any], *, name: str, out: Path | None = None) -> Recipe:
    """Resolve the tables of a recipe; an unknown table or key is refused with the known ones."""
    for key, value in tables.items():
        if key not in TABLES or not isinstance(value, Mapping):
            raise PotstillError(f"recipe {name}: no table [{key}]", hint=f"tables: {', '.join(TABLES)}")
    run = _build(RunTable, tables, "run", name)
    files, reading = _data(tables.get("data", {}), name)
    teacher, teach = _teacher(tables, name)
    return Recipe(
        name=name,
        out=out or Path(run.out or f"runs/{name}"),
        files=files,
        reading=reading,
        teacher=teacher,
        teach=teach,
        augment=_build(AugmentConfig, tables, "augment", name),
        cache=_build(CacheConfig, tables, "cache", name),
        arms=_arms(tables, name),
        bench=_build(BenchTable, tables, "bench", name),
        others=_others(tables, name),
        aim=run.aim,
        budget=run.budget,
        check=run.check,
        trial=_build(TrainConfig, tables, "trial", name) if "trial" in tables else None,
    )


def _build(cls: Any, tables: Mapping[str, Any], table: str, name: str) -> Any:
    return configs.build(cls, tables.get(table, {}), where=f"recipe {name} [{table}]")


def _data(table: Mapping[str, Any], name: str) -> tuple[FilesTable, Reading]:
    known = {each.name for each in fields(Reading)}
    reading = make_reading({key: value for key, value in table.items() if key in known})
    rest = {key: _addressed(value, name) for key, value in table.items() if key not in known}
    if missing := [key for key in ("train", "dev") if not rest.get(key)]:
        raise PotstillError(f"recipe {name} [data]: {missing[0]} is missing", hint=f"--set data.{missing[0]}=FILE")
    return configs.build(FilesTable, rest, where=f"recipe {name} [data]"), reading


def _addressed(value: Any, name: str) -> Any:
    """Write a file that has a table of its own as a name with its columns behind it."""
    if isinstance(value, (list, tuple)):
        return [_addressed(item, name) for item in value]
    if not isinstance(value, Mapping):
        return value
    said = {key: str(item) if type(item) is int else item for key, item in value.items() if key != "path"}
    if not isinstance(value.get("path"), str) or not said.keys() <= set(OF_A_FILE):
        known = ", ".join(OF_A_FILE)
        raise PotstillError(
            f"recipe {name} [data]: {dict(value)} is no file", hint=f'{{path = "FILE", text = 2}}; keys: path, {known}'
        )
    return with_said(value["path"], said)


def _teacher(tables: Mapping[str, Any], name: str) -> tuple[str, TeachConfig | None]:
    """Either [teacher] path, or [teach] model and how to fine-tune it; a path wins: `--set teacher.path=…` works."""
    if "teacher" in tables:
        return configs.build(TeacherTable, tables["teacher"], where=f"recipe {name} [teacher]").path, None
    table = dict(tables.get("teach", {}))
    model = table.pop("model", None)
    if not isinstance(model, str):
        raise PotstillError(
            f"recipe {name} names no teacher",
            hint="[teach] model = an encoder to fine-tune, or [teacher] path = a finished teacher",
        )
    return model, configs.build(TeachConfig, table, where=f"recipe {name} [teach]")


def _others(tables: Mapping[str, Any], name: str) -> dict[str, str]:
    """Read the further teachers; their names become directories."""
    for teacher, path in tables.get("teachers", {}).items():
        if not isinstance(path, str) or not _is_name(teacher):
            raise PotstillError(f"recipe {name} [teachers]: {teacher} = {path!r} is not NAME = path")
    return dict(tables.get("teachers", {}))


def _is_name(text: str) -> bool:
    return text.replace("-", "").replace("_", "").isalnum()


def _arms(tables: Mapping[str, Any], name: str) -> dict[str, TrainConfig]:
    """Resolve each student. `losses` of an arm takes the place of [train]'s, all else is laid over it."""
    base, arms = dict(tables.get("train", {})), tables.get("arms") or {ONLY: {}}
    for arm, table in arms.items():
        if not isinstance(table, Mapping) or not _is_name(arm):
            raise PotstillError(f"recipe {name}: [arms.{arm}] is not a named table", hint="e.g. [arms.distilled]")
    return {
        arm: configs.build(TrainConfig, base | dict(table), where=f"recipe {name} [arms.{arm}]")
        for arm, table in arms.items()
    }
