"""The small TOML writer gives back what was written."""

import math
import tomllib

from hypothesis import given
from hypothesis import strategies as st

from pipelines.recipes.toml import write

VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3),
)
KEYS = st.text(st.characters(codec="utf-8"), min_size=0, max_size=5)
TABLES = st.recursive(
    st.dictionaries(KEYS, VALUES, max_size=3), lambda inner: st.dictionaries(KEYS, VALUES | inner, max_size=3)
)


@given(TABLES)
def test_what_is_written_reads_back_the_same(tables: dict) -> None:
    assert tomllib.loads(write(tables)) == tables


def test_a_recipe_is_written_as_a_person_would() -> None:
    tables = {"augment": {"n_iter": 20, "tagger": "own", "lr": 1e-05}, "arms": {"a": {"losses": {"ce": 1.0}}}}
    assert write(tables) == ('[augment]\nn_iter = 20\ntagger = "own"\nlr = 1e-05\n\n[arms.a.losses]\nce = 1.0\n')


def test_none_stays_out_and_an_empty_table_stays_in() -> None:
    assert tomllib.loads(write({"a": None, "b": {}, "c": {"d": None}})) == {"b": {}, "c": {}}


def test_infinity_and_nan_are_numbers() -> None:
    found = tomllib.loads(write({"a": math.inf, "b": math.nan}))
    assert found["a"] == math.inf and math.isnan(found["b"])


def test_remarks_stand_behind_values_and_above_tables() -> None:
    tables = {"teach": {"lr": 1e-4}, "arms": {"a": {"losses": {"kl": {"weight": 1.0}}}}}
    text = write(tables, {"teach.lr": "usual\nthere", "arms.a.losses": "soft", "teach.none": "nothing"})
    assert text == "[teach]\nlr = 0.0001 # usual there\n\n# soft\n\n[arms.a.losses.kl]\nweight = 1.0\n"
    assert tomllib.loads(text) == tables
