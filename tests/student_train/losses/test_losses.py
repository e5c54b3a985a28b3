"""Every loss against numbers computed by hand, its gradient, and what it must refuse."""

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from data.errors import PotstillError
from data.tasks.task import Task
from student_train.batch import Batch, Inputs
from student_train.losses.loss import Given, Moving
from student_train.losses.objective import Objective
from student_train.losses.on_logits.argmax import Argmax
from student_train.losses.on_logits.hard import Gold, cross_entropy, mean_squared_error
from student_train.losses.on_logits.kl import KL, PRESETS
from student_train.losses.on_logits.logit_mse import LogitMSE
from student_train.losses.table import LOSSES, check_losses, read_losses, required_signals, spell_losses, temperature_of
from student_train.outputs import Outputs

# Two rows, three classes. The numbers below were computed from them with plain Python mathematics.
TEACHER = [[2.0, 0.5, -1.0], [0.1, 0.2, 0.3]]
STUDENT = [[1.5, -0.5, 0.25], [0.0, 1.0, -1.0]]
LABELS = [0, 2]
THREE = Task("classify", ("a", "b", "c"))


def student() -> torch.Tensor:
    return torch.tensor(STUDENT, requires_grad=True)


def teacher() -> torch.Tensor:
    return torch.tensor(TEACHER)


def batch(labels: Any = LABELS, logits: Any = TEACHER) -> Batch:
    label = torch.tensor(labels)
    inputs = Inputs((torch.ones(len(label), 1, dtype=torch.long),), (torch.ones(len(label), dtype=torch.long),))
    return Batch(inputs, label, Outputs(torch.tensor(logits)), np.arange(len(label)))


def kl(z: torch.Tensor, told: torch.Tensor, **options: Any) -> torch.Tensor:
    return KL(**options).formula(Outputs(z), around(told), Given())


def logit_mse(z: torch.Tensor, told: torch.Tensor, **options: Any) -> torch.Tensor:
    return LogitMSE(**options).formula(Outputs(z), around(told), Given())


def ce_argmax(z: torch.Tensor, told: torch.Tensor, label: torch.Tensor, *, share: float = 1.0) -> torch.Tensor:
    """share: of rows without a label."""
    return Argmax().formula(Outputs(z), around(told, label), Given(labelled=1 - share))


def around(told: torch.Tensor, label: torch.Tensor | None = None) -> Batch:
    label = torch.full((len(told),), -100) if label is None else label
    return Batch(Inputs((), ()), label, Outputs(told), np.arange(len(told)))


def gradient(loss: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
    return torch.autograd.grad(loss, of)[0]


def test_cross_entropy_on_gold_labels() -> None:
    assert cross_entropy(student(), torch.tensor(LABELS)).item() == pytest.approx(1.379779, abs=1e-6)


@pytest.mark.parametrize(("temperature", "value"), [(1.0, 0.238549), (2.0, 0.322114), (10.0, 0.400791)])
@pytest.mark.parametrize("preset", ["distilbert", "nlp_architect"])
def test_kl_by_rows_times_t_squared(preset: str, temperature: float, value: float) -> None:
    assert kl(student(), teacher(), temperature=temperature, preset=preset).item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(("temperature", "value"), [(1.0, 1.096985), (2.0, 4.386330)])
def test_soft_cross_entropy_by_rows_times_t_squared(temperature: float, value: float) -> None:
    assert kl(student(), teacher(), temperature=temperature, preset="hinton").item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("preset", "temperature", "value"),
    [
        ("pkd_ref", 10.0, 0.133597),
        ("tinybert_ref", 1.0, 0.365662),
        ("textbrewer", 8.0, 1.098970),
        ("bert_emd_ref", 1.0, 0.365662),  # with T² = 1 the same as tinybert_ref
        ("bert_emd_ref", 2.0, 4.386330 / 3),
    ],
)
def test_presets_of_published_codes(preset: str, temperature: float, value: float) -> None:
    assert kl(student(), teacher(), temperature=temperature, preset=preset).item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(("reduction", "value"), [("mean", 0.858750), ("sum", 2.576250)])
def test_squared_difference_of_raw_logits(reduction: str, value: float) -> None:
    assert logit_mse(student(), teacher(), reduction=reduction).item() == pytest.approx(value, abs=1e-6)


def test_the_paper_s_sum_is_classes_times_the_code_s_mean() -> None:
    one, other = (logit_mse(student(), teacher(), reduction=name).item() for name in ("sum", "mean"))
    assert one == pytest.approx(3 * other, rel=1e-6)


def test_hinton_s_objective_is_a_weighted_sum_of_hard_and_soft() -> None:
    objective = Objective({"ce": Gold(0.1), "kl": KL(0.9, temperature=2.0, preset="hinton")}, THREE)
    value = objective(Outputs(student()), batch()).item()
    assert value == pytest.approx(4.085675, abs=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 10.0])
@pytest.mark.parametrize("preset", ["hinton", "distilbert"])
def test_the_gradient_of_kl_is_t_times_q_minus_p_over_rows(preset: str, temperature: float) -> None:
    z = student()
    q, p = (torch.softmax(logits.detach() / temperature, -1) for logits in (z, teacher()))
    got = gradient(kl(z, teacher(), temperature=temperature, preset=preset), z)
    torch.testing.assert_close(got, temperature * (q - p) / 2, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("per_class", "by_rows", "scale"),
    [("pkd_ref", "distilbert", 1.0), ("bert_emd_ref", "hinton", 1.0), ("tinybert_ref", "hinton", 1 / 9.0)],
)
def test_presets_that_divide_by_classes_are_a_cth_of_the_others(per_class: str, by_rows: str, scale: float) -> None:
    z = student()
    one, other = (kl(z, teacher(), temperature=3.0, preset=name) for name in (per_class, by_rows))
    assert one.item() == pytest.approx(other.item() * scale / 3, rel=1e-6)
    torch.testing.assert_close(gradient(one, z), gradient(other, z) * scale / 3)


def test_at_a_high_temperature_kl_is_half_the_squared_distance_of_zero_mean_logits() -> None:
    z, t = student(), teacher()
    centred = (z - z.mean(-1, keepdim=True)) - (t - t.mean(-1, keepdim=True))
    limit = (centred**2).sum(-1).mean() / (2 * 3)
    loss = kl(z, t, temperature=1000.0, preset="distilbert")
    assert limit.item() == pytest.approx(0.417639, abs=1e-6)
    assert loss.item() == pytest.approx(0.417482, abs=1e-6)
    torch.testing.assert_close(gradient(loss, z), gradient(limit, z), rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("preset", PRESETS)
def test_a_student_that_equals_its_teacher_has_no_gradient(preset: str, temperature: float) -> None:
    z = teacher().requires_grad_()
    loss = kl(z, teacher(), temperature=temperature, preset=preset)
    torch.testing.assert_close(gradient(loss, z), torch.zeros(2, 3), rtol=0, atol=1e-6)
    if PRESETS[preset].form == "kl":
        assert loss.item() == pytest.approx(0, abs=1e-6)


def test_logit_mse_is_zero_only_where_both_agree_in_scale_and_offset() -> None:
    z = teacher().requires_grad_()
    assert logit_mse(z, teacher()).item() == 0
    assert gradient(logit_mse(z, teacher()), z).abs().max() == 0
    assert logit_mse(teacher() + 1, teacher()).item() == pytest.approx(1)
    assert kl(teacher() + 1, teacher(), preset="distilbert").item() == pytest.approx(0, abs=1e-6)


def test_a_weight_of_zero_gives_plain_cross_entropy_bit_for_bit() -> None:
    z = student()
    both = Objective({"ce": Gold(), "kl": KL(0.0, temperature=2.0)}, THREE)(Outputs(z), batch())
    plain = F.cross_entropy(z, torch.tensor(LABELS))
    assert torch.equal(both, plain)
    assert torch.equal(gradient(both, z), gradient(plain, z))


def test_rows_without_a_label_count_for_nothing() -> None:
    z = student()
    masked = cross_entropy(z, torch.tensor([0, -100]), share=0.5)
    assert masked.item() == pytest.approx(cross_entropy(z[:1], torch.tensor([0])).item())
    assert gradient(masked, z)[1].abs().max() == 0


def test_scores_without_a_label_count_for_nothing() -> None:
    z = torch.tensor([[1.0], [5.0], [2.0]], requires_grad=True)
    loss = mean_squared_error(z, torch.tensor([0.0, math.nan, 4.0]), share=2 / 3)
    assert loss.item() == pytest.approx((1 + 4) / 2)
    assert gradient(loss, z).flatten().tolist() == pytest.approx([1.0, 0.0, -2.0])


def test_a_batch_without_any_label_gives_zero_and_a_zero_gradient() -> None:
    z = student()
    loss = cross_entropy(z, torch.tensor([-100, -100]))
    assert loss.item() == 0
    assert torch.equal(gradient(loss, z), torch.zeros(2, 3))
    scores = torch.tensor([[1.0], [2.0]], requires_grad=True)
    loss = mean_squared_error(scores, torch.tensor([math.nan, math.nan]))
    assert loss.item() == 0
    assert torch.equal(gradient(loss, scores), torch.zeros(2, 1))


def test_the_teacher_s_answer_is_a_label_only_where_there_is_no_gold_one() -> None:
    z = student()
    loss = ce_argmax(z, teacher(), torch.tensor([1, -100]), share=0.5)  # the teacher says class 2 of row 1
    assert loss.item() == pytest.approx(F.cross_entropy(z[1:], torch.tensor([2])).item())
    assert gradient(loss, z)[0].abs().max() == 0
    assert ce_argmax(z, teacher(), torch.tensor(LABELS)).item() == 0


def test_a_labelled_row_weighs_the_same_whatever_else_is_in_its_batch() -> None:
    """Four rows of which three are labelled (share 3/4), in batches of two: losses 1.1, 0.3 | 0.5, and one row without.

    Scores, so that a loss can be written down: (z - y)². Each labelled row counts 1 / (3/4 · 2) = 2/3 in its batch,
    and the mean of both batches is the mean of the three labelled rows. By the batch's own mean the lone row of the
    second batch would count twice as much as one of the first.
    """
    z, y = torch.tensor([[1.1], [0.3], [0.5], [9.0]]) ** 0.5, torch.tensor([0.0, 0.0, 0.0, math.nan])
    z.requires_grad_()
    one, two = (mean_squared_error(z[at], y[at], share=3 / 4) for at in (slice(0, 2), slice(2, 4)))
    assert (one.item(), two.item()) == (pytest.approx(1.4 * 2 / 3), pytest.approx(0.5 * 2 / 3))
    assert ((one + two) / 2).item() == pytest.approx((1.1 + 0.3 + 0.5) / 3)
    each = gradient(one + two, z)[:, 0] / (2 * z[:, 0])
    assert each.tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 0.0])
    label = torch.tensor([0, -100])
    assert cross_entropy(student(), label, share=3 / 4).item() == pytest.approx(
        F.cross_entropy(student()[:1], label[:1]).item() / (3 / 4 * 2)
    )


def test_class_weights_multiply_the_rows_of_a_class() -> None:
    z, label = student(), torch.tensor(LABELS)
    first, second = (F.cross_entropy(z[i : i + 1], label[i : i + 1]).item() for i in (0, 1))
    value = Objective({"ce": Gold()}, THREE, class_weights=(3.0, 1.0, 0.5))(Outputs(z), batch()).item()
    assert value == pytest.approx((3 * first + 0.5 * second) / 2)


def test_a_mixture_without_a_labelled_row_trains_on_the_rest() -> None:
    rows, outputs = batch([-100, -100]), Outputs(student())
    mixed = Objective({"ce": Gold(), "kl": KL()}, THREE, labelled=0.0)(outputs, rows)
    assert mixed.item() == pytest.approx(Objective({"kl": KL()}, THREE, labelled=0.0)(outputs, rows).item())


def test_gold_and_argmax_together_are_the_paper_s_hard_targets() -> None:
    outputs, rows = Outputs(student()), batch([0, -100])
    value = Objective({"ce": Gold(), "ce_argmax": Argmax()}, THREE, labelled=0.5)(outputs, rows).item()
    assert value == pytest.approx(F.cross_entropy(student(), torch.tensor([0, 2]), reduction="sum").item(), rel=1e-6)


def test_gold_scores_take_the_squared_error() -> None:
    rows, outputs = batch([0.5, math.nan], [[0.0], [0.0]]), Outputs(torch.tensor([[1.5], [9.0]]))
    value = Objective({"ce": Gold()}, Task("regress"), labelled=0.5)(outputs, rows)
    assert value.item() == pytest.approx(1.0)


@pytest.mark.parametrize("preset", PRESETS)
def test_losses_of_half_precision_logits_are_summed_in_float32(preset: str) -> None:
    half, full = student().detach().bfloat16(), student().detach().bfloat16().float()
    assert kl(half, teacher(), preset=preset).dtype == torch.float32
    assert torch.equal(kl(half, teacher(), preset=preset), kl(full, teacher(), preset=preset))
    assert logit_mse(half, teacher()).dtype == torch.float32


def test_losses_say_what_they_need_of_the_cache() -> None:
    assert required_signals({"ce": {}}) == ()
    assert required_signals({"logit_mse": {}, "kl": {}, "ce": {}}) == ("logits",)


def test_what_cannot_be_trained_is_refused_with_what_can() -> None:
    with pytest.raises(PotstillError, match=r"no loss 'mse'(?s:.)*losses: ce, logit_mse, kl, ce_argmax"):
        read_losses({"mse": {}})
    with pytest.raises(PotstillError, match=r"loss 'kl' is not for regress tasks(?s:.)*ce, logit_mse"):
        check_losses({"kl": KL()}, Task("regress"))
    with pytest.raises(PotstillError, match="loss 'ce_argmax' is not for regress"):
        check_losses({"ce": Gold(), "ce_argmax": Argmax()}, Task("regress"))
    for weights in ({}, {"ce": Gold(0.0)}, {"ce": Gold(), "kl": KL(-0.5)}):
        with pytest.raises(PotstillError, match="must be 0 or more, and one above 0"):
            check_losses(weights, THREE)
    for name in LOSSES:
        check_losses(read_losses({name: {}, "ce": {"weight": 0.5}}), THREE)


def test_wrong_options_are_refused_with_the_right_ones() -> None:
    with pytest.raises(PotstillError, match=r"no kl preset 'hitnon'(?s:.)*presets: hinton"):
        KL(preset="hitnon")
    with pytest.raises(PotstillError, match=r"no logit_mse reduction 'max'(?s:.)*mean, sum"):
        LogitMSE(reduction="max")
    for temperature in (0.0, -1.0):
        with pytest.raises(PotstillError, match=rf"temperature {temperature} is not above 0"):
            KL(temperature=temperature)
    with pytest.raises(PotstillError, match="at least two classes"):
        kl(torch.zeros(2, 1), torch.zeros(2, 1))


def test_a_loss_is_read_from_its_table_of_a_recipe() -> None:
    table = {"kl": {"weight": 0.9, "temperature": 4, "preset": "pkd_ref"}, "ce": {}}
    assert read_losses(table) == {"kl": KL(0.9, temperature=4.0, preset="pkd_ref"), "ce": Gold(1.0)}
    assert spell_losses({"logit_mse": {"weight": 2}}) == {"logit_mse": {"weight": 2.0, "reduction": "mean"}}
    assert spell_losses(spell_losses(table)) == spell_losses(table)
    with pytest.raises(PotstillError, match=r"losses\.kl: unknown key 'temprature'(?s:.)*weight, temperature, preset"):
        read_losses({"kl": {"temprature": 2}})
    with pytest.raises(PotstillError, match=r"losses\.kl: temperature = 'hot' is not float"):
        read_losses({"kl": {"temperature": "hot"}})


def test_the_temperature_of_the_soft_targets_is_that_of_the_teachers_mean() -> None:
    assert temperature_of({"ce": Gold(), "kl": KL(temperature=4.0)}) == 4.0
    assert temperature_of({"ce": Gold()}) == 1.0
    assert temperature_of({"kl": Moving(KL(1.0, temperature=4.0), KL(0.5, temperature=4.0))}) == 4.0
