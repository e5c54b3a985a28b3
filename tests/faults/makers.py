"""What a process of `writers` makes besides a cache: a teacher, students, a whole run; of tiny inputs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.layout import MANIFEST

TEACH, TRAIN, SEEDS, RUN = "teach", "train", "seeds", "run"
PLAIN = {"threads": 1, "precision": "float32", "device": "cpu"}
TEACHING = PLAIN | {"epochs": 1, "batch_size": 16, "lr": 2e-3, "max_steps": 3, "evaluations": 1, "max_length": 32}
TRAINING = PLAIN | {
    "epochs": 1,
    "batch_size": 32,
    "lr": 0.01,
    "max_steps": 3,
    "evaluations": 1,
    "hidden": 4,
    "dense": 4,
}


@dataclass(frozen=True)
class School:
    """What models are made of: files, an encoder to start from, a sealed cache. All only to be read."""

    folder: Path

    @property
    def files(self) -> tuple[Path, Path]:
        return self.folder / "train.tsv", self.folder / "dev.tsv"

    @property
    def encoder(self) -> Path:
        return self.folder / "bert"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"


def make(task: dict[str, Any], out: Path, heard: Any) -> Any:
    """Make what a task names; checkpoints at every step, so that they are killed too."""
    from student_train.loop import run as fit

    fit.SAVE_SECONDS = -1 if task["often"] else fit.SAVE_SECONDS
    school = School(Path(task["school"]))
    if task["action"] == TEACH:
        return _teach(school, out, heard)
    if task["action"] == RUN:
        return _run(school, out)
    return _train(school, out, (0, 1) if task["action"] == SEEDS else (0,), heard)


def _teach(school: School, out: Path, heard: Any) -> Any:
    from data.readers.source import Source
    from data.tasks.task import Task
    from student_train.config import TeachConfig
    from student_train.teach import teach

    config = TeachConfig(**TEACHING)
    train, dev = (Source(path) for path in school.files)
    return teach(config, Task("classify", ("neg", "pos")), train, dev, str(school.encoder), out, progress=heard)


def _train(school: School, out: Path, seeds: tuple[int, ...], heard: Any) -> Any:
    from data.readers.source import Source
    from student_train.config import TrainConfig
    from student_train.train import train

    config = TrainConfig(**TRAINING, seeds=seeds)
    return train(config, [school.cache], Source(school.files[1]), out, progress=heard)


def _run(school: School, out: Path) -> None:
    """A whole run; its phases in this process, so that their steps are counted too."""
    from pipelines.recipes.recipe import from_tables
    from pipelines.run import execute
    from pipelines.screen.console import Console
    from pipelines.steps.apart import Measured
    from student_train.measure import bench

    bench.ROUNDS, bench.SINGLES = 1, 1  # type: ignore[misc]
    train, dev = map(str, school.files)
    tables = {
        "data": {"train": train, "dev": dev},
        "teach": {"model": str(school.encoder), **TEACHING},
        "augment": {"n_iter": 1, "p_pos": 0.0, "tagger": "none"},
        "cache": {"dtype": "float32", "device": "cpu", "threads": 1, "max_length": 32},
        "train": TRAINING,
    }
    with Console(quiet=True) as console:

        def here(work: Any, arguments: dict[str, Any], *, quiet: bool = False) -> Measured:
            return Measured(work(**arguments, progress=console.progress), 1.0, 1)

        execute(from_tables(tables, name="faults", out=out), console, runner=here)


def made_by(out: Path) -> dict[str, str]:
    """Root of every sealed directory below, and hash of every file of weights: what two runs must have in common."""
    from data import store

    roots = {str(path.parent.relative_to(out)): store.read_json(path)["root"] for path in out.rglob(MANIFEST)}
    weights = out.rglob("model.safetensors")
    return roots | {str(path.relative_to(out)): store.sha256_file(path) for path in weights}
