"""Numbers that are not finite, or too large for storage, never pass in silence."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from data.errors import BAD_DATA, PotstillError
from data.tasks.task import Task
from teacher_cache.extract import check_range, mean
from teacher_cache.shard import answer
from teacher_cache.teacher import load_teacher
from teacher_cache.tokens import Tokens, prepare, tokenise

TEXTS = ["a good movie", "bad", "the film was very dull"]


@pytest.fixture
def loaded(teacher: Path) -> Any:
    return load_teacher(teacher, task=Task("classify", ("negative", "positive")))


@pytest.fixture
def tokens(loaded: Any) -> Tokens:
    return tokenise(prepare(loaded.tokenizer, 64), TEXTS)


def test_padding_never_leaks(loaded: Any, tokens: Tokens) -> None:
    columns = {"logits": 2, "cls.3": 16, "mean.3": 16}
    together = answer(loaded.model, tokens, columns, filler=0, budget=10_000)
    single = answer(loaded.model, tokens, columns, filler=0, budget=1)
    assert together.padded > single.padded
    for name in columns:
        np.testing.assert_allclose(together.columns[name], single.columns[name], atol=1e-5, rtol=2**-10)


def test_the_filler_decides_nothing(loaded: Any, tokens: Tokens) -> None:
    first, second = [answer(loaded.model, tokens, {"logits": 2}, filler=id, budget=10_000) for id in (0, 7)]
    np.testing.assert_allclose(first.columns["logits"], second.columns["logits"], atol=1e-5)


def test_a_row_that_is_not_finite_is_marked(loaded: Any, tokens: Tokens) -> None:
    word = int(tokens.ids[tokens.starts[1] + 1])  # "bad"
    with torch.no_grad():
        loaded.model.bert.embeddings.word_embeddings.weight[word] = torch.nan
    answers = answer(loaded.model, tokens, {"logits": 2}, filler=0, budget=10_000)
    assert answers.status == ["ok", "nonfinite", "ok"]
    assert np.isfinite(answers.columns["logits"][[0, 2]]).all()


def test_what_overflows_in_float16_is_computed_again_in_float32(loaded: Any, tokens: Tokens) -> None:
    model = loaded.model.half()
    torch.nn.init.constant_(model.bert.embeddings.LayerNorm.weight, 6e4)  # the next layer norm brings it down again
    first = torch.from_numpy(tokens.ids[None, : tokens.starts[1]].astype(np.int64))
    assert not model(input_ids=first).logits.isfinite().any()
    answers = answer(model, tokens, {"logits": 2}, filler=0, budget=10_000)
    assert answers.status == ["ok", "ok", "ok"]
    wanted = copy.deepcopy(model).float()(input_ids=first).logits[0].detach()
    np.testing.assert_allclose(answers.columns["logits"][0], wanted, atol=1e-5)
    assert model.dtype == torch.float16


def test_a_vector_too_large_for_float16_stops_the_run(loaded: Any, tokens: Tokens) -> None:
    with torch.no_grad():
        loaded.model.bert.encoder.layer[2].output.LayerNorm.weight.mul_(1e6)
    with pytest.raises(PotstillError, match=r"cls.3 holds .* above 65504") as caught:
        answer(loaded.model, tokens, {"logits": 2, "cls.3": 16}, filler=0, budget=10_000)
    assert caught.value.code == BAD_DATA


def test_the_largest_half_still_fits() -> None:
    check_range("cls.1", torch.tensor([65504.0, -65504.0, float("nan")]))
    with pytest.raises(PotstillError, match="65600"):
        check_range("cls.1", torch.tensor([65600.0]))


def test_the_mean_is_over_real_tokens() -> None:
    class Outputs:
        hidden_states = (torch.tensor([[[1.0], [3.0], [100.0]]]),)

    assert mean(Outputs(), torch.tensor([[1, 1, 0]]), 0).item() == 2.0
    assert mean(Outputs(), None, 0).item() == pytest.approx(104 / 3)


def test_hidden_states_are_asked_for_only_when_needed(loaded: Any, tokens: Tokens) -> None:
    asked = []
    loaded.model.register_forward_pre_hook(
        lambda module, args, kwargs: asked.append(kwargs["output_hidden_states"]), with_kwargs=True
    )
    answer(loaded.model, tokens, {"logits": 2}, filler=0, budget=10_000)
    answer(loaded.model, tokens, {"logits": 2, "mean.1": 16}, filler=0, budget=10_000)
    assert asked == [False, True]
