"""Queries, keys and values are those of the model: its own attention follows from them, whatever the family."""

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from data.errors import PotstillError
from data.schema import Sizes
from data.text.encoding import OK, Tokens
from teacher_cache.config import CacheConfig
from teacher_cache.inference.answers import answer
from teacher_cache.inference.attention import NAME, watched
from teacher_cache.inference.extract import extract
from teacher_cache.job import open_job, read_sizes
from teacher_cache.teacher.files import TeacherFiles

SHAPE = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "initializer_range": 0.3,
    "pad_token_id": 0,
}
DISTIL = {"vocab_size": 40, "dim": 16, "n_layers": 3, "n_heads": 2, "hidden_dim": 32, "initializer_range": 0.3}
SPECIAL = {"bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("Bert", SHAPE),
    "roberta": ("Roberta", SHAPE),
    "distilbert": ("DistilBert", DISTIL),
    "electra": ("Electra", {**SHAPE, "embedding_size": 8}),
    "albert": ("Albert", {**SHAPE, "embedding_size": 8}),
    "modernbert": (
        "ModernBert",
        {**SHAPE, **SPECIAL, "local_attention": 6, "global_attn_every_n_layers": 2, "initializer_cutoff_factor": 1.0},
    ),
    "eurobert": ("EuroBert", {**SHAPE, **SPECIAL, "num_key_value_heads": 1, "head_dim": 6, "mask_token_id": 3}),
}
DISENTANGLED = {"deberta": ("Deberta", SHAPE), "deberta-v2": ("DebertaV2", SHAPE), "mpnet": ("MPNet", SHAPE)}
LENGTHS = (12, 5, 9)


def make(family: str) -> Any:
    name, shape = (FAMILIES | DISENTANGLED)[family]
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**shape)
    return getattr(transformers, f"{name}ForSequenceClassification")(config).eval()


def sizes_of(model: Any) -> Sizes:
    config = model.config.to_dict()
    width = config.get("hidden_size") or config["dim"]
    return read_sizes(TeacherFiles(Path(), {}, config, width, 3, None, 2, 0))


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    """Three rows of 12, 5 and 9 sub-words."""
    starts = np.cumsum([0, *LENGTHS])
    ids = np.random.default_rng(0).integers(4, 40, starts[-1]).astype(np.int32)
    return Tokens.laid(ids, None, np.diff(starts), [OK] * 3)


def alone(model: Any, tokens: Tokens, row: int, **options: Any) -> Any:
    """A plain forward pass of one row, without padding."""
    ids = tokens.row(row).astype(np.int64)
    with torch.inference_mode():
        return model(input_ids=torch.from_numpy(ids[None]), **options)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kernel", ["sdpa", "eager"])
def test_attention_follows_from_what_is_taken(family: str, kernel: str, tokens: Tokens) -> None:
    model = make(family)
    sizes = sizes_of(model)
    plain = copy.deepcopy(model)
    plain.set_attn_implementation("eager")
    model.set_attn_implementation(kernel)
    ids, mask = np.zeros((3, 12), np.int64), np.zeros((3, 12), np.int64)
    for row, length in enumerate(LENGTHS):
        ids[row, :length], mask[row, :length] = tokens.row(row), 1
    batch = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
    with torch.inference_mode(), watched(model):
        said = extract(model, batch, tuple(f"{name}.{layer}" for name in "qk" for layer in (1, 2, 3)))
    for row, length in enumerate(LENGTHS):
        wanted = alone(plain, tokens, row, output_attentions=True).attentions
        for layer in (1, 2, 3):
            q, k = (said[f"{name}.{layer}"][row, :length] for name in "qk")
            torch.testing.assert_close(attention(q, k, sizes, layer), wanted[layer - 1][0], atol=1e-5, rtol=1e-5)


def attention(q: torch.Tensor, k: torch.Tensor, sizes: Sizes, layer: int) -> torch.Tensor:
    """What the format page says: softmax(Q Kᵀ / √size) of each head, within the window of a local layer."""
    queries = q.unflatten(-1, (sizes.heads, -1)).transpose(0, 1)  # [H, T, size]
    keys = k.unflatten(-1, (sizes.key_heads, -1)).transpose(0, 1)
    keys = keys.repeat_interleave(sizes.heads // sizes.key_heads, dim=0)
    scores = queries @ keys.mT / math.sqrt(sizes.head_size)
    window = sizes.windows[layer - 1] if sizes.windows else 0
    if window:
        steps = torch.arange(len(q))
        scores = scores.masked_fill((steps[:, None] - steps).abs() > window, -torch.inf)
    return scores.softmax(dim=-1)


@pytest.mark.parametrize("family", FAMILIES)
def test_stored_answers_are_those_of_a_plain_forward_pass_of_the_row_alone(family: str, tokens: Tokens) -> None:
    model = make(family)
    sizes = sizes_of(model)
    columns = {"logits": 2, "hidden.0": 16, "cls.2": 16, "hidden.3": 16, "gram.3": 1, "v.2": sizes.key_heads * 8}
    columns["v.2"] = sizes.key_heads * sizes.head_size
    answers = answer(model, tokens, columns, filler=0, budget=10_000)
    pairs = np.cumsum([0, *(length * (length + 1) // 2 for length in LENGTHS)])
    for row, length in enumerate(LENGTHS):
        wanted = alone(model, tokens, row, output_hidden_states=True)
        states = [state[0].numpy() for state in wanted.hidden_states]
        near = {"atol": 1e-5, "rtol": 2**-10}  # the rounding to float16
        np.testing.assert_allclose(answers.columns["logits"][row], wanted.logits[0], atol=1e-5)
        np.testing.assert_allclose(answers.columns["cls.2"][row], states[2][0], **near)
        for layer in (0, 3):
            stored = answers.columns[f"hidden.{layer}"][tokens.starts[row] : tokens.ends[row]]
            np.testing.assert_allclose(stored, states[layer], **near)
        gram = (states[3] @ states[3].T)[np.tril_indices(length)]
        np.testing.assert_allclose(
            answers.columns["gram.3"][pairs[row] : pairs[row + 1], 0], gram, atol=1e-4, rtol=1e-5
        )
    assert (
        answers.columns["v.2"].shape == (tokens.ends[-1], columns["v.2"]) and np.isfinite(answers.columns["v.2"]).all()
    )


def test_values_are_those_of_the_model_s_own_projection(tokens: Tokens) -> None:
    model = make("bert")
    answers = answer(model, tokens, {"logits": 2, "v.3": 16}, filler=0, budget=10_000)
    states = alone(model, tokens, 1, output_hidden_states=True).hidden_states[2][0]
    wanted = model.bert.encoder.layer[2].attention.self.value(states.clone()).detach()
    stored = answers.columns["v.3"][tokens.starts[1] : tokens.starts[2]]
    np.testing.assert_allclose(stored, wanted, atol=1e-5, rtol=2**-10)


@pytest.mark.parametrize("family", FAMILIES)
def test_old_configs_and_new_ones_give_the_same_sizes(family: str) -> None:
    model = make(family)
    sizes = sizes_of(model)
    assert (sizes.heads, sizes.hidden) == (2, 16)
    assert (sizes.key_heads, sizes.head_size) == ((1, 6) if family == "eurobert" else (2, 8))
    assert sizes.windows == ((0, 3, 0) if family == "modernbert" else ())
    if family == "modernbert":
        config = model.config.to_dict() | {"layer_types": None, "global_attn_every_n_layers": 2}
        assert read_sizes(TeacherFiles(Path(), {}, config, 16, 3, None, 2, 0)) == sizes


@pytest.mark.parametrize("family", DISENTANGLED)
def test_a_model_of_another_attention_is_refused_before_it_computes(family: str, tokens: Tokens) -> None:
    model = make(family)
    ran: list[int] = []
    model.register_forward_pre_hook(lambda module, args: ran.append(1))
    with pytest.raises(PotstillError, match=r"does not hand out queries, keys and values") as caught:
        answer(model, tokens, {"logits": 2, "q.1": 16}, filler=0, budget=10_000)
    assert not ran and "leave q, k and v out" in (caught.value.hint or "")
    answers = answer(model, tokens, {"logits": 2, "hidden.3": 16, "gram.0": 1}, filler=0, budget=10_000)
    assert answers.status == [OK] * 3


def test_a_deberta_is_refused_before_it_is_loaded(make_teacher: Any, examples: Path) -> None:
    import json

    teacher = make_teacher()
    config = json.loads((teacher / "config.json").read_text())
    (teacher / "config.json").write_text(json.dumps(config | {"model_type": "deberta-v2"}))
    with pytest.raises(PotstillError, match=r"q.3, k.3, v.3 cannot be had of a deberta-v2 teacher"):
        open_job(CacheConfig(signals=("qkv",)), examples, teacher, Path())
    assert open_job(CacheConfig(signals=("hidden",)), examples, teacher, Path()).columns == ("logits", "hidden.3")


def test_the_model_is_as_it_was_afterwards(tokens: Tokens) -> None:
    model = make("bert")
    before = alone(model, tokens, 0).logits
    answer(model, tokens, {"logits": 2, "q.1": 16}, filler=0, budget=10_000)
    assert model.config._attn_implementation == "sdpa"
    torch.testing.assert_close(alone(model, tokens, 0).logits, before, atol=0, rtol=0)


def test_logits_alone_touch_nothing(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make("bert")
    monkeypatch.setattr(model, "set_attn_implementation", lambda name: pytest.fail("the attention was switched"))
    answer(model, tokens, {"logits": 2, "hidden.1": 16}, filler=0, budget=10_000)


def test_the_attention_is_switched_back_after_an_error() -> None:
    model = make("bert")
    with pytest.raises(ZeroDivisionError), watched(model):
        assert model.config._attn_implementation == f"{NAME}_sdpa"
        raise ZeroDivisionError
    assert model.config._attn_implementation == "sdpa"


def test_another_scale_is_folded_into_the_queries(tokens: Tokens) -> None:
    model = make("bert")
    plain = extract_q(model, tokens)
    model.bert.encoder.layer[0].attention.self.scaling *= 3
    torch.testing.assert_close(extract_q(model, tokens), plain * 3)


def extract_q(model: Any, tokens: Tokens) -> torch.Tensor:
    ids = torch.from_numpy(tokens.values[None, :5].astype(np.int64))
    with torch.inference_mode(), watched(model):
        return extract(model, {"input_ids": ids}, ("q.1",))["q.1"]


def test_a_causal_attention_is_refused(tokens: Tokens) -> None:
    model = make("bert")
    model.bert.encoder.layer[0].attention.self.is_causal = True
    with pytest.raises(PotstillError, match="adds a causal mask to the products of q and k"):
        extract_q(model, tokens)


def test_half_precision_is_retried_in_float32_with_the_attention_watched(tokens: Tokens) -> None:
    model = make("bert").half()
    torch.nn.init.constant_(model.bert.embeddings.LayerNorm.weight, 6e4)
    assert not alone(model, tokens, 0).logits.isfinite().any()
    with pytest.raises(PotstillError, match=r"q.1 holds .* above 65504"):
        answer(model, tokens, {"logits": 2, "q.1": 16}, filler=0, budget=10_000)
    answers = answer(model, tokens, {"logits": 2, "q.3": 16}, filler=0, budget=10_000)
    assert answers.status == [OK] * 3 and np.isfinite(answers.columns["q.3"]).all()
    assert model.config._attn_implementation == "sdpa" and model.dtype == torch.float16
