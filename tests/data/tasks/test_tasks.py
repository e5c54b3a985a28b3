"""The task table: labels, probabilities, predictions of each kind."""

import numpy as np
import pyarrow as pa
import pytest

from data.errors import PotstillError
from data.example import Example
from data.examples import to_table
from data.schema import Sizes, cache_schema, examples_schema, signal_columns, split_signal
from data.tasks import KINDS
from data.tasks.task import Task

BINARY = Task("classify", ("neg", "pos"))


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_listed_under_its_own_name(name: str) -> None:
    assert KINDS[name].name == name
    assert KINDS[name].unit in ("text", "word")


def test_a_task_is_known_by_its_kind() -> None:
    assert (BINARY.width, Task("regress").width) == (2, 1)
    assert BINARY.rules is KINDS["classify"]
    assert Task.from_dict(BINARY.to_dict()) == BINARY
    with pytest.raises(PotstillError, match="unknown task kind 'rank'") as error:
        Task("rank")
    assert error.value.hint == f"kinds: {', '.join(KINDS)}"


@pytest.mark.parametrize(
    ("text", "labels", "label"),
    [("pos", ("neg", "pos"), 1), ("5", ("1", "5"), 1), ("1", ("1", "5"), 0)],
)
def test_a_class_is_read_by_its_name(text: str, labels: tuple[str, ...], label: int) -> None:
    assert Task("classify", labels).rules.parse_label(text, labels) == label
    assert Task("classify", labels).rules.show_label(label, labels) == labels[label]


@pytest.mark.parametrize(
    ("text", "labels"),
    [("1", ("neg", "pos")), ("-1", ("neg", "pos")), ("POS", ("neg", "pos")), ("0", ("1", "5")), ("²", ("neg", "pos"))],
)
def test_any_other_class_is_refused_with_the_names(text: str, labels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=f"is none of {', '.join(labels)}"):
        KINDS["classify"].parse_label(text, labels)


def test_a_score_is_a_finite_number() -> None:
    rules = KINDS["regress"]
    assert rules.parse_label("3.800", ()) == 3.8
    assert rules.show_label(3.8, ()) == "3.8"
    for text in ("nan", "inf", "three", ""):
        with pytest.raises(ValueError, match="is not a finite number"):
            rules.parse_label(text, ())
    with pytest.raises(ValueError, match="1e39' does not fit into float32"):
        rules.parse_label("1e39", ())


def test_a_class_is_named_once() -> None:
    with pytest.raises(PotstillError, match="label 'a' is named twice"):
        Task("classify", ("a", "b", "a"))


def test_class_probabilities_are_a_softmax_that_cannot_overflow() -> None:
    logits = np.array([[0.0, np.log(3.0)], [1000.0, 1000.0], [-1000.0, 1000.0]], np.float32)
    found = KINDS["classify"].probabilities(logits)
    np.testing.assert_allclose(found, [[0.25, 0.75], [0.5, 0.5], [0.0, 1.0]], atol=1e-7)
    assert KINDS["classify"].predict(logits).tolist() == [1, 0, 1]


def test_scores_are_their_own_probabilities() -> None:
    logits = np.array([[3.5], [0.25]], np.float32)
    assert KINDS["regress"].probabilities(logits).tolist() == [[3.5], [0.25]]
    assert KINDS["regress"].predict(logits).tolist() == [3.5, 0.25]


def test_metrics_hold_the_main_one() -> None:
    labels = np.array([0, 1, 1])
    for name, logits in (("classify", np.eye(2)[labels]), ("regress", labels[:, None].astype(float))):
        measured = KINDS[name].metrics(logits, labels)
        assert measured[KINDS[name].main_metric] == pytest.approx(1.0)


def test_the_schema_stores_labels_in_the_kinds_type_and_refuses_others() -> None:
    assert examples_schema(BINARY).field("label").type == pa.int32()
    assert examples_schema(Task("regress")).field("label").type == pa.float32()
    with pytest.raises((pa.ArrowInvalid, pa.ArrowTypeError)):
        to_table([Example("0", "a", label="pos")], examples_schema(BINARY))  # type: ignore[arg-type]


def test_signals_are_spelt_out_with_their_layers() -> None:
    assert signal_columns(("logits", "cls"), (2, 6), depth=6) == ("logits", "cls.2", "cls.6")
    assert signal_columns(("mean",), (), depth=6) == ("logits", "mean.6")
    assert signal_columns(("cls.0", "cls.0"), (), depth=6) == ("logits", "cls.0")
    with pytest.raises(PotstillError, match="no layer 7 in a teacher of 6 layers"):
        signal_columns(("cls",), (7,), depth=6)


@pytest.mark.parametrize("column", ["hiddden", "cls.", "cls.x", "logits.3", "cls"])
def test_an_unknown_signal_lists_the_known_ones(column: str) -> None:
    with pytest.raises(PotstillError, match="no signal") as error:
        split_signal(column)
    assert "logits" in error.value.hint
    assert "cls.<layer>" in error.value.hint


def test_teacher_columns_have_fixed_widths() -> None:
    schema = cache_schema(BINARY, ("logits", "cls.6"), Sizes(384))
    assert schema.names == ["id", "n_tokens", "status", "logits", "cls.6"]
    assert schema.field("logits").type.list_size == 2
    assert schema.field("cls.6").type.byte_width == 768
    assert schema.field("cls.6").metadata[b"shape"] == b"[384]"
