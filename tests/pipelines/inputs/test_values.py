"""What is typed for an option is read by the type of the config's field."""

from typing import Any

import pytest

from data.errors import PotstillError
from pipelines.inputs.values import value_of


@pytest.mark.parametrize(
    ("hint", "typed", "value"),
    [
        (tuple[int, ...], "0, 1,2", [0, 1, 2]),
        (tuple[float, ...] | None, "0.7,0.3", [0.7, 0.3]),
        (tuple[str, ...], "cls.2,gram", ["cls.2", "gram"]),
        (dict[str, float], "kl=0.9,ce", {"kl": 0.9, "ce": 1.0}),
        (str | dict[str, float] | None, "balanced", "balanced"),
        (str | dict[str, float] | None, "a=b=3,c=1", {"a=b": 3.0, "c": 1.0}),
        (str, "a,b=1", "a,b=1"),
        (int, 3, 3),
        (tuple[int, ...], None, None),
        (tuple[int, ...], "", None),
    ],
)
def test_text_becomes_the_value_of_a_field(hint: Any, typed: Any, value: Any) -> None:
    assert value_of(hint, typed, "--option") == value


@pytest.mark.parametrize(
    ("hint", "typed", "said"),
    [(tuple[int, ...], "1,a", "'a' is not a whole number"), (dict[str, float], "kl=much", "'much' is not a number")],
)
def test_what_is_no_number_is_refused_with_an_example(hint: Any, typed: str, said: str) -> None:
    with pytest.raises(PotstillError, match=said) as error:
        value_of(hint, typed, "--seeds")
    assert error.value.hint.startswith("e.g. --seeds ")
