"""Which model to take: a student that wins, one that a simpler model equals, a teacher that is worth none."""

from pathlib import Path

import numpy as np
import pytest

from data.tasks.metrics import SeedScores
from pipelines.scores import advice, rivals
from pipelines.scores.advice import FLOOR, LABELS, RIVAL, STUDENT, Advice, Contender, advise, measured_of
from pipelines.scores.measured import TEACHER, Scores, keep_scores
from pipelines.scores.outcome import Outcome

MOST = Contender(rivals.MOST, FLOOR, 0.50)
TFIDF = Contender(rivals.ON_LABELS, RIVAL, 0.80, 0.2, 30.0)
TFIDF_TEACHER = Contender(rivals.ON_TEACHER, RIVAL, 0.86, 0.2, 60.0)
ALONE = Contender("labels", LABELS, 0.81, 1.5, 20.0)
TEACHER_OF = Contender(TEACHER, TEACHER, 0.92, 15.0, 90.0)
DEEP = Contender("conv-dan-bag", STUDENT, 0.91, 0.9, 40.0)
FAST = Contender("dan", STUDENT, 0.90, 0.1, 12.0)
SMALL = Contender("tiny", STUDENT, 0.885, 0.3, 2.0)
MODELS = [TEACHER_OF, ALONE, DEEP, FAST, SMALL, MOST, TFIDF, TFIDF_TEACHER]


def said(models: list[Contender], *, aim: str = "accuracy", noise: float = 0.005) -> Advice:
    found = advise(models, lambda one, other: noise, aim=aim, metric="accuracy")
    assert found is not None
    return found


@pytest.mark.parametrize(("aim", "name"), [("accuracy", "conv-dan-bag"), ("speed", "dan"), ("size", "tiny")])
def test_a_student_wins_by_what_it_is_for(aim: str, name: str) -> None:
    assert said(MODELS, aim=aim).take == name


def test_the_sentence_has_the_share_of_the_teacher_the_costs_and_what_tfidf_would_do() -> None:
    assert said(MODELS, aim="speed").sentence == (
        "Take `dan`: 97.8 % of the teacher (dev accuracy 90.0 of 92.0), 0.1 ms a text, 12 MB; "
        "TF-IDF on the teacher's labels would do at 93.5 %."
    )


def test_a_faster_student_that_is_equal_within_the_noise_is_named() -> None:
    found = said(MODELS, noise=0.011)
    assert found.take == "conv-dan-bag"
    assert found.sentence.endswith("; `dan` is not clearly worse (90.0) and takes 0.1 ms.")
    assert "not clearly worse" not in said(MODELS).sentence


def test_tfidf_within_one_standard_error_is_said_and_taken() -> None:
    found = said(
        [model if model is not TFIDF_TEACHER else Contender(model.name, RIVAL, 0.909, 0.2, 60.0) for model in MODELS]
    )
    assert found.take == rivals.ON_TEACHER
    assert found.sentence == (
        "Take TF-IDF on the teacher's labels: the student `conv-dan-bag` is not clearly better (dev accuracy 91.0 "
        "against 90.9, standard error 0.5), 0.2 ms a text, 60 MB; the teacher has 92.0."
    )


def test_a_rival_that_is_better_than_every_student_is_taken() -> None:
    found = said([TEACHER_OF, Contender("weak", STUDENT, 0.70), ALONE, TFIDF, TFIDF_TEACHER])
    assert found.take == rivals.ON_TEACHER and "the student `weak` is worse" in found.sentence


def test_the_simplest_of_several_equal_rivals_is_named() -> None:
    assert said(MODELS, noise=0.45).take == ""  # then the teacher itself is not above the most frequent class
    assert said([TEACHER_OF, DEEP, Contender(rivals.ON_LABELS, RIVAL, 0.905), TFIDF_TEACHER]).take == rivals.ON_LABELS
    both = [Contender(name, RIVAL, dev) for name, dev in ((rivals.ON_LABELS, 0.907), (rivals.ON_TEACHER, 0.91))]
    assert said([TEACHER_OF, DEEP, *both]).take == rivals.ON_LABELS


def test_the_same_student_on_labels_alone_is_taken_only_where_it_is_better() -> None:
    equal = said([TEACHER_OF, DEEP, Contender("labels", LABELS, 0.908)])
    assert equal.take == DEEP.name
    assert equal.sentence.endswith("; `labels`, on labels alone, is not clearly worse (90.8).")
    assert said([TEACHER_OF, DEEP, Contender("labels", LABELS, 0.912)]).take == "labels"
    assert "on labels alone" not in said(MODELS).sentence


@pytest.mark.parametrize("score", [0.50, 0.504, 0.79])
def test_a_teacher_near_the_commonest_class_or_below_tfidf_is_said_to_be_too_weak(score: float) -> None:
    found = said([Contender(TEACHER, TEACHER, score, 15.0), DEEP, MOST, TFIDF])
    assert found.take == "" and found.warnings
    assert found.sentence.startswith("Look for a better teacher first: the teacher has dev accuracy")
    assert "TF-IDF on labels" in found.sentence


def test_without_a_student_or_a_teacher_there_is_no_advice() -> None:
    assert advise([TEACHER_OF, TFIDF], lambda one, other: 0.0, aim="accuracy", metric="accuracy") is None
    assert advise([DEEP, TFIDF], lambda one, other: 0.0, aim="accuracy", metric="accuracy") is None


def test_test_scores_decide_nothing() -> None:
    turned = [
        Contender(model.name, model.role, model.dev, model.ms, model.megabytes, 1 - model.dev) for model in MODELS
    ]
    assert said(turned) == said(MODELS)


def test_models_that_were_not_timed_can_be_taken() -> None:
    found = said([Contender(model.name, model.role, model.dev) for model in MODELS], aim="size")
    assert found.take and "ms a text" not in found.sentence


def test_the_metric_that_students_are_chosen_by_is_the_one_of_the_advice() -> None:
    def scores(accuracy: float, macro: float) -> dict:
        return {"dev": SeedScores({"one": {"accuracy": accuracy, "macro_f1": macro}})}

    results = Outcome(
        "accuracy",
        [{"model": "teacher", "dev": 0.97}, {"model": "a", "dev": 0.96}, {"model": "old", "dev": 0.5}],
        {"teacher": scores(0.97, 0.8), "a": scores(0.96, 0.6)},
    )
    assert [model.dev for model in measured_of(results, [], "macro_f1").models] == [0.8, 0.6, 0.5]
    assert measured_of(results, [], "loss").metric == "accuracy"
    assert [row["dev macro_f1 %"] for row in measured_of(results, [], "macro_f1").table()] == ["50.0", "60.0", "80.0"]


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_the_noise_is_the_standard_error_of_a_paired_difference(tmp_path: Path, metric: str) -> None:
    labels = np.arange(400) % 2
    one, other = labels.copy(), labels.copy()
    one[:40] = 1 - one[:40]
    other[:60] = 1 - other[:60]
    for name, answers in (("one", one), ("other", other), ("same", one)):
        record = Scores(name, {}, "dev.tsv", "ab" * 32, "dev", SeedScores({}))
        keep_scores(tmp_path, record, {"labels": labels, "seed": answers})
    noise = advice.noise_of(tmp_path, ["one", "other", "same"], metric)
    assert noise("one", "other") == pytest.approx(np.sqrt(0.05 * 0.95 / 400), rel=0.1)  # they differ on 20 of 400 rows
    assert noise("one", "same") == 0.0 and noise("one", "nobody") == 0.0
