"""Batches side by side: all of them, the same bytes for any number of threads, and nothing begun after an error."""

import threading
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from data.text.encoding import OK, Tokens
from teacher_cache.inference.answers import answer
from teacher_cache.inference.lanes import cpu_threads, lanes_of, side_by_side
from tests.teacher_cache.inference.test_first_token import make


@pytest.mark.parametrize("lanes", [1, 3])
def test_every_item_is_done_and_told_once(lanes: int) -> None:
    done: list[int] = []
    assert sorted(side_by_side(done.append, range(20), lanes)) == list(range(20)) == sorted(done)


def test_items_are_begun_in_order_by_threads_of_one_torch_thread_each() -> None:
    seen: list[tuple[int, int]] = []
    names = set()

    def work(item: int) -> None:
        seen.append((item, torch.get_num_threads()))
        names.add(threading.current_thread().name)
        time.sleep(0.01)

    with cpu_threads(2):
        lanes = lanes_of(make("bert"))
        with cpu_threads(1):
            list(side_by_side(work, range(8), lanes))
        assert torch.get_num_threads() == 2
    assert lanes == 2 and len(names) == 2
    assert [item for item, _ in sorted(seen)] == list(range(8)) and {threads for _, threads in seen} == {1}


def test_an_error_is_raised_here_and_what_waits_is_not_begun() -> None:
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        time.sleep(0.01)
        if item == 1:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(side_by_side(work, range(100), 2))
    assert len(begun) < 20


def test_a_caller_that_leaves_early_ends_the_work() -> None:
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        time.sleep(0.01)

    for _ in side_by_side(work, range(100), 2):
        break
    assert len(begun) < 20


@pytest.mark.parametrize(
    ("device", "rotary", "lanes"),
    [
        ("cpu", None, 3),
        ("cpu", {"rope_type": "default"}, 3),
        ("cpu", {"full_attention": {"rope_type": "dynamic"}}, 1),
        ("cuda:0", None, 1),
    ],
)
def test_a_gpu_and_a_model_whose_positions_have_a_state_have_one_lane(device: str, rotary: Any, lanes: int) -> None:
    model = SimpleNamespace(device=torch.device(device), config=SimpleNamespace(rope_parameters=rotary))
    with cpu_threads(3):
        assert lanes_of(model) == lanes


@pytest.mark.parametrize("columns", [{"logits": 2, "cls.2": 16}, {"logits": 2, "hidden.3": 16, "q.1": 16, "gram.2": 1}])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_answers_are_the_same_bytes_for_any_number_of_threads(columns: dict[str, int], dtype: Any) -> None:
    lengths = np.random.default_rng(1).integers(1, 30, 300)
    starts = np.concatenate([[0], lengths.cumsum()])
    ids = np.random.default_rng(0).integers(4, 40, starts[-1]).astype(np.int32)
    tokens, model = Tokens.laid(ids, None, np.diff(starts), [OK] * 300), make("bert").to(dtype)
    found = []
    for threads in (1, 2, 4):
        told: list[int] = []
        with cpu_threads(threads):
            found.append(answer(model, tokens, columns, filler=0, budget=60, on_batch=told.append))
        assert sum(told) == 300
    for name in columns:
        for other in found[1:]:
            np.testing.assert_array_equal(found[0].columns[name], other.columns[name])


def test_a_row_that_is_not_finite_is_done_again_from_any_lane() -> None:
    model = make("bert").half()
    torch.nn.init.constant_(model.bert.embeddings.LayerNorm.weight, 6e4)
    starts = np.arange(0, 44, 4)
    tokens = Tokens.laid(np.full(40, 7, np.int32), None, np.diff(starts), [OK] * 10)
    with cpu_threads(2):
        answers = answer(model, tokens, {"logits": 2}, filler=0, budget=8)
    assert answers.status == [OK] * 10 and np.isfinite(answers.columns["logits"]).all()
