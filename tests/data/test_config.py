"""Strict configs: what is taken, what is converted, what is refused."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from data.config import apply_settings, as_dict, build, described, read_toml
from data.errors import NO_INPUT, USAGE, PotstillError
from student_train.config import TrainConfig


@dataclass(frozen=True)
class Inner:
    rate: float = 0.1


@dataclass(frozen=True)
class Config:
    name: str
    steps: int = 3
    rate: float = 0.5
    fast: bool = False
    layers: tuple[int, ...] = ()
    out: Path | None = None
    losses: dict[str, float] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)
    seed: int | str = 0


def made(**values: Any) -> Config:
    return build(Config, {"name": "x", **values}, where="recipe.toml [x]")


def test_defaults_stay_where_nothing_is_said() -> None:
    assert made() == Config("x")


def test_lossless_conversions_are_done() -> None:
    config = made(rate=1, layers=[1, 2], out="runs/x", losses={"kl": 1}, inner={"rate": 2}, seed="auto")
    assert config == Config("x", 3, 1.0, False, (1, 2), Path("runs/x"), {"kl": 1.0}, Inner(2.0), "auto")
    assert type(config.rate) is float
    assert type(config.losses["kl"]) is float


@pytest.mark.parametrize(
    "values",
    [
        {"steps": 1.5},
        {"steps": "3"},
        {"steps": True},
        {"fast": 1},
        {"rate": True},
        {"rate": "0.5"},
        {"layers": 3},
        {"layers": [1, "2"]},
        {"losses": {"kl": "one"}},
        {"out": 5},
        {"seed": 1.5},
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_its_place(values: dict[str, Any]) -> None:
    key = next(iter(values))
    with pytest.raises(PotstillError, match=rf"recipe.toml \[x\]: {key}.* is not ") as error:
        made(**values)
    assert error.value.code == USAGE


def test_an_unknown_key_lists_the_known_ones() -> None:
    with pytest.raises(PotstillError, match=r"\[x\]: unknown key 'stepz'") as error:
        made(stepz=1)
    assert error.value.hint.startswith("known keys: name, steps, rate")
    with pytest.raises(PotstillError, match="inner: unknown key 'lr'"):
        made(inner={"lr": 1})


def test_a_missing_key_is_named() -> None:
    with pytest.raises(PotstillError, match="name"):
        build(Config, {}, where="recipe.toml [x]")


def test_a_config_written_and_read_again_is_the_same() -> None:
    config = Config("x", layers=(1, 2), out=Path("a/b"), losses={"kl": 0.5})
    values = as_dict(config)
    assert values["layers"] == [1, 2]
    assert values["out"] == "a/b"
    assert values["inner"] == {"rate": 0.1}
    assert "out" not in as_dict(Config("x"))
    assert build(Config, values, where="again") == config


def test_settings_overlay_nested_tables_and_leave_the_original_alone() -> None:
    table = {"augment": {"n_iter": 20}, "name": "a"}
    settings = ["augment.n_iter=10", "train.layers=[1, 2]", "train.fast=true", "name=sst2", "train.rate = 0.5"]
    assert apply_settings(table, settings) == {
        "augment": {"n_iter": 10},
        "name": "sst2",
        "train": {"layers": [1, 2], "fast": True, "rate": 0.5},
    }
    assert table == {"augment": {"n_iter": 20}, "name": "a"}


@pytest.mark.parametrize("setting", ["n_iter", "=3", " =3"])
def test_a_setting_needs_key_and_value(setting: str) -> None:
    with pytest.raises(PotstillError, match="is not key=value"):
        apply_settings({}, [setting])


def test_a_setting_cannot_go_below_a_value() -> None:
    with pytest.raises(PotstillError, match="'n' is a value, not a table"):
        apply_settings({"n": 1}, ["n.x=2"])


def test_toml_files_are_read_and_broken_ones_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    with pytest.raises(PotstillError, match="is not there") as error:
        read_toml(path)
    assert error.value.code == NO_INPUT
    path.write_text("[augment]\nn_iter = 20\n")
    assert read_toml(path) == {"augment": {"n_iter": 20}}
    for broken in (b"[augment", b"name = '\xe9'"):
        path.write_bytes(broken)
        with pytest.raises(PotstillError, match="is not valid TOML"):
            read_toml(path)


HOSTILE = {
    "arrays in each other": "a = " + "[" * 100_000 + "]" * 100_000,
    "inline tables in each other": "a = " + "{a=" * 50_000 + "1" + "}" * 50_000,
    "a key of 1,000 parts": "a" + ".a" * 1_000 + " = 1",
    "a number of 5,000 digits": "a = " + "9" * 5_000,
    "no UTF-8": b"a = '\xff'",
    "megabytes": "# " + "x" * (1 << 21),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_recipe_is_refused_with_a_sentence(case: str, tmp_path: Path) -> None:
    content, path = HOSTILE[case], tmp_path / "recipe.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(PotstillError) as caught:
        read_toml(path)
    assert caught.value.code == USAGE and len(str(caught.value)) < 600


def test_a_directory_or_a_pipe_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(PotstillError, match="is not a file"):
        read_toml(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PotstillError, match="is not a file"):
        read_toml(tmp_path / "pipe")


@pytest.mark.parametrize(
    "setting",
    [
        *("steps=" + "9" * 5_000, "steps=" + "9" * 4_000, "steps=0x" + "f" * 5_000, "rate=" + "9" * 4_000),
        *("rate=1e400", "rate=nan", "rate=-inf", "layers=[" + "9" * 30 + "]", "losses.kl=nan", "layers=[1e400]"),
        *("steps=" + "[" * 50_000 + "]" * 50_000, "inner" + ".a" * 1_000 + "=1", "steps=1\nrate=2", 'name="a\\u0000"'),
    ],
    ids=lambda setting: setting[:24],
)
def test_a_hostile_setting_is_refused_with_a_sentence(setting: str) -> None:
    with pytest.raises(PotstillError) as caught:
        build(Config, apply_settings({"name": "x"}, [setting]), where="--set")
    assert caught.value.code == USAGE and len(str(caught.value)) < 600


@dataclass(frozen=True)
class Documented:
    """A config whose first line is no field's.

    name, steps: as in Other
    rate  how fast it goes; 0:
          not at all

    What stands below says nothing of a field: rate is none of its business.
    """

    name: str = ""
    steps: int = 0
    rate: float = 0.0


@dataclass(frozen=True)
class Other:
    """steps  how many
    name   whose
    """

    steps: int = 0
    name: str = ""


def test_a_docstring_says_what_each_field_is() -> None:
    assert described(Documented) == {"name": "whose", "steps": "how many", "rate": "how fast it goes; 0: not at all"}


def test_a_number_where_a_list_is_asked_for_is_refused_with_how_a_list_is_written() -> None:
    with pytest.raises(PotstillError, match=r"seeds = 0 is not a list of int") as caught:
        build(TrainConfig, {"seeds": 0}, where="[train]")
    assert caught.value.hint == "a list stands in brackets: [0]"
