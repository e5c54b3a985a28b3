import dataclasses

import pytest

from augment.config import AugmentConfig
from data import config
from data.errors import PotstillError


def test_the_defaults_are_the_papers():
    c = AugmentConfig()
    assert (c.n_iter, c.p_mask, c.p_pos, c.p_ng, c.ngram_max) == (20, 0.1, 0.1, 0.25, 5)
    assert c.pair_cycle == ("A", "B", "AB")


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"p_mask": 1.5}, "a probability"),
        ({"p_mask": 0.6, "p_pos": 0.6}, "together at most 1"),
        ({"n_iter": -1}, "at least 0"),
        ({"ngram_max": 0}, "at least 1"),
        ({"pair_cycle": ["A", "C"]}, "A, B, AB"),
        ({"pair_cycle": []}, "A, B, AB"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_what_would(values, wanted):
    with pytest.raises(PotstillError, match=wanted):
        config.build(AugmentConfig, values, where="recipe.toml [augment]")


def test_every_field_has_its_line_in_the_docstring():
    for field in dataclasses.fields(AugmentConfig):
        assert f"\n    {field.name} " in AugmentConfig.__doc__
