"""Recipes: what their tables mean, what is refused, how settings are laid over them."""

from pathlib import Path

import pytest

from data.errors import NO_INPUT, PotstillError
from pipelines.options import Defaults
from pipelines.recipes import recipe, settings
from pipelines.recipes.files import bundled, find_recipe
from pipelines.steps.order import steps_of
from student_train.config import TrainConfig
from student_train.losses.table import read_losses

TABLES = {
    "data": {"root": "files", "train": "train.tsv", "dev": "dev.tsv", "text": "review", "labels": "bad,good"},
    "teach": {"model": "bert", "epochs": 2},
    "augment": {"n_iter": 5},
    "train": {"losses": {"logit_mse": 1.0}, "epochs": 4},
    "arms": {"labels": {"losses": {"ce": 1.0}, "rows": "original"}, "distilled": {}},
}


def without(*names: str) -> dict:
    return {name: table for name, table in TABLES.items() if name not in names}


def test_an_arm_overrides_the_train_table_and_its_losses_take_the_place_of_the_others() -> None:
    arms = recipe.from_tables(TABLES, name="mine").arms
    assert arms["labels"].losses == {"ce": {"weight": 1.0}}
    assert (arms["labels"].rows, arms["labels"].epochs) == ("original", 4)
    assert arms["distilled"].losses == {"logit_mse": {"weight": 1.0}}


RECIPE = """
[data]
train = "train.tsv"
dev = "dev.tsv"
[teacher]
path = "bert"
"""


def written(tmp_path: Path, train: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(f"{RECIPE}{train}")
    return str(path)


def test_a_loss_is_a_weight_or_a_table_of_its_options_and_settings_are_laid_over_both(tmp_path: Path) -> None:
    options = {"weight": 0.9, "temperature": 4}
    for train in (
        "[train.losses.kl]\nweight = 0.9\ntemperature = 4",
        "[train]\nlosses.kl = { weight = 0.9, temperature = 4 }",
    ):
        assert recipe.load(written(tmp_path, train)).arms["student"].losses == {"kl": options}
    short, setting = written(tmp_path, "[train]\nlosses = { kl = 0.9 }"), "losses.kl.temperature=4"
    assert recipe.load(short, settings=[f"train.{setting}"]).arms["student"].losses == {"kl": options}
    defaults, given = Defaults(None, [setting]), {"losses": "kl=0.9,ce=0.1"}
    both = settings.resolve(TrainConfig, "train", defaults, given).losses
    assert both == {"kl": options, "ce": {"weight": 0.1}}
    assert settings.resolve(TrainConfig, "train", Defaults(short, [setting]), {}).losses == {"kl": options}


@pytest.mark.parametrize(
    ("key", "loss", "option", "value"),
    [
        ("temperature", "kl", "temperature", "4.0"),
        ("preset", "kl", "preset", "pkd_ref"),
        ("mse_reduction", "logit_mse", "reduction", "sum"),
    ],
)
def test_a_key_that_became_an_option_of_a_loss_is_refused_with_two_ways_that_work(
    key: str, loss: str, option: str, value: str, tmp_path: Path
) -> None:
    quoted = value if key == "temperature" else f'"{value}"'
    old = written(tmp_path, f"[arms.a]\nlosses = {{ {loss} = 0.5, ce = 0.5 }}\n{key} = {quoted}")
    with pytest.raises(PotstillError, match=rf"\[arms.a\]: unknown key '{key}'") as error:
        recipe.load(old)
    in_the_recipe, setting = error.value.hint.split(", or --set ")
    new = recipe.load(written(tmp_path, f"[arms.a]\nlosses.ce = 0.5\n{in_the_recipe}"))
    without_it = written(tmp_path, f"[arms.a]\nlosses = {{ {loss} = 0.5, ce = 0.5 }}")
    for found in (new, recipe.load(without_it, settings=[setting])):
        losses = read_losses(found.arms["a"].losses)
        assert str(getattr(losses[loss], option)) == value
        assert [losses[name].weight for name in (loss, "ce")] == [0.5, 0.5]


def test_the_hint_for_an_old_key_on_the_command_line_works_there() -> None:
    defaults = Defaults(None, ["temperature=4.0"])
    with pytest.raises(PotstillError, match="unknown key 'temperature'") as error:
        settings.resolve(TrainConfig, "train", defaults, {})
    setting = error.value.hint.split(", or --set ")[1]
    assert settings.resolve(TrainConfig, "train", Defaults(None, [setting]), {}).losses["kl"] == {"temperature": 4.0}


def test_without_arms_there_is_one_student_in_the_directory_student() -> None:
    made = recipe.from_tables(without("arms"), name="mine")
    assert list(made.arms) == ["student"]
    assert made.student_dir("student") == Path("runs/mine/student")


def test_files_lie_under_the_root_and_addresses_stay() -> None:
    made = recipe.from_tables(TABLES, name="mine")
    assert made.source("train.tsv").path == Path("files/train.tsv")
    assert made.place("hf:glue:sst2@train") == "hf:glue:sst2@train"
    assert made.place("/data/train.tsv") == "/data/train.tsv"
    assert made.source("train.tsv").text == "review"
    assert made.reading.labels == ("bad", "good")


def test_plain_text_files_are_read_without_the_columns_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("one text\nanother text\n")
    made = recipe.from_tables(TABLES | {"data": TABLES["data"] | {"root": str(tmp_path)}}, name="mine")
    assert made.unlabelled("more.txt").text is None
    assert made.unlabelled("more.tsv").text == "review"


def test_a_finished_teacher_takes_the_place_of_teaching_one() -> None:
    made = recipe.from_tables(TABLES | {"teacher": {"path": "my/teacher"}}, name="mine")
    assert made.teach is None
    assert made.teacher_dir == "my/teacher"


def test_further_teachers_have_caches_of_their_own_and_every_student_learns_from_all() -> None:
    made = recipe.from_tables(TABLES | {"teachers": {"large": "org/large"}}, name="mine", out=Path("here"))
    assert made.others == {"large": "org/large"}
    assert (made.cache_dir(), made.cache_dir("large")) == (Path("here/cache"), Path("here/cache-large"))
    assert recipe.from_tables(made.tables(), name="mine") == made


def test_a_taught_teacher_lies_in_the_run() -> None:
    made = recipe.from_tables(TABLES, name="mine", out=Path("here"))
    assert made.teacher_dir == "here/teacher"
    assert made.teach is not None and made.teach.epochs == 2


def test_the_teacher_learns_from_no_row_that_its_students_may_not_learn_from(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.tsv" for name in ("train", "dev", "test", "more")}
    for path in files.values():
        path.write_text("text\tlabel\na\tyes\nb\tno\n")
    data = {name: str(files[name]) for name in ("train", "dev", "test")} | {"exclude": [str(files["more"])]}
    made = recipe.from_tables({"data": data, "teach": {"model": "m"}, "augment": {"symmetric": True}}, name="x")
    steps = {step.name: step for step in steps_of(made)}
    told = steps["teach"].arguments["files"]
    assert [source.path for source in told.exclude] == [files[name] for name in ("dev", "test", "more")]
    assert told.exclude == steps["augment"].arguments["files"].exclude and told.symmetric
    assert {"exclude 1", "exclude 2", "exclude 3"} <= steps["teach"].inputs.keys()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"augmentation": {}}, "no table [augmentation]"),
        ({"augment": 3}, "no table [augment]"),
        ({"augment": {"n_itre": 3}}, "unknown key 'n_itre'"),
        ({"augment": {"n_iter": "many"}}, "n_iter = 'many'"),
        ({"data": {"train": "a.tsv"}}, "dev is missing"),
        ({"data": {"train": "a.tsv", "dev": "b.tsv", "tset": "c.tsv"}}, "unknown key 'tset'"),
        ({"arms": {"x/y": {}}}, "[arms.x/y]"),
        ({"arms": {"x": {"epoch": 3}}}, "[arms.x]: unknown key 'epoch'"),
        ({"teach": {"epochs": 3}}, "names no teacher"),
        ({"teacher": {"directory": "x"}}, "unknown key 'directory'"),
        ({"teachers": {"x/y": "big"}}, "[teachers]: x/y = 'big' is not NAME = path"),
        ({"teachers": {"big": 3}}, "[teachers]: big = 3 is not NAME = path"),
    ],
)
def test_what_is_wrong_is_named_with_its_table(change: dict, said: str) -> None:
    with pytest.raises(PotstillError) as error:
        recipe.from_tables(TABLES | change, name="mine")
    assert said in str(error.value)


def test_settings_are_laid_over_a_recipe(tmp_path: Path) -> None:
    made = recipe.load("demo", settings=["augment.n_iter=5", "train.seeds=[3, 4]", "arms.labels.epochs=1"])
    assert made.augment.n_iter == 5
    assert {arm: config.seeds for arm, config in made.arms.items()} == {"labels": (3, 4), "distilled": (3, 4)}
    assert made.arms["labels"].epochs == 1


def test_a_path_comes_before_a_bundled_name_and_an_unknown_one_lists_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "recipes" in find_recipe("demo").parts
    Path("demo").write_text("")
    assert find_recipe("demo") == Path("demo")
    with pytest.raises(PotstillError, match="demo, hotel_zh, mnli") as error:
        find_recipe("sst3")
    assert error.value.code == NO_INPUT


def test_the_recipes_of_the_main_measurements_are_bundled() -> None:
    assert {"demo", "sst2", "mrpc", "qqp", "mnli", "hotel_zh"} <= set(bundled())


def test_sst2_compares_three_ways_to_train_over_three_seeds() -> None:
    arms = recipe.load("sst2").arms
    assert len(arms) == 3
    assert all(config.seeds == (0, 1, 2) for config in arms.values())
    assert [(config.rows, *config.losses) for config in arms.values()] == [
        ("original", "ce"),
        ("original", "logit_mse"),
        ("all", "logit_mse"),
    ]
