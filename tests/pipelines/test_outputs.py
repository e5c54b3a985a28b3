"""Every phase looks where it is to write before it reads anything: what is there already stays as it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from augment.config import AugmentConfig
from augment.expand import expand
from data.errors import STALE, PotstillError
from data.manifest import Manifest, write_manifest
from data.progress import Silent
from data.readers.source import Source
from data.tasks.task import Task
from pipelines.recipes import recipe
from pipelines.run import execute
from pipelines.screen.console import Console
from student_train.config import TeachConfig, TrainConfig
from teacher_cache.build import build
from teacher_cache.config import CacheConfig

TASK = Task("classify", ("bad", "good"))
NOWHERE = Path("nowhere")


def augment_to(out: Path) -> Any:
    return expand(AugmentConfig(), TASK, [], [], out, made_from={}, progress=Silent())


def cache_to(out: Path) -> Any:
    return build(CacheConfig(), NOWHERE, NOWHERE, out, progress=Silent())


def teach_to(out: Path) -> Any:
    from student_train.teach import teach

    return teach(TeachConfig(), TASK, Source(NOWHERE), Source(NOWHERE), str(out), out, progress=Silent())


def train_to(out: Path) -> Any:
    from student_train.train import train

    return train(TrainConfig(), [out], Source(NOWHERE), out, progress=Silent())


def run_to(out: Path) -> Any:
    tables = {"data": {"train": "demo:train", "dev": "demo:dev"}, "teach": {"model": "demo"}}
    return execute(recipe.from_tables(tables, name="x", out=out), Console(quiet=True))


PHASES: dict[str, Callable[[Path], Any]] = {
    "examples": augment_to,
    "cache": cache_to,
    "teacher": teach_to,
    "student": train_to,
    "run": run_to,
}


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", PHASES)
@pytest.mark.parametrize("there", ["examples", "cache", "teacher", "student", "students"])
def test_no_phase_writes_into_what_another_sealed(tmp_path: Path, kind: str, there: str) -> None:
    if there.removesuffix("s") == kind.removesuffix("s"):
        return  # its own: whether it is this one, the phase tells
    write_manifest(tmp_path, Manifest(there, TASK))
    before = tree(tmp_path)
    with pytest.raises(PotstillError, match="holds") as error:
        PHASES[kind](tmp_path)
    assert error.value.code == STALE and tree(tmp_path) == before


@pytest.mark.parametrize("kind", [kind for kind in PHASES if kind != "run"])
def test_no_phase_writes_into_somebody_else_s_model(tmp_path: Path, kind: str) -> None:
    """`teach -m MODEL -o MODEL` is the usual way to lose one."""
    for name in ("config.json", "model.safetensors", "tokenizer.json", "README.md"):
        (tmp_path / name).write_text(name)
    before = tree(tmp_path)
    with pytest.raises(PotstillError, match="not made by potstill") as error:
        PHASES[kind](tmp_path)
    assert error.value.code == STALE and tree(tmp_path) == before
