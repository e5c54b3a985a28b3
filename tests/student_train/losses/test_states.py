"""Losses on states: golden numbers, references written out in numpy, padding, equality with the teacher, gradients."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from data.errors import PotstillError
from data.progress import Silent
from data.readers.source import Source
from data.tasks.task import Task
from student_train.batch import Batch, Inputs
from student_train.config import TrainConfig
from student_train.losses.layers import Stack
from student_train.losses.objective import Objective
from student_train.losses.table import read_losses
from student_train.outputs import Outputs
from student_train.student import Student
from student_train.train import train

TASK = Task("classify", ("no", "yes"))
ON_STATES = ("hidden_mse", "cos", "pkd", "nst", "fsp", "cls_mse", "emd")
ON_ATTENTION: tuple[tuple[str, dict[str, Any]], ...] = (
    ("attention_mse", {}),
    ("attention_mse", {"form": "mse_sum"}),
    ("attention_mse", {"form": "ce"}),
    ("attention_mse", {"form": "ce_mean"}),
    ("relations", {"heads": 3}),
    ("relations", {"heads": 1, "types": ["qk", "vv"]}),
)
HEADS = 2
LENGTHS = (4, 2, 5)
B, T, DEPTH, WIDTH = len(LENGTHS), max(LENGTHS), 4, 6
PAIRS = [(0, 0), (1, 2), (2, 4)]  # of 2 layers with 4


def states(layers: int, width: int, seed: int, *, longest: int = T) -> dict[int, Tensor]:
    """Random states with zeros behind the end of a row, as the cache has them."""
    random = torch.Generator().manual_seed(seed)
    made = {layer: torch.randn(B, T, width, generator=random) for layer in range(layers + 1)}
    mask = torch.arange(longest) < torch.tensor(LENGTHS)[:, None]
    grown = {layer: torch.cat([tensor, torch.zeros(B, longest - T, width)], dim=1) for layer, tensor in made.items()}
    return {layer: tensor * mask[..., None] for layer, tensor in grown.items()}


def batch_of(hidden: Mapping[int, Tensor], *, longest: int = T) -> Batch:
    """A batch whose teacher said these states, their products and the states of the first sub-words."""
    told = Outputs(
        torch.zeros(B, 2),
        hidden=dict(hidden),
        cls={layer: tensor[:, 0] for layer, tensor in hidden.items()},
        gram={layer: tensor @ tensor.mT for layer, tensor in hidden.items()},
    )
    inputs = Inputs((torch.ones(B, longest, dtype=torch.int64),), (torch.tensor(LENGTHS),))
    return Batch(inputs, torch.zeros(B, dtype=torch.int64), told, np.arange(B))


def objective(name: str, *, width: int = WIDTH, **options: Any) -> Objective:
    return Objective(read_losses({name: options}), TASK, student=Stack(2, width), teacher=Stack(DEPTH, WIDTH))


def value(made: Objective, hidden: Mapping[int, Tensor], batch: Batch) -> Tensor:
    return made(Outputs(torch.zeros(B, 2), hidden=dict(hidden)), batch)


def rows(hidden: Mapping[int, Tensor], layer: int) -> list[np.ndarray]:
    return [hidden[layer][row, :length].double().numpy() for row, length in enumerate(LENGTHS)]


def reference(name: str, ours: Mapping[int, Tensor], theirs: Mapping[int, Tensor]) -> float:
    """The formulas as TextBrewer and the PKD code write them, row by row, without padding."""
    pairs = [(rows(ours, s), rows(theirs, t)) for s, t in PAIRS]
    count = sum(LENGTHS)
    if name == "hidden_mse":
        return sum(sum(((a - b) ** 2).sum() for a, b in zip(*pair, strict=True)) / (count * WIDTH) for pair in pairs)
    if name == "cos":
        one, other = (np.concatenate(side) for side in pairs[-1])
        lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        return float((1 - (one * other).sum(1) / lengths).mean())
    if name == "pkd":
        one, other = (np.stack([row[0] / np.linalg.norm(row[0]) for row in side]) for side in pairs[1])
        return float(((one - other) ** 2).mean())
    if name == "cls_mse":
        one, other = (np.stack([row[0] for row in side]) for side in pairs[-1])
        return float(((one - other) ** 2).mean())
    if name == "emd":
        return by_transport(ours, theirs)
    if name == "nst":
        squares = [
            sum(((a @ a.T / a.shape[1] - b @ b.T / b.shape[1]) ** 2).sum() for a, b in zip(*pair, strict=True))
            for pair in pairs
        ]
        return float(sum(squares) / sum(length**2 for length in LENGTHS))
    total = 0.0
    for (one, first), (other, second) in pairwise(pairs):
        flows = [(a.T @ b / len(a) - c.T @ d / len(c)) for a, b, c, d in zip(one, other, first, second, strict=True)]
        total += float(np.mean([flow**2 for flow in flows]))
    return total


def by_transport(ours: Mapping[int, Tensor], theirs: Mapping[int, Tensor]) -> float:
    """The cheapest of all plans, by linear programming, and the distance of the embeddings."""
    from scipy.optimize import linprog

    def cost(s: int, t: int) -> float:
        parts = zip(rows(ours, s), rows(theirs, t), strict=True)
        return float(sum(((a - b) ** 2).sum() for a, b in parts) / (sum(LENGTHS) * WIDTH))

    costs = np.array([[cost(s, t) for t in range(1, DEPTH + 1)] for s in (1, 2)])
    sums = [np.kron(np.eye(2), np.ones(DEPTH)), np.kron(np.ones(2), np.eye(DEPTH))]
    found = linprog(costs.ravel(), A_eq=np.vstack(sums), b_eq=[0.5, 0.5, *[1 / DEPTH] * DEPTH])
    return float(found.fun) + cost(0, 0)


@pytest.mark.parametrize("name", ON_STATES)
def test_each_is_what_its_formula_says(name: str) -> None:
    ours, theirs = states(2, WIDTH, 1), states(DEPTH, WIDTH, 2)
    found = float(value(objective(name), ours, batch_of(theirs)))
    assert found == pytest.approx(reference(name, ours, theirs), rel=1e-5)


def test_golden_numbers_of_pkd_and_of_angles() -> None:
    """ht = (3, 0, 4), (1, 2, 2); hs = (0, 3, 4), (2, 1, 2): two layers of one row, or two sub-words of one layer."""
    theirs, ours = torch.tensor([[3.0, 0, 4], [1, 2, 2]]), torch.tensor([[0.0, 3, 4], [2, 1, 2]])
    inputs = Inputs((torch.ones(1, 1, dtype=torch.int64),), (torch.tensor([1]),))
    told = Outputs(torch.zeros(1, 2), cls={1: theirs[:1], 2: theirs[1:]})
    batch = Batch(inputs, torch.zeros(1, dtype=torch.int64), told, np.arange(1))
    made = Outputs(torch.zeros(1, 2), hidden={1: ours[:1, None], 2: ours[1:, None]})
    for reduction, wanted in (("sum", 0.942222), ("mean", 0.157037)):
        losses = read_losses({"pkd": {"reduction": reduction, "layers": "upper"}})
        pkd = Objective(losses, TASK, student=Stack(2, 3), teacher=Stack(2, 3))
        assert float(pkd(made, batch)) == pytest.approx(wanted, abs=1e-6)
    inputs = Inputs((torch.ones(1, 2, dtype=torch.int64),), (torch.tensor([2]),))
    batch = Batch(
        inputs, torch.zeros(1, dtype=torch.int64), Outputs(torch.zeros(1, 2), hidden={1: theirs[None]}), np.arange(1)
    )
    cos = Objective(read_losses({"cos": {}}), TASK, student=Stack(1, 3), teacher=Stack(1, 3))
    assert float(cos(Outputs(torch.zeros(1, 2), hidden={1: ours[None]}), batch)) == pytest.approx(0.235556, abs=1e-6)


@pytest.mark.parametrize("name", ON_STATES)
def test_padding_changes_nothing(name: str) -> None:
    short, long = (batch_of(states(DEPTH, WIDTH, 2, longest=size), longest=size) for size in (T, T + 7))
    ours = states(2, 3, 1)
    noisy = {layer: torch.cat([tensor, torch.full((B, 7, 3), 9.0)], dim=1) for layer, tensor in ours.items()}
    made = objective(name, width=3)
    assert float(value(made, noisy, long)) == pytest.approx(float(value(made, ours, short)), rel=1e-5)


@pytest.mark.parametrize("name", [name for name in ON_STATES if name != "emd"])  # which wants as many layers for that
def test_a_student_whose_states_are_the_teacher_s_has_nothing_to_learn(name: str) -> None:
    theirs = states(DEPTH, WIDTH, 2)
    ours = {student: theirs[teacher].clone().requires_grad_() for student, teacher in PAIRS}
    found = value(objective(name), ours, batch_of(theirs))
    assert float(found) == pytest.approx(0.0, abs=1e-6)
    found.backward()
    assert all(tensor.grad is None or float(tensor.grad.abs().max()) < 1e-4 for tensor in ours.values())


@pytest.mark.parametrize("name", ["cos", "pkd"])
def test_losses_on_directions_do_not_see_how_long_states_are(name: str) -> None:
    theirs = states(DEPTH, WIDTH, 2)
    ours, longer = states(2, WIDTH, 1), {layer: 3 * tensor for layer, tensor in theirs.items()}
    made = objective(name)
    assert float(value(made, ours, batch_of(longer))) == pytest.approx(float(value(made, ours, batch_of(theirs))))


@pytest.mark.parametrize("name", ON_STATES)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    theirs, made = batch_of(states(DEPTH, WIDTH, 2)), objective(name, width=3)
    ours = {layer: tensor.requires_grad_() for layer, tensor in states(2, 3, 1).items()}
    value(made, ours, theirs).backward()
    compared = {"pkd": 1}.get(name, 2)
    place, step = (0, 0, 1), 1e-2
    wanted = []
    for sign in (1, -1):
        moved = {layer: tensor.detach().clone() for layer, tensor in ours.items()}
        moved[compared][place] += sign * step
        wanted.append(float(value(made, moved, theirs)))
    assert ours[compared].grad is not None
    slope = (wanted[0] - wanted[1]) / (2 * step)
    assert float(ours[compared].grad[place]) == pytest.approx(slope, rel=0.05, abs=2e-5)


@pytest.mark.parametrize("name", ON_STATES)
def test_a_narrower_student_is_projected_but_where_products_are_compared(name: str) -> None:
    made = objective(name, width=3)
    assert bool(list(made.parameters())) == (name != "nst")
    assert not list(objective(name).parameters())


def test_wrong_options_are_refused() -> None:
    for options, match in (({"layers": "odd"}, "no layers 'odd'"), ({"reduction": "max"}, "no pkd reduction 'max'")):
        with pytest.raises(PotstillError, match=match):
            read_losses({"pkd": options})


def test_the_golden_plan_between_two_layers_and_three() -> None:
    from student_train.losses.on_layers.emd import transport

    costs = torch.tensor([[1.0, 4, 2], [3, 1, 5]], requires_grad=True)
    plan = transport(costs)
    assert plan.tolist() == [pytest.approx([1 / 6, 0, 1 / 3]), pytest.approx([1 / 6, 1 / 3, 0])]
    assert float((plan * costs).sum()) == pytest.approx(1.666667, abs=1e-6) and not plan.requires_grad
    one = torch.tensor([[1.0, 4, 2]])
    assert float((transport(one) * one).sum()) == pytest.approx(float(one.mean()))


# Attention.


def attentive(made: dict[int, Tensor], seed: int) -> dict[str, dict[int, Tensor]]:
    """Queries, keys and values of all layers but the embeddings, of the widths of some states."""
    random, names = torch.Generator().manual_seed(seed), ("q", "k", "v")
    return {
        name: {layer: tensor * torch.randn(tensor.shape, generator=random) for layer, tensor in made.items() if layer}
        for name in names
    }


def told_of(kept: Mapping[str, dict[int, Tensor]], *, longest: int = T) -> Batch:
    inputs = Inputs((torch.ones(B, longest, dtype=torch.int64),), (torch.tensor(LENGTHS),))
    told = Outputs(torch.zeros(B, 2), **kept)  # type: ignore[arg-type]
    return Batch(inputs, torch.zeros(B, dtype=torch.int64), told, np.arange(B))


def on_attention(name: str, options: dict[str, Any], *, width: int = WIDTH, heads: int = HEADS) -> Objective:
    losses = read_losses({name: options})
    return Objective(losses, TASK, student=Stack(2, width, heads), teacher=Stack(DEPTH, WIDTH, HEADS))


def said(made: Objective, kept: Mapping[str, dict[int, Tensor]], batch: Batch) -> Tensor:
    return made(Outputs(torch.zeros(B, 2), **kept), batch)  # type: ignore[arg-type]


def soft(values: np.ndarray) -> np.ndarray:
    grown = np.exp(values - values.max(-1, keepdims=True))
    return grown / grown.sum(-1, keepdims=True)


def pieces(kept: Mapping[str, dict[int, Tensor]], name: str, layer: int, row: int, heads: int) -> list[np.ndarray]:
    """Of one row, head by head: [n, size] each."""
    return np.split(kept[name][layer][row, : LENGTHS[row]].double().numpy(), heads, axis=1)


def attention_reference(name: str, options: dict[str, Any], ours: Any, theirs: Any) -> float:
    total, heads = 0.0, options.get("heads", HEADS)
    for s, t in PAIRS[1:] if name == "attention_mse" else PAIRS[-1:]:
        parts: list[float] = []
        for row, n in enumerate(LENGTHS):
            maps = {}
            for who, kept, layer in (("s", ours, s), ("t", theirs, t)):
                for first, second in options.get("types", ["qq", "kk", "vv"]) if name == "relations" else ["qk"]:
                    sides = (pieces(kept, letter, layer, row, heads) for letter in (first, second))
                    maps[who, first + second] = np.stack(
                        [a @ b.T / a.shape[1] ** 0.5 for a, b in zip(*sides, strict=True)]
                    )
            for key in {pair for _, pair in maps}:
                got, wanted = maps["s", key], maps["t", key]  # [H, n, n]
                if name == "relations":
                    p, q = soft(wanted), soft(got)
                    parts.append(float((p * np.log(p / q)).sum() / (heads * n) / B))
                elif (form := options.get("form", "mse")) == "mse":
                    parts.append(float(((got - wanted) ** 2).sum() / (HEADS * sum(k**2 for k in LENGTHS))))
                elif form == "mse_sum":
                    parts.append(float(((got.sum(0) - wanted.sum(0)) ** 2).sum() / sum(k**2 for k in LENGTHS)))
                elif form == "ce":
                    parts.append(float(-(soft(wanted) * np.log(soft(got))).sum() / (HEADS * sum(LENGTHS))))
                else:
                    parts.append(float(-(soft(wanted.mean(0)) * np.log(soft(got.mean(0)))).sum() / sum(LENGTHS)))
        total += sum(parts)
    return total


@pytest.mark.parametrize(("name", "options"), ON_ATTENTION)
def test_losses_on_attention_are_what_their_formulas_say(name: str, options: dict[str, Any]) -> None:
    ours, theirs = attentive(states(2, WIDTH, 1), 3), attentive(states(DEPTH, WIDTH, 2), 4)
    found = float(said(on_attention(name, options), ours, told_of(theirs)))
    assert found == pytest.approx(attention_reference(name, options, ours, theirs), rel=1e-5)


def test_the_golden_number_of_relations_between_values() -> None:
    """Vt = (1, 0), (0, 2), (9, 9); Vs = 1, 0.5, 7; the third sub-word is padding; one relation head."""
    losses = read_losses({"relations": {"types": ["vv"], "heads": 1}})
    made = Objective(losses, TASK, student=Stack(1, 1), teacher=Stack(1, 2))
    inputs = Inputs((torch.ones(1, 3, dtype=torch.int64),), (torch.tensor([2]),))
    for last in (7.0, -1.0):
        theirs, ours = torch.tensor([[[1.0, 0], [0, 2], [9, 9]]]), torch.tensor([[[1.0], [0.5], [last]]])
        batch = Batch(
            inputs, torch.zeros(1, dtype=torch.int64), Outputs(torch.zeros(1, 2), v={1: theirs}), np.arange(1)
        )
        assert float(made(Outputs(torch.zeros(1, 2), v={1: ours}), batch)) == pytest.approx(0.300782, abs=1e-6)


@pytest.mark.parametrize(("name", "options"), ON_ATTENTION)
def test_padding_changes_no_loss_on_attention(name: str, options: dict[str, Any]) -> None:
    ours, theirs = attentive(states(2, WIDTH, 1), 3), attentive(states(DEPTH, WIDTH, 2), 4)
    made = on_attention(name, options)

    def longer(kept: dict[str, dict[int, Tensor]], filler: float) -> dict[str, dict[int, Tensor]]:
        more = torch.full((B, 7, WIDTH), filler)
        return {
            name: {at: torch.cat([tensor, more], 1) for at, tensor in layers.items()} for name, layers in kept.items()
        }

    long = said(made, longer(ours, 9.0), told_of(longer(theirs, 0.0), longest=T + 7))
    assert float(long) == pytest.approx(float(said(made, ours, told_of(theirs))), rel=1e-5)


@pytest.mark.parametrize(("name", "options"), ON_ATTENTION)
def test_a_student_that_attends_as_its_teacher_has_nothing_to_learn(name: str, options: dict[str, Any]) -> None:
    theirs = attentive(states(DEPTH, WIDTH, 2), 4)
    ours = {key: {s: kept[t].clone().requires_grad_() for s, t in PAIRS[1:]} for key, kept in theirs.items()}
    found = said(on_attention(name, options), ours, told_of(theirs))
    if not options.get("form", "").startswith("ce"):
        assert float(found) == pytest.approx(0.0, abs=1e-6)
    found.backward()
    grads = [tensor.grad for layers in ours.values() for tensor in layers.values() if tensor.grad is not None]
    assert grads and all(float(grad.abs().max()) < 1e-5 for grad in grads)


def test_heads_that_do_not_fit_are_refused_with_those_that_do() -> None:
    with pytest.raises(PotstillError, match="4 heads do not divide widths of 6 and 6") as caught:
        on_attention("relations", {"heads": 4})
    assert "with N of 6, 3, 2, 1" in caught.value.hint
    with pytest.raises(PotstillError, match="the student has 3 heads, the teacher 2"):
        on_attention("attention_mse", {}, heads=3)
    on_attention("attention_mse", {"form": "mse_sum"}, heads=3)
    for options in ({"types": ["qv"]}, {"types": []}, {"heads": 0}, {"layers": "all"}):
        with pytest.raises(PotstillError, match="relations"):
            read_losses({"relations": options})


# From a cache.


@pytest.fixture
def with_states(make_cache: Any, sentiment_rows: Any, tokenizer: Any, tmp_path: Path) -> tuple[Path, Any]:
    """A cache of a teacher of 4 layers, 12 wide, whose states are random numbers of the right sizes."""
    from data.manifest import read_manifest, write_manifest

    made, random = sentiment_rows(96), np.random.default_rng(0)
    lengths = [len(tokenizer.encode(example.text).ids) for example in made.examples]
    signals: dict[str, Any] = {
        "input_ids": [np.array(tokenizer.encode(example.text).ids) for example in made.examples],
        "cls.2": random.normal(size=(96, 12)).astype(np.float16),
    }
    for column in ("hidden.0", "hidden.2", "hidden.4", "q.4", "k.4", "v.4", "q.2", "k.2"):
        signals[column] = [random.normal(size=(length, 12)).astype(np.float16) for length in lengths]
    cache = make_cache(tmp_path, made, signals=signals)
    manifest = read_manifest(cache, "cache")
    write_manifest(cache, replace(manifest, config=manifest.config | {"depth": 4, "width": 12}))
    return cache, made


@pytest.mark.parametrize(
    "losses",
    [
        {"hidden_mse": 1.0},
        {"pkd": 1.0, "kl": 1.0},
        {"cos": 0.5, "fsp": 0.5, "ce": 1.0},
        {"relations": {"weight": 1.0, "heads": 4}},
        {"attention_mse": 1.0, "hidden_mse": 1.0},
    ],
)
def test_a_transformer_learns_from_the_states_of_a_cache(
    losses: dict[str, float], with_states: Any, small: TrainConfig, write_source: Any, tmp_path: Path
) -> None:
    cache, made = with_states
    dev: Source = write_source(tmp_path / "dev.tsv", made)
    sizes = dict.fromkeys(("hidden", "dense"))
    config = replace(
        small, **sizes, model="transformer", shape={"size": "2x8"}, max_words=60, min_count=0, losses=losses
    )
    manifest = train(config, [cache], dev, tmp_path / "s", progress=Silent())
    assert Student.load(tmp_path / "s").logits(["a film"]).shape == (1, 2)
    assert manifest.report["steps"] > 0


@pytest.mark.parametrize(
    ("changes", "match", "hint"),
    [
        ({"losses": {"nst": 1.0}}, "cache has no signal 'gram.0'", "k.2,gram.0,gram.2,gram.4"),
        ({"losses": {"hidden_mse": 1.0}, "layer_map": "1,3"}, "cache has no signal 'hidden.1'", "hidden.1,hidden.3"),
        ({"losses": {"hidden_mse": 1.0}, "model": "dan", "shape": None}, "the student has none", "--model transformer"),
        ({"losses": {"cos": 1.0}, "max_words": 4}, "the student's sub-words are not the teacher's", "max_length"),
    ],
)
def test_what_the_cache_or_the_student_lacks_is_said_before_anything_is_trained(
    changes: dict[str, Any],
    match: str,
    hint: str,
    with_states: Any,
    small: TrainConfig,
    write_source: Any,
    tmp_path: Path,
) -> None:
    cache, made = with_states
    sizes: dict[str, Any] = dict.fromkeys(("hidden", "dense")) | {"shape": {"size": "2x8"}, "max_words": 60}
    config = replace(small, **{**sizes, "model": "transformer", "min_count": 0, **changes})
    with pytest.raises(PotstillError, match=match) as caught:
        train(config, [cache], write_source(tmp_path / "dev.tsv", made), tmp_path / "s", progress=Silent())
    assert hint in caught.value.hint


def test_a_transformer_with_projections_resumes_to_the_last_bit(
    with_states: Any, small: TrainConfig, write_source: Any, tmp_path: Path
) -> None:
    from tests.student_train.loop.test_resume import Break, check_same, stop

    cache, made = with_states
    dev: Source = write_source(tmp_path / "dev.tsv", made)
    sizes: dict[str, Any] = dict.fromkeys(("hidden", "dense")) | {"shape": {"size": "2x8"}, "max_words": 60}
    losses = {"hidden_mse": 1.0, "relations": {"weight": 1.0, "heads": 4}, "kl": 1.0}
    config = replace(small, **sizes, model="transformer", min_count=0, losses=losses, epochs=4)
    train(config, [cache], dev, tmp_path / "whole", progress=Silent())
    with pytest.raises(PotstillError, match="SIGTERM"):
        train(config, [cache], dev, tmp_path / "broken", progress=Break(5, stop))
    train(config, [cache], dev, tmp_path / "broken", progress=Silent())
    check_same(tmp_path / "whole", tmp_path / "broken", steps=())
