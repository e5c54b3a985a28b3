"""Methods by name: their losses, what they read of a cache, and how options are laid over them."""

import re
from pathlib import Path

import numpy as np
import pytest

from data.config import as_dict, build
from data.errors import PotstillError
from data.schema import Sizes, count_numbers, split_signal, width_of
from data.tasks.task import Task
from student_train.config import TrainConfig
from student_train.losses.layers import Stack
from student_train.losses.table import read_losses
from student_train.methods import METHODS
from student_train.resolve import compared_signals
from student_train.stages import stages_of
from teacher_cache.methods import METHOD_SIGNALS as STORED
from teacher_cache.methods import method_signals


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(("depth", "layers"), [(6, 3), (12, 4), (12, 5), (4, 4)])
def test_a_cache_made_for_a_method_holds_all_that_it_reads(name: str, depth: int, layers: int) -> None:
    config = TrainConfig(model="transformer", method=name, shape={"size": layers})
    read = [signal for stage in stages_of(config) for signal in compared_signals(stage, Stack(depth, 384))]
    stored = method_signals((name,), depth, layers)
    held = {part for signal in stored for part in expanded(signal)}
    assert set(read) <= held, f"{name}: {sorted(set(read) - held)}"


def expanded(signal: str) -> list[str]:
    return [signal.replace("qkv", letter, 1) for letter in "qkv"] if signal.startswith("qkv.") else [signal]


def test_every_method_that_a_cache_can_be_made_for_can_be_trained() -> None:
    later = {"mukherjee", "nlp_architect"}  # a BiLSTM's states, tagging
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


def test_options_reach_the_stage_that_has_the_loss() -> None:
    config = TrainConfig(method="minilm", losses={"relations": {"heads": 4}, "kl": {"temperature": 3.0}, "ce": 0.1})
    first, last = stages_of(config)
    assert first.losses == {"relations": {"weight": 1.0, "types": ["qq", "kk", "vv"], "heads": 4}}
    assert last.losses["kl"]["temperature"] == 3.0 and last.losses["ce"] == {"weight": 0.1}
    assert list(last.losses) == ["kl", "ce"] and not first.method
    with pytest.raises(PotstillError, match="minilm has stages of its own"):
        stages_of(TrainConfig(stages=({"method": "minilm"}, {"losses": {"ce": 1.0}})))


def test_a_method_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(PotstillError, match="no method 'kd'") as caught:
        TrainConfig(method="kd")
    assert "tinybert" in caught.value.hint


def test_the_page_of_methods_says_what_each_reads() -> None:
    """Of a student of 3 layers with a teacher of 6, 384 wide, and a row of 14 sub-words; two classes."""
    page = (Path(__file__).parents[2] / "docs" / "METHODS.md").read_text("utf-8")
    rows = {
        cells[0]: cells[1:4]
        for cells in re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| ([\d,]+) \|", page, re.MULTILINE)
    }
    assert rows.keys() == METHODS.keys()
    for name, (losses, signals, size) in rows.items():
        config = TrainConfig(model="transformer", method=name, shape={"size": 3})
        stages = stages_of(config)
        read = tuple(dict.fromkeys(signal for one in stages for signal in compared_signals(one, Stack(6, 384))))
        assert losses == "; then ".join(", ".join(one.losses) for one in stages), name
        assert signals == ", ".join(read), name
        assert int(size.replace(",", "")) == sum(map(bytes_of, read)), name


def bytes_of(column: str) -> int:
    signal, _ = split_signal(column)
    width = width_of(column, Task("classify", ("no", "yes")), Sizes(384, heads=12, key_heads=12, head_size=32))
    [count] = count_numbers(signal, width, np.array([14]))
    return int(count) * np.dtype(signal.dtype).itemsize
