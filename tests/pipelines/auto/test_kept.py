"""What is chosen for a run is kept: chosen again it is the same, and what is made is not chosen anew."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from data import store
from data.progress import Silent
from pipelines.auto import kept
from pipelines.auto.choice import Choice
from pipelines.auto.costs import Pace
from pipelines.auto.fill import everything
from pipelines.auto.kept import Chosen, load, read_chosen, settle, shown, spelled
from pipelines.recipes import recipe


@pytest.fixture
def files(tmp_path: Path) -> Path:
    rows = [f"film {number} is {'fine' if number % 2 else 'dull'}\t{number % 2}" for number in range(300)]
    for split, some in (("train", rows), ("dev", rows[:20])):
        (tmp_path / f"{split}.tsv").write_text("\n".join(["text\tlabel", *some, ""]))
    return tmp_path


def tables(files: Path, **changes: Any) -> dict[str, Any]:
    data = {"root": str(files), "train": "train.tsv", "dev": "dev.tsv"}
    made = everything() | {"data": data} | changes
    return made | {"teach": made["teach"] | {"model": "scratch:1x32"}}


def chosen(files: Path, *, force: bool = False, **changes: Any) -> Chosen:
    _, found = settle(tables(files, **changes), name="x", out=files / "run", force=force, progress=Silent())
    assert found is not None
    return found


def test_the_recipe_that_is_written_is_an_ordinary_one_with_the_reasons_as_remarks(files: Path) -> None:
    found = chosen(files)
    found.keep(files / "run")
    text = (files / "run" / "recipe-chosen.toml").read_text()
    assert "lr = 0.0005 # the encoder begins with random weights" in text
    assert tomllib.loads(text)["teach"]["lr"] == 5e-4
    again = recipe.load(str(files / "run" / "recipe-chosen.toml"), out=files / "run")
    made, _ = settle(tables(files), name="recipe-chosen", out=files / "run", progress=Silent())
    assert again == made


def test_the_same_files_get_the_same_choices_although_the_machine_is_slower_now(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = {"budget": 3.0}
    first = chosen(files, run=run)
    first.keep(files / "run")
    monkeypatch.setattr(kept, "pace_of", lambda facts: Pace(0.001, 0.001))
    assert chosen(files, run=run).filled == first.filled


def test_what_is_made_is_not_chosen_again_unless_it_is_forced(files: Path) -> None:
    first = chosen(files)
    first.keep(files / "run")
    (files / "run" / "teacher").mkdir()
    other = chosen(files, run={"budget": 1e-5})
    assert other.filled.tables["teach"] == first.filled.tables["teach"]
    assert other.filled.tables["arms"] != first.filled.tables["arms"]
    (files / "run" / f"student-{list(first.filled.tables['arms'])[-1]}").mkdir()
    assert chosen(files).filled.tables["arms"] == first.filled.tables["arms"]
    forced = chosen(files, run={"budget": 1e-5}, force=True)
    assert forced.filled.tables["teach"] != first.filled.tables["teach"]


def test_the_recipe_of_a_second_call_is_the_same_file(files: Path) -> None:
    chosen(files).keep(files / "run")
    first = (files / "run" / "recipe-chosen.toml").read_bytes()
    students = [f"student-{arm}" for arm in chosen(files).filled.tables["arms"]]
    for name in ("teacher", "examples", "cache", "trial.json", *students):
        (files / "run" / name).mkdir()
    chosen(files).keep(files / "run")
    assert (files / "run" / "recipe-chosen.toml").read_bytes() == first


def test_students_of_a_run_stay_when_the_table_of_students_grows(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = chosen(files)
    first.keep(files / "run")
    monkeypatch.setattr(kept, "fitting_models", lambda pair: ("bilstm",))
    assert chosen(files).filled.tables["arms"] != first.filled.tables["arms"]
    (files / "run" / f"student-{next(iter(first.filled.tables['arms']))}").mkdir(parents=True)
    assert chosen(files).filled.tables["arms"].keys() == first.filled.tables["arms"].keys()
    assert list(chosen(files).filled.tables["arms"]) == list(first.filled.tables["arms"])
    assert chosen(files, run={"aim": "size"}).filled.tables["arms"].keys() != first.filled.tables["arms"].keys()


def test_the_trial_of_augmented_rows_is_not_chosen_again_for_other_students(files: Path) -> None:
    first = chosen(files)
    first.keep(files / "run")
    assert first.filled.tables["trial"] != chosen(files, run={"aim": "size"}).filled.tables["trial"]
    (files / "run" / "trial.json").touch()
    assert first.filled.tables["trial"] == chosen(files, run={"aim": "size"}).filled.tables["trial"]


def test_other_files_are_looked_at_again(files: Path) -> None:
    first = chosen(files)
    first.keep(files / "run")
    (files / "run" / "teacher").mkdir()
    rows = [f"film {number}\t{int(number > 5)}" for number in range(100)]
    (files / "train.tsv").write_text("\n".join(["text\tlabel", *rows, ""]))
    assert (first.filled.tables["teach"]["best_by"], first.facts.labelled) == ("accuracy", 300)
    assert (chosen(files).filled.tables["teach"]["best_by"], chosen(files).facts.labelled) == ("macro_f1", 100)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"facts": {}, "inputs": "x"}'])
def test_a_torn_record_is_as_good_as_none(files: Path, text: str) -> None:
    chosen(files).keep(files / "run")
    store.write_text(files / "run" / "recipe-chosen.json", text)
    assert read_chosen(files / "run") is None
    chosen(files)


def test_a_recipe_may_leave_single_values_open(files: Path) -> None:
    (files / "my.toml").write_text(
        f'[data]\nroot = "{files}"\ntrain = "train.tsv"\ndev = "dev.tsv"\n'
        '[teach]\nmodel = "scratch:1x32"\nlr = "auto"\n'
        '[arms.a]\nsteps = "auto"\n[arms.b]\nepochs = 2\n'
    )
    made, found = load(str(files / "my.toml"), settings=["augment.n_iter=auto"], progress=Silent())
    assert found is not None and found.filled.choices.keys() == {"teach.lr", "augment.n_iter", "arms.a.steps"}
    assert made.teach is not None and made.teach.lr == 5e-4
    assert made.arms["a"].steps == 2_000 and made.arms["b"].epochs == 2


def test_a_recipe_that_leaves_nothing_open_is_loaded_as_before() -> None:
    made, found = load("demo", progress=Silent())
    assert found is None and made == recipe.load("demo")


def test_what_several_students_share_stands_in_one_row(files: Path) -> None:
    rows = shown(chosen(files).filled)
    of = {row["setting"]: row["of"] for row in rows}
    assert (of["train.lr"], of["train.losses"], of["teach.lr"]) == ("all", "distilled", "")
    assert any(row["of"].startswith("labels-") for row in rows)
    assert all(row["because"] for row in rows)


def test_values_are_spelled_for_a_person() -> None:
    assert spelled(Choice({"kl": {"weight": 1.0, "temperature": 2.0}}, "").value) == "kl (temperature 2.0)"
    assert spelled({"logit_mse": 1.0}) == "logit_mse" and spelled(3) == "3"
