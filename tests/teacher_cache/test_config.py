"""Wrong options are refused with the valid ones; `auto` becomes a choice for this machine."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from data.errors import PotstillError
from teacher_cache.build import build
from teacher_cache.config import CacheConfig
from teacher_cache.launch import machine
from teacher_cache.shards.plan import Plan
from teacher_cache.teacher.files import TeacherFiles

BERT_BASE = TeacherFiles(
    Path(),
    {"model.safetensors": {"bytes": 438_000_000, "sha256": ""}, "config.json": {"bytes": 1, "sha256": ""}},
    {"intermediate_size": 3072},
    width=768,
    depth=12,
    labels=None,
    outputs=2,
    positions=512,
)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "int8"}, "dtype 'int8' is unknown\n  dtype: auto, float32, bfloat16, float16"),
        ({"attention": "flash"}, "attention 'flash' is unknown"),
        ({"device": "gpu"}, "device 'gpu' is unknown\n  devices: auto, cpu, cuda, cuda:N"),
        ({"max_length": 2}, "max_length 2 leaves no room"),
        ({"token_budget": -1}, "token_budget = -1 is negative"),
        ({"device": "cuda:²"}, "device 'cuda:²' is unknown"),
        ({"threads": 100_000}, "threads = 100000 is above 1,024"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(PotstillError) as caught:
        CacheConfig(**options)
    assert message in str(caught.value)


def test_the_config_imports_nothing_heavy() -> None:
    script = (
        "import sys, teacher_cache.config\n"
        "print(sorted({'torch', 'transformers', 'polars', 'pyarrow', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("gain", "dtype"), [(0.01, "float32"), (1.2, "float32"), (2.0, "bfloat16")])
def test_bf16_is_chosen_on_a_cpu_only_where_it_pays(monkeypatch: pytest.MonkeyPatch, gain: float, dtype: str) -> None:
    monkeypatch.setattr(machine, "bf16_gain", lambda: gain)
    assert machine.choose(CacheConfig(device="cpu"), BERT_BASE).dtype == dtype


def test_the_self_test_measures_a_positive_gain() -> None:
    assert 0 < machine.bf16_gain() < 1000


@pytest.mark.parametrize(("dtype", "attention"), [("float32", "sdpa"), ("bfloat16", "eager")])
def test_the_attention_kernel_on_a_cpu_follows_the_arithmetic(dtype: str, attention: str) -> None:
    assert machine.choose(CacheConfig(device="cpu", dtype=dtype), BERT_BASE).attention == attention


def test_what_a_plan_has_settled_is_kept_unless_asked_otherwise() -> None:
    there = Plan("", {}, "", ("logits",), "float16", 128, 77, provenance={"attention": "eager"})
    kept = machine.choose(CacheConfig(device="cpu"), BERT_BASE, there)
    assert kept == machine.Machine("cpu", "float16", "eager", 77)
    asked = CacheConfig(device="cpu", dtype="float32", attention="sdpa", token_budget=5)
    assert machine.choose(asked, BERT_BASE, there) == machine.Machine("cpu", "float32", "sdpa", 5)


@pytest.mark.parametrize(
    ("free", "budget"),
    [(79e9, 65_536), (15e9, 65_536), (8e9, 32_768), (4e9, 16_384), (1.5e9, 4_096), (1e8, 4_096)],
)
def test_a_gpu_s_budget_follows_from_the_memory_that_the_weights_leave_free(free: float, budget: int) -> None:
    assert machine.gpu_budget(int(free), BERT_BASE) == budget


def test_a_gpu_is_asked_what_it_has_free(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(machine, "choose_device", lambda name: "cuda:1")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (asked.append(device), (8_000_000_000, 0))[1])
    chosen = machine.choose(CacheConfig(), BERT_BASE)
    assert chosen == machine.Machine("cuda:1", "bfloat16", "sdpa", 32_768) and asked == ["cuda:1"]
    assert machine.choose(CacheConfig(token_budget=9), BERT_BASE).token_budget == 9 and len(asked) == 1


def test_the_kernels_caches_are_bounded_but_the_users_own_setting_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LRU_CACHE_CAPACITY", raising=False)
    monkeypatch.setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "99")
    machine.bound_caches()
    assert (os.environ["LRU_CACHE_CAPACITY"], os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"]) == ("16", "99")


def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(PotstillError, match=r"device cuda:99 is not there"):
        machine.choose_device("cuda:99")


def test_an_unknown_signal_or_layer_is_refused(teacher: Path, examples: Path, heard, tmp_path: Path) -> None:
    for config, message in (
        (CacheConfig(signals=("moods",)), "no signal 'moods'"),
        (CacheConfig(signals=("cls.7",)), "no layer 7 in a teacher of 3 layers"),
        (CacheConfig(max_length=500), "max_length 500 is above the teacher's 128 positions"),
    ):
        with pytest.raises(PotstillError, match=message):
            build(config, examples, teacher, tmp_path / "out", progress=heard)
