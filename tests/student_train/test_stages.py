"""Stages that follow each other: what each may say, whose weights it begins with, what is frozen, how it resumes."""

import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from data.config import as_dict, build
from data.errors import PotstillError
from data.progress import Silent
from data.readers.source import Source
from pipelines.recipes import toml
from pipelines.report.gather import Arm
from student_train.config import TrainConfig
from student_train.stages import asks_teacher, left_by, stages_of
from student_train.train import train

Cache = tuple[list[Path], Source]
SOFT_THEN_GOLD: tuple[dict[str, Any], ...] = (
    {"losses": {"kl": 1.0}, "epochs": 1},
    {"losses": {"ce": 1.0}, "lr": 0.005},
)


def weights(directory: Path) -> dict[str, torch.Tensor]:
    return load_file(directory / "model.safetensors")


def test_a_stage_says_what_differs_and_keeps_all_else() -> None:
    config = TrainConfig(
        lr=0.1, batch_size=7, losses={"kl": 2.0}, stages=({"method": "pkd"}, {"losses": {"ce": 1.0}}, {})
    )
    first, second, third = stages_of(config)
    assert (first.method, second.method, first.lr, second.batch_size) == ("pkd", "", 0.1, 7)
    assert list(first.losses) == ["kl", "ce", "pkd"] and first.losses["kl"]["temperature"] == 10.0
    assert list(second.losses) == ["ce"] and third.losses == config.losses
    assert not first.stages and third.stages == config.stages
    assert stages_of(TrainConfig()) == [TrainConfig()]


def test_a_student_that_ends_on_labels_has_learnt_of_its_teacher_in_an_earlier_stage() -> None:
    soft_first = TrainConfig(stages=SOFT_THEN_GOLD)
    labels = TrainConfig(losses={"ce": 1.0}, stages=({"epochs": 1}, {"lr": 0.1}))
    distilled = (soft_first, TrainConfig(method="xtremedistil"), TrainConfig())
    assert all(map(asks_teacher, distilled)) and not asks_teacher(labels)
    for config, plain in ((soft_first, False), (distilled[1], False), (labels, True)):
        kept = as_dict(stages_of(config)[-1])  # what a student's manifest holds
        arm = Arm("one", Path(), None, {"one": SimpleNamespace(config=kept)}, {})  # type: ignore[dict-item]
        assert arm.labels_only is plain


def test_stages_come_back_from_a_recipe() -> None:
    config = TrainConfig(stages=SOFT_THEN_GOLD)
    assert build(TrainConfig, tomllib.loads(toml.write(as_dict(config))), where="[train]") == config
    written = "[[stages]]\nlosses = { kl = 1.0 }\nepochs = 1\n[[stages]]\nlosses = { ce = 1.0 }\nlr = 0.005\n"
    assert build(TrainConfig, tomllib.loads(written), where="[train]") == config


@pytest.mark.parametrize(
    ("stage", "match"),
    [
        ({"model": "dan"}, r"\[\[train.stages\]\] 2: 'model' is no setting of a stage"),
        ({"steps": "many"}, r"\[\[train.stages\]\] 2: steps = 'many' is not"),
        ({"method": "none"}, "no method 'none'"),
        ({"stages": []}, "'stages' is no setting of a stage"),
    ],
)
def test_what_a_stage_cannot_say_is_refused(stage: dict[str, Any], match: str) -> None:
    with pytest.raises(PotstillError, match=match):
        stages_of(TrainConfig(stages=({}, stage)))


def test_each_stage_begins_with_the_weights_of_the_one_before(
    small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    stages = ({"losses": {"kl": 1.0}}, {"losses": {"ce": 1.0}, "max_steps": 1, "lr": 1e-9})
    manifest = train(replace(small, stages=stages), *sentiment, tmp_path / "s", progress=Silent())
    before, after = weights(tmp_path / "s" / "stage-1"), weights(tmp_path / "s")
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)
    assert list(manifest.config["losses"]) == ["ce"] and len(manifest.config["stages"]) == 2
    alone = train(replace(small, losses={"kl": 1.0}), *sentiment, tmp_path / "one", progress=Silent())
    assert alone.report["dev"] == train_report(tmp_path / "s" / "stage-1")


def train_report(directory: Path) -> Any:
    from data.manifest import read_manifest

    return read_manifest(directory, "student").report["dev"]


def test_finished_stages_are_left_as_they_are_and_a_lost_one_is_made_again_the_same(
    small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    config = replace(small, stages=SOFT_THEN_GOLD)
    first = train(config, *sentiment, tmp_path / "s", progress=Silent())
    assert train(config, *sentiment, tmp_path / "s", progress=Silent()) == first
    shutil.rmtree(tmp_path / "s" / "stage-1")
    again = train(config, *sentiment, tmp_path / "s", progress=Silent())
    assert again.root == first.root
    with pytest.raises(PotstillError, match="of another run"):
        other = ({"losses": {"kl": 1.0}, "epochs": 2}, SOFT_THEN_GOLD[1])
        train(replace(config, stages=other), *sentiment, tmp_path / "s", progress=Silent())


def test_every_seed_goes_through_all_stages(small: TrainConfig, sentiment: Cache, tmp_path: Path) -> None:
    config = replace(small, stages=SOFT_THEN_GOLD, seeds=(0, 1))
    train(config, *sentiment, tmp_path / "s", progress=Silent())
    both = [left_by(tmp_path / "s" / "stage-1", seed) for seed in (0, 1)]
    assert [path.parent.name for path in both] == ["seed-0", "seed-1"]
    one = train(replace(config, seeds=(1,)), *sentiment, tmp_path / "one", progress=Silent())
    assert one.report["dev"] == train_report(tmp_path / "s" / "seed-1")


def test_what_is_frozen_stays_as_it_was(small: TrainConfig, sentiment: Cache, tmp_path: Path) -> None:
    stages = ({"losses": {"kl": 1.0}}, {"losses": {"ce": 1.0}, "frozen": ["embedding", "encoder"]})
    train(replace(small, model="bilstm", stages=stages), *sentiment, tmp_path / "s", progress=Silent())
    before, after = weights(tmp_path / "s" / "stage-1"), weights(tmp_path / "s" / "last")
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert same == {name for name in before if name.startswith(("embedding", "encoder"))} and same != before.keys()


@pytest.mark.parametrize(
    ("frozen", "match"),
    [(["word"], "no parameter begins with 'word'"), ([""], "are all parameters, nothing is trained")],
)
def test_names_that_freeze_nothing_or_everything_are_refused(
    frozen: list[str], match: str, small: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    with pytest.raises(PotstillError, match=match):
        train(replace(small, frozen=tuple(frozen)), *sentiment, tmp_path / "s", progress=Silent())
