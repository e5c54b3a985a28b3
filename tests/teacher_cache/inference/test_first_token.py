"""Where only the first token is asked for, the last layer computes no other, and the answers are those of the whole."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from data.text.encoding import OK, Tokens
from teacher_cache.inference.answers import answer
from teacher_cache.inference.first_token import FAMILIES, first_token_only, first_token_serves
from tests.teacher_cache.inference.test_attention import SHAPE

CLASSES = {
    "bert": "Bert",
    "camembert": "Camembert",
    "electra": "Electra",
    "roberta": "Roberta",
    "xlm-roberta": "XLMRoberta",
}
LENGTHS = (12, 5, 9, 9, 1)
OF_ALL_TOKENS = ("hidden.3", "mean.3", "gram.3", "q.1", "v.3")


def make(family: str, **shape: Any) -> Any:
    torch.manual_seed(0)
    config = getattr(transformers, f"{CLASSES[family]}Config")(**(SHAPE | shape))
    return getattr(transformers, f"{CLASSES[family]}ForSequenceClassification")(config).eval()


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    starts = np.cumsum([0, *LENGTHS])
    ids = np.random.default_rng(0).integers(4, 40, starts[-1]).astype(np.int32)
    return Tokens.laid(ids, None, np.diff(starts), [OK] * len(LENGTHS))


def test_every_family_that_is_named_is_tested() -> None:
    assert set(FAMILIES) == set(CLASSES)


@pytest.mark.parametrize("kernel", ["sdpa", "eager"])
@pytest.mark.parametrize("budget", [10_000, 9])  # one padded batch with a mask; batches of one length without
@pytest.mark.parametrize("family", FAMILIES)
def test_the_answers_are_those_of_a_plain_forward_pass_of_each_row(
    family: str, budget: int, kernel: str, tokens: Tokens
) -> None:
    model = make(family)
    model.set_attn_implementation(kernel)
    columns = {"logits": 2, "cls.3": 16, "cls.1": 16, "hidden.2": 16, "mean.0": 16}
    assert first_token_serves(model, columns)
    answers = answer(model, tokens, columns, filler=0, budget=budget)
    for row, start in enumerate(tokens.starts):
        ids = torch.from_numpy(tokens.values[start : tokens.ends[row]].astype(np.int64))[None]
        with torch.inference_mode():
            wanted = model(input_ids=ids, output_hidden_states=True)
        states = [state[0].numpy() for state in wanted.hidden_states]
        near = {"atol": 1e-5, "rtol": 2**-10}  # the rounding to float16
        np.testing.assert_allclose(answers.columns["logits"][row], wanted.logits[0], atol=1e-5)
        np.testing.assert_allclose(answers.columns["cls.3"][row], states[3][0], **near)
        np.testing.assert_allclose(answers.columns["cls.1"][row], states[1][0], **near)
        np.testing.assert_allclose(answers.columns["hidden.2"][start : tokens.ends[row]], states[2], **near)
        np.testing.assert_allclose(answers.columns["mean.0"][row], states[0].mean(axis=0), **near)


def test_the_last_layer_s_feed_forward_sees_one_token_a_row() -> None:
    model, seen = make("bert"), []
    model.bert.encoder.layer[-1].intermediate.register_forward_hook(lambda module, taken, out: seen.append(out.shape))
    with torch.inference_mode(), first_token_only(model):
        model(input_ids=torch.full((2, 7), 5))
    assert seen == [(2, 1, 32)]
    with torch.inference_mode():
        model(input_ids=torch.full((2, 7), 5))
    assert seen[1] == (2, 7, 32)


@pytest.mark.parametrize("column", OF_ALL_TOKENS)
def test_a_column_of_all_tokens_of_the_last_layer_or_of_any_attention_has_it_whole(column: str) -> None:
    assert not first_token_serves(make("bert"), {"logits", column})


def test_other_families_and_other_heads_have_it_whole() -> None:
    model = make("bert")
    assert first_token_serves(model, {"logits"})
    model.config.is_decoder = True
    assert not first_token_serves(model, {"logits"})
    config = transformers.BertConfig(**SHAPE)
    assert not first_token_serves(transformers.BertForTokenClassification(config), {"logits"})
    distil = transformers.DistilBertConfig(vocab_size=40, dim=16, n_layers=1, n_heads=2, hidden_dim=32)
    assert not first_token_serves(transformers.DistilBertForSequenceClassification(distil), {"logits"})


def test_a_copy_of_the_model_made_meanwhile_computes_with_its_own_weights() -> None:
    model, ids = make("bert"), torch.full((1, 4), 5)
    with torch.inference_mode():
        wanted = model(input_ids=ids).logits
        twin = copy.deepcopy(model)
        with first_token_only(model), first_token_only(twin):
            torch.nn.init.zeros_(model.bert.encoder.layer[-1].output.dense.weight)
            torch.testing.assert_close(twin(input_ids=ids).logits, wanted)
        assert not torch.equal(model(input_ids=ids).logits, wanted)
