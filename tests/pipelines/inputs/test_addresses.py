"""Columns of one file alone: behind its name, or in a table of a recipe."""

from pathlib import Path

import pytest

from data.errors import PotstillError
from data.readers.examples import read
from data.readers.source import Source
from data.tasks.task import Task
from pipelines.inputs.addresses import said_of, with_said
from pipelines.inputs.reading import Reading
from pipelines.options import spelled
from pipelines.recipes import recipe as recipes
from pipelines.recipes import toml

TASK = Task("classify", ("0", "1"))


@pytest.mark.parametrize(
    ("path", "place", "said"),
    [
        ("a.csv", "a.csv", {}),
        ("a.csv::text=2,label=0", "a.csv", {"text": "2", "label": "0"}),
        ("a.csv::text=title+body,label=", "a.csv", {"text": "title+body", "label": ""}),
        ("hf:glue:sst2@dev::text=sentence", "hf:glue:sst2@dev", {"text": "sentence"}),
        ("a.csv::text=so, they said,label=x=y", "a.csv", {"text": "so, they said", "label": "x=y"}),
        ("a.csv::header=yes,delimiter=;,format=csv", "a.csv", {"header": True, "delimiter": ";", "format": "csv"}),
    ],
)
def test_what_is_said_of_a_file_stands_behind_its_name(path: str, place: str, said: dict) -> None:
    assert said_of(path) == (place, said)
    assert said_of(with_said(place, said)) == (place, said)


@pytest.mark.parametrize("path", ["a.csv::", "a.csv::2", "a.csv::kind=regress", "a.csv::header=perhaps"])
def test_what_cannot_be_said_of_a_file_is_refused(path: str) -> None:
    with pytest.raises(PotstillError) as error:
        said_of(path)
    assert "a.csv::" in error.value.hint


def test_a_file_whose_own_name_has_colons_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a::text=2").write_text("")
    assert said_of(f"{tmp_path}/a::text=2") == (f"{tmp_path}/a::text=2", {})


def test_what_is_said_of_one_file_wins_over_what_is_said_of_all(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\na,1\nb,0\n")
    (tmp_path / "test.csv").write_text("label,title,text\n1,x,a\n0,y,b\n")
    (tmp_path / "more.txt").write_text("one more\n")
    reading = Reading(text="text", label="label")
    for path, texts in (
        ("train.csv", ["a", "b"]),
        ("test.csv", ["a", "b"]),
        ("test.csv::text=title+text", ["x a", "y b"]),
        ("test.csv::text=1", ["x", "y"]),
        ("more.txt", ["one more"]),
    ):
        source = reading.source(f"{tmp_path}/{path}") if path != "test.csv::text=1" else None
        source = source or Reading(header=True).source(f"{tmp_path}/{path},label=0")
        assert [row.text for row in read(source, TASK, split="test")] == texts


def test_a_source_is_written_back_as_it_was_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n")
    reading = Reading(text="x", header=True)
    for said in ("", "::text=y,label=x", "::label=x,delimiter=;", "::header=no"):
        path = f"{tmp_path}/a.csv{said}"
        assert reading.source(reading.address(reading.source(path))) == reading.source(path)
    assert reading.address(reading.unlabelled(f"{tmp_path}/a.csv"), unlabelled=True) == f"{tmp_path}/a.csv"


def test_a_recipe_has_a_table_for_a_file(tmp_path: Path) -> None:
    tables = {
        "data": {
            "root": str(tmp_path),
            "train": {"path": "train.csv", "text": 1, "label": 0},
            "dev": "dev.csv",
            "exclude": ["a.csv", {"path": "b.csv", "text": "body", "header": True}],
        },
        "teach": {"model": "demo"},
    }
    for name in ("train", "dev", "a", "b"):
        (tmp_path / f"{name}.csv").write_text("text,label\na,1\n")
    recipe = recipes.from_tables(tables, name="r")
    assert recipe.source(recipe.files.train) == Source(tmp_path / "train.csv", text="1", label="0")
    assert recipe.unlabelled(recipe.files.exclude[1]) == Source(tmp_path / "b.csv", text="body", label="", header=True)
    (tmp_path / "r.toml").write_text(toml.write(recipe.tables()))
    assert recipes.load(str(tmp_path / "r.toml")).files == recipe.files
    for wrong in ({"text": 1}, {"path": "a.csv", "kind": "regress"}):
        with pytest.raises(PotstillError, match="is no file"):
            recipes.from_tables(tables | {"data": {"train": wrong, "dev": "dev.csv"}}, name="r")


def test_the_next_command_is_told_the_columns_that_were_given() -> None:
    assert spelled({"text": None}) == ""
    given = {"text": "1+2", "label": "the label", "delimiter": ";", "header": False, "skip_bad": True, "pair": None}
    assert spelled(given) == (" --text 1+2 --label 'the label' --delimiter ';' --no-header --skip-bad")
