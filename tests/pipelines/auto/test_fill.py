"""The numbers that are chosen: what the facts say, what the time allows, and that named values stay."""

from dataclasses import replace
from typing import Any

import pytest

from data.errors import PotstillError
from pipelines.auto import choice, students
from pipelines.auto.costs import Pace
from pipelines.auto.facts import Encoder, Facts
from pipelines.auto.fill import Filled, asks, everything, fill
from pipelines.recipes.recipe import Recipe, from_tables
from student_train.config import TrainConfig

MINILM = Encoder(384, 21e6)
INTENTS = Facts(
    "classify",
    labelled=8_992,
    dev=1_000,
    teacher=MINILM,
    classes={str(n): 117 for n in range(77)},
    words=12,
    mean=13,
    long=40,
)
FEW = replace(INTENTS, labelled=361, classes={"bad": 130, "good": 231})
NEWS = replace(INTENTS, labelled=500, unlabelled=8_987, classes=dict.fromkeys("abcd", 125), words=38, mean=40, long=75)
SCORES = Facts("regress", labelled=5_749, dev=1_500, teacher=MINILM, pair=True, words=22, mean=25, long=60)
PACE = Pace(teacher=1_000.0)
FITTING = ("bilstm",)


def filled(facts: Facts = INTENTS, **tables: Any) -> Filled:
    data = {"data": {"train": "train.tsv", "dev": "dev.tsv"}}
    asked = everything() | data | tables
    asked["teach"] = {"model": "demo"} | asked["teach"]
    return fill(asked, facts, PACE, ("siamese_bilstm",) if facts.pair else FITTING)


def resolved(made: Filled) -> Recipe:
    return from_tables(made.tables, name="x")


@pytest.mark.parametrize("facts", [INTENTS, FEW, NEWS, SCORES], ids=["intents", "few", "news", "scores"])
@pytest.mark.parametrize("aim", students.AIMS)
def test_a_recipe_that_leaves_everything_open_becomes_an_ordinary_one(facts: Facts, aim: str) -> None:
    made = filled(facts, run={"aim": aim})
    assert not asks(made.tables)
    recipe = resolved(made)
    assert recipe.teach is not None and 1 <= recipe.teach.epochs <= 20
    alone, *others = recipe.arms
    assert alone == f"labels-{others[0]}"
    assert made.minutes.keys() >= {"teach", "augment", "cache", f"train {alone}", "measure"}


def test_every_choice_has_a_reason_that_is_one_sentence() -> None:
    for facts in (INTENTS, FEW, NEWS, SCORES):
        for key, found in filled(facts).choices.items():
            assert found.value == 0 or (10 < len(found.why) < 200 and "\n" not in found.why), key


def test_what_is_named_stays_and_what_depends_on_it_follows() -> None:
    asked = everything()
    made = filled(teach=asked["teach"] | {"epochs": 2}, augment=asked["augment"] | {"n_iter": 0})
    assert "teach.epochs" not in made.choices and resolved(made).teach.epochs == 2  # type: ignore[union-attr]
    assert resolved(filled()).arms["bilstm"].rows == "auto" and "trial" in filled().minutes
    assert (
        resolved(made).arms["bilstm"].rows == "original" and "trial" not in made.minutes
    )  # there are no augmented rows to try


def test_students_named_in_the_recipe_are_those_that_are_trained() -> None:
    made = filled(arms={"small": {"hidden": 20, "lr": 1e-3}})
    config = resolved(made).arms["small"]
    assert list(resolved(made).arms) == ["small"]
    assert (config.hidden, config.lr, config.batch_size) == (20, 1e-3, 128)


def test_of_a_finished_teacher_nothing_is_chosen() -> None:
    made = filled(teacher={"path": "mine"})
    assert "teach" not in made.tables and "teach" not in made.minutes and not asks(made.tables)


def test_the_trial_is_by_the_cheapest_student_whichever_are_trained() -> None:
    arms = {"a": {"model": "conv", "rows": "auto", "dense": 9, "steps": 2_000}}
    made = fill(everything() | {"arms": arms}, INTENTS, PACE, ("conv", "dan"))
    assert (made.tables["trial"]["model"], made.tables["trial"]["steps"]) == ("dan", 500)
    assert "dense" not in made.tables["trial"]


def test_epochs_that_are_named_count_in_the_estimate() -> None:
    long, short = (filled(arms={"a": {"epochs": epochs, "steps": 1}}).minutes["train a"] for epochs in (40, 4))
    assert long > 5 * short


def test_an_ordinary_recipe_asks_for_nothing() -> None:
    assert not asks({"train": {"model": "auto", "precision": "auto"}, "teach": {"model": "demo"}, "arms": {"a": {}}})
    assert asks({"arms": {"a": {"lr": "auto"}}}) and asks({"augment": {"n_iter": "auto"}}) and asks({"arms": "auto"})


def test_an_unknown_aim_names_the_known_ones() -> None:
    with pytest.raises(PotstillError, match="aim 'beauty' is none") as error:
        filled(run={"aim": "beauty"})
    assert "accuracy, speed, size" in error.value.hint


def test_kinds_that_nothing_is_known_of_are_refused() -> None:
    with pytest.raises(PotstillError, match="nothing is chosen for tag tasks"):
        filled(replace(INTENTS, kind="tag"))


def test_without_labels_nothing_is_trained_on_them() -> None:
    made = filled(replace(INTENTS, labelled=0, unlabelled=8_000, classes={"a": 0, "b": 0}))
    assert list(made.tables["arms"]) == ["bilstm"]


def test_there_are_no_more_students_than_there_is_time_for() -> None:
    many = ("bilstm", "dan", "conv")
    some = [fill(everything() | {"run": {"budget": minutes}}, INTENTS, PACE, many) for minutes in (3.0, 1_000.0)]
    assert [len(made.tables["arms"]) for made in some] == [2, 4]


@pytest.mark.parametrize("budget", [4.0, 6.0, 8.0, 12.0, 16.0, 24.0])
def test_several_students_share_the_time_only_where_each_is_taught_well(budget: float) -> None:
    many = ("bilstm", "dan", "bag", "conv", "bigru")
    made = fill(everything() | {"run": {"budget": budget}}, INTENTS, PACE, many)
    steps = [arm["steps"] for name, arm in made.tables["arms"].items() if not name.startswith("labels-")]
    assert len(steps) == 1 or min(steps) >= 0.6 * filled().tables["arms"]["bilstm"]["steps"] - 1


def test_a_cheaper_student_takes_the_place_of_one_that_would_hardly_begin() -> None:
    many, letters = ("dan", "bag", "conv", "bigru"), replace(INTENTS, words=300, mean=320, long=450)
    made = fill(everything() | {"run": {"budget": 20.0}}, letters, replace(PACE, machine=0.4), many)
    steps = {name: arm["steps"] for name, arm in made.tables["arms"].items()}
    assert list(steps) == ["labels-dan", "dan"] and steps["dan"] > 400
    assert "dan" in made.tables["arms"]["labels-dan"]["model"]


# The teacher.


@pytest.mark.parametrize(
    ("labelled", "epochs"), [(40, 20), (361, 20), (1_500, 7), (8_992, 3), (67_349, 3), (400_000, 1)]
)
def test_few_labels_are_seen_more_often_and_many_less(labelled: int, epochs: int) -> None:
    facts = replace(FEW, labelled=labelled)
    assert choice.teacher_epochs(facts, choice.teacher_batch(facts).value).value == epochs


def test_wider_encoders_learn_slower_and_new_ones_faster() -> None:
    rates = [choice.teacher_rate(replace(FEW, teacher=Encoder(width, 1.0))).value for width in (384, 768, 1024)]
    assert rates == [1e-4, 5e-5, 2e-5]
    assert choice.teacher_rate(replace(FEW, teacher=Encoder(128, 1.0, new=True))).value == 5e-4


@pytest.mark.parametrize(
    ("counts", "metric"),
    [
        ({"a": 50, "b": 50}, "accuracy"),
        ({"a": 65, "b": 35}, "accuracy"),
        ({"ham": 90, "spam": 10}, "macro_f1"),
        ({"a": 40, "b": 35, "c": 25}, "accuracy"),
        ({"neutral": 330} | {str(n): 25 for n in range(27)}, "macro_f1"),
        ({str(n): 35 + 2 * n for n in range(77)}, "accuracy"),
    ],
)
def test_the_metric_is_that_of_all_classes_where_one_fills_the_table(counts: dict[str, int], metric: str) -> None:
    found = choice.best_by(replace(FEW, classes=counts))
    assert found.value == metric


def test_the_length_is_what_nearly_all_rows_need() -> None:
    assert [choice.longest(replace(FEW, long=long)).value for long in (20, 60, 200, 3_000)] == [64, 96, 384, 512]


# The augmenter.


def test_draws_make_a_transfer_set_of_about_sixty_thousand_rows() -> None:
    found = choice.draws(INTENTS)
    assert 5 <= found.value <= 7 and 55_000 < choice.rows_after(INTENTS, found.value) < 65_000
    assert choice.draws(FEW).value == 20  # the paper's, the most that is drawn
    assert choice.draws(NEWS).value == 6
    assert choice.draws(replace(NEWS, unlabelled=40_000)).value == 1  # real texts without labels, and enough of them
    assert choice.draws(replace(INTENTS, labelled=300_000)).value == 1


def test_a_slow_teacher_gets_fewer_rows() -> None:
    assert choice.draws(INTENTS, affordable=20_000).value == 1
    assert choice.draws(INTENTS, affordable=5_000).value == 0


# The students.


def test_a_student_takes_two_thousand_steps_or_three_passes() -> None:
    for facts in (INTENTS, FEW, NEWS):
        config = resolved(filled(facts)).arms["bilstm"]
        assert config.steps == 2_000 and config.patience == 15
        assert config.losses == {"kl": {"weight": 1.0, "temperature": 2.0}}


def test_scores_are_learnt_by_their_squared_error() -> None:
    arms = resolved(filled(SCORES)).arms
    assert arms["siamese_bilstm"].losses == {"logit_mse": {"weight": 1.0}}
    alone = arms["labels-siamese_bilstm"]
    assert alone.losses == {"ce": {"weight": 1.0}} and alone.rows == "original"
    assert {config.best_by for config in arms.values()} == {"spearman"}


def test_students_that_do_not_exist_are_left_out() -> None:
    assert [student.model for student in students.short_list("accuracy", ("bilstm", "dan"))] == ["dan", "bilstm"]
    single, pairs = (
        students.short_list("accuracy", students.fitting_models(pair), pair=pair) for pair in (False, True)
    )
    assert [student.model for student in single] == ["bigru+dan+bag", "conv+dan+bag", "dan"]
    assert [student.model for student in pairs] == ["bi_attention", "conv+dan+bag", "dan"]
    assert all(students.short_list(aim, (model,)) for aim in students.AIMS for model in ("bilstm", "siamese_bilstm"))


@pytest.mark.parametrize("pair", [False, True])
def test_every_student_of_the_short_lists_has_the_sizes_that_it_is_given(pair: bool) -> None:
    from student_train.models.sizes import shape_of

    for aim in students.AIMS:
        for student in students.short_list(aim, students.fitting_models(pair), pair=pair):
            table = {key: value for key, value in student.table.items() if key != "min_count"}
            shape_of(TrainConfig(model=student.model, dropout=0.1, **table), vocabulary=9, dimensions=4, classes=2)


def test_students_of_other_sizes_have_other_names() -> None:
    named = [student for aim in students.AIMS for student in students.SHORT_LISTS[aim]]
    tables = {student.name: dict(student.table) for student in named}
    assert all(tables[student.name] == student.table for student in named)
    assert students.Student("conv+dan", {"hidden": 1}, "small").name == "conv-dan-small"


def test_the_students_that_fit_are_rows_of_the_table() -> None:
    assert "bilstm" in students.fitting_models(pair=False) and "siamese_bilstm" in students.fitting_models(pair=True)


# Time.


@pytest.mark.parametrize("budget", [5.0, 20.0, 60.0])
def test_a_budget_is_kept_but_for_what_every_phase_needs(budget: float) -> None:
    for facts in (INTENTS, NEWS, replace(INTENTS, labelled=300_000)):
        slow = fill(
            everything() | {"run": {"budget": budget}}, facts, replace(PACE, teacher=150.0, machine=0.5), FITTING
        )
        assert slow.minutes["teach"] < 0.55 * budget + 1
        assert sum(slow.minutes.values()) < max(1.3 * budget + 2, facts.originals / 150 / 60 * 1.5)


def test_without_a_budget_nothing_is_cut() -> None:
    loose, none = filled(run={"budget": 100_000.0}), filled()
    assert {key: found.value for key, found in loose.choices.items()} == {
        key: found.value for key, found in none.choices.items()
    }


def test_labels_alone_are_known_by_their_losses() -> None:
    assert students.on_labels(TrainConfig(losses={"ce": 1.0})) and not students.on_labels(TrainConfig())
