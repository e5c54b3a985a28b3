"""What the cells of a label column mean, the same in every format (cases L2 to L12)."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import BAD_DATA, PotstillError
from data.labels.cells import spell, tally
from data.labels.meaning import NOTHING, LabelColumn, decide
from data.labels.names import ask_names, id_names, label_reader
from data.readers.examples import find_task, read
from data.readers.source import Source
from data.tasks.task import Task

FORMATS = ("tsv", "csv", "jsonl", "parquet")
SNLI = ("entailment", "neutral", "contradiction")


def write(path: Path, cells: Sequence[Any]) -> Source:
    """A file of one of the formats; None is an empty cell."""
    texts = [f"text {number}" for number in range(len(cells))]
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps({"text": t, "label": c}) + "\n" for t, c in zip(texts, cells, strict=True)))
    elif path.suffix == ".parquet":
        pq.write_table(pa.table({"text": texts, "label": list(cells)}), path)
    else:
        mark = "\t" if path.suffix == ".tsv" else ","
        lines = [f"{t}{mark}{'' if c is None else c}" for t, c in zip(texts, cells, strict=True)]
        path.write_text("\n".join([f"text{mark}label", *lines]) + "\n")
    return Source(path)


def labels_of(source: Source, task: Task) -> list[Any]:
    return [example.label for example in read(source, task, split="train")]


def column(*cells: Any, **how: Any) -> LabelColumn:
    return decide(tally(cells), **how)


# --- the same in every format ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize(
    ("cells", "task", "labels"),
    [
        ([0.0, 1.0, None, 1.0], Task("classify", ("0", "1")), [0, 1, None, 1]),  # L5: pandas, a label missing
        ([*range(77), 0], Task("classify", tuple(map(str, range(77)))), [*range(77), 0]),  # L6
        ([-1, 0, 1, 1, 0], Task("classify", ("0", "1")), [None, 0, 1, 1, 0]),  # L7
        (["+", "-", "0", "-"], Task("classify", ("+", "-", "0")), [0, 1, 2, 1]),  # L8
        ([True, False, True], Task("classify", ("false", "true")), [1, 0, 1]),  # L11
        (["true", "True", "false"], Task("classify", ("false", "true")), [1, 1, 0]),
        (["entailment", "-", "neutral"], Task("classify", ("entailment", "neutral")), [0, None, 1]),
        ([0.5, float("nan"), 2.0], Task("regress"), [0.5, None, 2.0]),
        ([-0.5, -1.0, 1.0], Task("regress"), [-0.5, -1.0, 1.0]),
    ],
)
def test_a_column_means_the_same_in_every_format(
    ending: str, cells: list[Any], task: Task, labels: list[Any], tmp_path: Path
) -> None:
    source = write(tmp_path / f"f.{ending}", cells)
    assert find_task(source)[0] == task
    assert labels_of(source, task) == labels


@pytest.mark.parametrize("ending", FORMATS)
def test_a_thousand_whole_numbers_are_classes_and_a_line_says_so(ending: str, tmp_path: Path) -> None:
    task, found = find_task(write(tmp_path / f"f.{ending}", [5 * number for number in range(1000)] * 2))
    assert (task.kind, len(task.labels), task.labels[:3]) == ("classify", 1000, ("0", "5", "10"))
    assert found.notes == ("the 1000 whole numbers 0 to 4995 are classes; as scores: --kind regress",)


@pytest.mark.parametrize("ending", FORMATS)
def test_a_score_that_float32_cannot_hold_is_refused(ending: str, tmp_path: Path) -> None:
    source = write(tmp_path / f"f.{ending}", [0.5, 1e39])
    with pytest.raises(PotstillError, match=r"the score 1e\+39 does not fit into float32") as error:
        find_task(source)[0]
    assert error.value.code == BAD_DATA
    with pytest.raises(PotstillError, match="does not fit into float32"):
        labels_of(source, Task("regress"))


@pytest.mark.parametrize("ending", ["jsonl", "parquet", "tsv"])
@pytest.mark.parametrize("kind", [None, "regress", "classify"])
def test_lists_of_labels_are_refused_by_name(ending: str, kind: str | None, tmp_path: Path) -> None:  # L9
    source = write(tmp_path / f"f.{ending}", [[0, 2], [1]])
    with pytest.raises(PotstillError, match=r"column 'label' holds a list of labels .* not supported") as error:
        find_task(source, kind=kind)[0]
    assert error.value.code == BAD_DATA
    with pytest.raises(PotstillError, match="holds a list of labels"):
        labels_of(source, Task("classify", ("0", "1")))


def test_lists_in_a_dataset_on_disk_are_refused(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the extra potstill[hf]")
    datasets.Dataset.from_dict({"text": ["a", "b"], "labels": [[0, 2], [1]]}).save_to_disk(str(tmp_path / "s"))
    with pytest.raises(PotstillError, match="column 'labels' holds a list of labels"):
        find_task(Source(f"disk:{tmp_path / 's'}"))[0]


# --- names of ids ---------------------------------------------------------------------------------------------------


@pytest.fixture
def parquet(tmp_path: Path) -> Source:
    """Parquet as `datasets` writes it: ids in the column, names in the metadata."""
    feature = {"names": [*SNLI], "_type": "ClassLabel"}
    about = json.dumps({"info": {"features": {"text": {"dtype": "string", "_type": "Value"}, "label": feature}}})
    table = pa.table({"text": ["a", "b", "c", "d"], "label": [2, 0, -1, 2]})
    pq.write_table(table.replace_schema_metadata({"huggingface": about}), tmp_path / "f.parquet")
    return Source(tmp_path / "f.parquet")


def test_parquet_has_the_names_of_its_metadata(parquet: Source) -> None:  # L10
    task = find_task(parquet)[0]
    assert task == Task("classify", SNLI)  # in the order of the ids; a class that does not occur is one too
    assert labels_of(parquet, task) == [2, 0, None, 2]
    assert labels_of(parquet, Task("classify", tuple(sorted(SNLI)))) == [0, 1, None, 0]


def test_datasets_itself_writes_such_metadata(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the extra potstill[hf]")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "a"])})
    rows = datasets.Dataset.from_dict({"text": ["x", "y"], "label": [1, 0]}, features=features)
    rows.to_parquet(str(tmp_path / "f.parquet"))
    rows.save_to_disk(str(tmp_path / "s"))
    for source in (Source(tmp_path / "f.parquet"), Source(f"disk:{tmp_path / 's'}")):
        assert find_task(source)[0] == Task("classify", ("no", "a"))
        assert labels_of(source, Task("classify", ("a", "no"))) == [0, 1]


def test_names_that_are_numbers_are_not_ids_once_more(tmp_path: Path) -> None:
    about = json.dumps({"info": {"features": {"label": {"names": ["1", "2", "3"], "_type": "ClassLabel"}}}})
    table = pa.table({"text": ["a", "b"], "label": [0, 2]}).replace_schema_metadata({"huggingface": about})
    pq.write_table(table, tmp_path / "f.parquet")
    source = Source(tmp_path / "f.parquet")
    assert find_task(source)[0] == Task("classify", ("1", "2", "3"))
    assert labels_of(source, Task("classify", ("1", "2", "3"))) == [0, 2]


def test_names_in_metadata_lead_back_to_ids(parquet: Source) -> None:
    assert labels_of(parquet, Task("classify", ("0", "1", "2"))) == [2, 0, None, 2]


@pytest.mark.parametrize("about", [b"no JSON", b"[1]", b'{"info": {"features": {"label": 3}}}'])
def test_metadata_of_another_form_names_nothing(about: bytes, tmp_path: Path) -> None:
    table = pa.table({"text": ["a", "b"], "label": [0, 1]}).replace_schema_metadata({"huggingface": about})
    pq.write_table(table, tmp_path / "f.parquet")
    assert find_task(Source(tmp_path / "f.parquet"))[0] == Task("classify", ("0", "1"))


def test_an_id_beyond_the_names_of_the_metadata_is_refused(tmp_path: Path) -> None:
    about = json.dumps({"info": {"features": {"label": {"names": ["a", "b"], "_type": "ClassLabel"}}}})
    table = pa.table({"text": ["a"], "label": [2]}).replace_schema_metadata({"huggingface": about})
    pq.write_table(table, tmp_path / "f.parquet")
    with pytest.raises(PotstillError, match="line 1, column 'label' holds 2, the file names the ids 0 to 1: a, b"):
        find_task(Source(tmp_path / "f.parquet"))[0]


@pytest.mark.parametrize("ending", FORMATS)
def test_the_user_names_the_ids(ending: str, tmp_path: Path) -> None:  # L2
    source = write(tmp_path / f"f.{ending}", [2, 0, 0, 2])
    named = replace(source, label_names=SNLI)
    assert find_task(named)[0] == Task("classify", SNLI)
    assert labels_of(named, Task("classify", tuple(sorted(SNLI)))) == [0, 1, 1, 0]
    assert find_task(named, labels=tuple(sorted(SNLI)))[0] == Task("classify", tuple(sorted(SNLI)))


@pytest.mark.parametrize("ending", FORMATS)
def test_ids_are_never_places_among_other_names(ending: str, tmp_path: Path) -> None:  # L4
    source = write(tmp_path / f"f.{ending}", [0, 1, 2, 3])
    task = Task("classify", ("Business", "Sci/Tech", "Sports", "World"))
    with pytest.raises(
        PotstillError, match="holds the id 0, the classes are Business, Sci/Tech, Sports, World"
    ) as error:
        labels_of(source, task)
    assert "--label-names Business,Sci/Tech,Sports,World" in error.value.hint
    named = replace(source, label_names=("World", "Sports", "Business", "Sci/Tech"))
    assert labels_of(named, task) == [3, 2, 0, 1]


def test_ids_that_do_not_begin_at_0_are_named_one_by_one() -> None:
    with pytest.raises(PotstillError, match="holds '3', the label names are for '0', '1', '2'") as error:
        column(1, 2, 3, names=id_names(["A", "B", "C"]))
    assert error.value.hint == "if the ids begin at 1: --label-names 1=A,2=B,3=C"
    assert column(1, 2, 2, names=id_names(["1=A", "2=B"])).counts == {"A": 1, "B": 2}
    for items in (["a", "a"], ["a", ""], ["1=a", "1=b"]):
        with pytest.raises(PotstillError, match="label names"):
            id_names(items)


def test_a_hint_quotes_names_for_a_shell() -> None:
    assert ask_names(["not equal", "equal"]).endswith("--label-names 'not equal,equal'")


# --- decided over the column ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "spelt"),
    [
        ((1, 1.0, "1", "1.0", " 1 ", "1.00"), "1"),
        ((True, "true", "TRUE"), "true"),
        ((0.5, ".5", "0.50", "5e-1"), "0.5"),
        (("-0.0", -0.0, 0), "0"),
        (("007",), "007"),  # a name
        (("1_000",), "1_000"),
        ((None, math.nan, "", " "), None),
    ],
)
def test_one_label_has_one_spelling(cells: tuple[Any, ...], spelt: str | None) -> None:
    assert {spell(cell) for cell in cells} == {spelt}


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        ((-1, 1), ("-1", "1")),  # nothing else is there to tell apart
        ((-2, -1, 0, 1), ("-2", "-1", "0", "1")),
        (("+1", "-1", "0"), ("+1", "-1", "0")),
        (("-1", "pos", "neg"), ("neg", "pos")),
        (("01", "02", "10"), ("01", "02", "10")),
        (("favor", "none", "against"), ("against", "favor", "none")),
        (("a", "nan", "b", "None"), ("a", "b")),
    ],
)
def test_what_is_no_label_is_decided_over_the_column(cells: tuple[Any, ...], classes: tuple[str, ...]) -> None:
    assert column(*cells).classes == classes


def test_what_means_no_label_is_told_with_the_option_that_makes_it_a_class() -> None:
    (note,) = column(-1, 0, 1, 1).notes
    assert note == "1 cells hold '-1', read as no label; if it is a class: --labels -1,0,1"
    assert column(-1, 0, 1, 1, classes=("-1", "0", "1")).counts == {"-1": 1, "0": 1, "1": 2}
    assert column("None", "a", "b", classes=("None", "a", "b")).counts == {"None": 1, "a": 1, "b": 1}


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (("0.5", "1.0", "n/a"), "numbers .* and words"),
        ((0.0, 1.0, math.inf), "numbers .* and words .*inf"),
        (("2,5", "3", "1"), "several labels a row, or numbers with a decimal comma"),
        (("-", "0", "1"), "no label, or a class"),
        (range(1001), "more than 1,000 whole numbers"),
        (range(0, 500, 5), "100 whole numbers in 100 rows: scores or classes"),
    ],
)
def test_what_cannot_be_told_is_asked(cells: Sequence[Any], said: str) -> None:
    with pytest.raises(PotstillError, match=said) as error:
        column(*cells)
    assert error.value.code == BAD_DATA
    assert "--" in error.value.hint
    assert column(*range(0, 500, 5), kind="regress").meaning == "scores"


def test_scores_in_words_and_classes_that_are_named_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PotstillError, match="holds 'good', expected scores"):
        column("good", 1, kind="regress")
    with pytest.raises(PotstillError, match="scores, no classes to name"):
        find_task(write(tmp_path / "f.tsv", [0, 1]), kind="regress", labels=("a", "b"))[0]


def test_a_column_is_described_in_a_sentence() -> None:
    assert column("b", "a", "b", None).sentence == "2 classes: a 33.3%, b 66.7%; 3 labelled, 1 unlabelled"
    assert column(0.5, 2.5, None).sentence == "scores from 0.5 to 2.5, mean 1.5; 2 labelled, 1 unlabelled"
    many = column(*range(77)).sentence
    assert ", 7 1.3%, … 69 more; 77 labelled" in many
    assert LabelColumn(NOTHING, unlabelled=1).sentence == "0 labelled, 1 unlabelled"


def test_a_cell_is_read_by_its_spelling() -> None:
    parse = label_reader(Task("classify", ("True", "False")))
    assert [parse(cell) for cell in (True, "false", "-", None)] == [0, 1, None, None]
