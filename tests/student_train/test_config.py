"""Numbers that no run can be made with are refused at once."""

from typing import Any

import pytest
import torch

from data.errors import PotstillError
from student_train.config import TeachConfig, TrainConfig
from student_train.models.precision import choose_device, choose_precision, products_in


@pytest.mark.parametrize("config", [TrainConfig, TeachConfig])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "epochs = 0 is not 1 or more"),
        ({"batch_size": -1}, "batch_size = -1 is not 1 or more"),
        ({"lr": -0.1}, "lr = -0.1 is not 0 or more"),
        ({"lr": float("nan")}, "lr = nan is not 0 or more"),
        ({"warmup": 1.5}, "warmup = 1.5 is not 0 to 1"),
        ({"threads": -2}, "threads = -2 is not 0 or more"),
        ({"schedule": "step"}, "no schedule 'step'(?s:.)*constant, linear, cosine"),
    ],
)
def test_impossible_numbers_are_refused(config: Any, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(PotstillError, match=message):
        config(**wrong)


def test_the_defaults_are_possible() -> None:
    assert TrainConfig().losses == {"logit_mse": {"weight": 1.0}}
    assert TrainConfig().losses is not TrainConfig().losses
    assert TeachConfig().epochs > 0


def test_devices_and_precisions_are_resolved_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    cpu = torch.device("cpu")
    assert choose_device("auto") == choose_device("cpu") == cpu
    assert choose_precision("float32", cpu) == torch.float32
    assert choose_precision("bfloat16", cpu) == torch.bfloat16
    with pytest.raises(PotstillError, match="torch sees no GPU"):
        choose_device("cuda:1")
    with pytest.raises(PotstillError, match=r"no device 'gpu'(?s:.)*auto, cpu, cuda"):
        choose_device("gpu")
    with pytest.raises(PotstillError, match=r"no precision 'float16'(?s:.)*auto, float32, bfloat16"):
        choose_precision("float16", cpu)


def test_auto_takes_bfloat16_only_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    for has, wanted in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda has=has: has)
        assert choose_precision("auto", torch.device("cpu")) == wanted


def test_only_products_run_in_bfloat16() -> None:
    layer, cpu = torch.nn.Linear(4, 4), torch.device("cpu")
    with products_in(torch.bfloat16, cpu):
        assert layer(torch.ones(1, 4)).dtype == torch.bfloat16
    with products_in(torch.float32, cpu):
        assert layer(torch.ones(1, 4)).dtype == torch.float32
    assert layer.weight.dtype == torch.float32
