"""Methods by name: their losses, what they read of a cache, and how options are laid over them."""

import pytest

from data.config import as_dict, build
from data.errors import PotstillError
from student_train.config import TrainConfig
from student_train.losses.layers import Stack
from student_train.losses.table import read_losses
from student_train.methods import METHODS
from student_train.resolve import compared_signals
from teacher_cache.methods import METHOD_SIGNALS as STORED
from teacher_cache.methods import method_signals


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(("depth", "layers"), [(6, 3), (12, 4), (12, 5), (4, 4)])
def test_a_cache_made_for_a_method_holds_all_that_it_reads(name: str, depth: int, layers: int) -> None:
    config = TrainConfig(model="transformer", method=name, shape={"size": layers})
    read = compared_signals(config, Stack(depth, 384))
    stored = method_signals((name,), depth, layers)
    held = {part for signal in stored for part in expanded(signal)}
    assert set(read) <= held, f"{name}: {sorted(set(read) - held)}"


def expanded(signal: str) -> list[str]:
    return [signal.replace("qkv", letter, 1) for letter in "qkv"] if signal.startswith("qkv.") else [signal]


def test_every_method_of_one_stage_that_a_cache_can_be_made_for_can_be_trained() -> None:
    later = {"bert_emd", "xtremedistil", "mukherjee", "nlp_architect"}  # transport between layers, stages, tagging
    assert METHODS.keys() == STORED.keys() - later


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_a_mix_of_losses_that_comes_back_from_its_config(name: str) -> None:
    config = TrainConfig(method=name)
    assert read_losses(config.losses).keys() == METHODS[name].losses.keys()
    assert build(TrainConfig, as_dict(config), where="[train]") == config
    assert METHODS[name].says[0].islower() and len(METHODS[name].says) < 120


def test_options_are_laid_over_a_method_and_further_losses_added() -> None:
    config = TrainConfig(method="pkd", losses={"pkd": {"weight": 7.0}, "cos": 0.5})
    assert config.losses["pkd"] == {"weight": 7.0, "reduction": "mean"}
    assert config.losses["cos"] == {"weight": 0.5} and config.losses["kl"]["temperature"] == 10.0
    assert TrainConfig(method="pkd_last").layer_map == "last" and TrainConfig(method="tang").layer_map == "skip"


def test_a_method_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(PotstillError, match="no method 'kd'") as caught:
        TrainConfig(method="kd")
    assert "tinybert" in caught.value.hint
