"""From a file to examples of a task, and from a labelled file to its task."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import BAD_DATA, PotstillError
from data.example import MASK, Example, example_id
from data.readers.examples import find_task, read
from data.readers.source import Source
from data.tasks.task import Task

SENTIMENT = Task("classify", ("0", "1"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "f.tsv"


def source(path: Path, content: str) -> Source:
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    return Source(path)


def labelled(names: list[str]) -> str:
    return "text\tlabel\n" + "".join(f"text {i}\t{name}\n" for i, name in enumerate(names))


# --- read -----------------------------------------------------------------------------------------------------------


def test_a_row_becomes_an_example_without_outer_blanks(file: Path) -> None:
    content = "sentence\tlabel\n hide new  secretions \t 0 \n"
    assert list(read(source(file, content), SENTIMENT, split="train")) == [
        Example(example_id("classify", "hide new  secretions"), "hide new  secretions", label=0, split="train")
    ]


def test_a_pair_becomes_an_example(file: Path) -> None:
    task = Task("regress", (), pair=True)
    (example,) = read(source(file, "sentence1\tsentence2\tscore\na \tb\t3.800\n"), task, split="dev")
    assert (example.text, example.pair, example.label, example.split) == ("a", "b", 3.8, "dev")
    assert example.id == example_id("regress", "a", "b")


def test_a_number_is_never_a_place_among_the_names(file: Path) -> None:
    task = Task("classify", ("contradiction", "entailment", "neutral"))
    said = source(file, labelled(["neutral", "2", "entailment", "0"]))
    with pytest.raises(
        PotstillError, match="line 3, column 'label' holds the id 2, the classes are contradiction, ent"
    ):
        list(read(said, task, split="train"))
    named = replace(said, label_names=("entailment", "neutral", "contradiction"))
    assert [example.label for example in read(named, task, split="train")] == [2, 0, 1, 1]


@pytest.mark.parametrize("empty", ["", " ", "-"])
def test_an_empty_label_is_none(file: Path, empty: str) -> None:
    content = labelled(["1", empty])
    assert [example.label for example in read(source(file, content), SENTIMENT, split="train")] == [1, None]


def test_a_file_without_label_column_has_no_labels(file: Path) -> None:
    assert [example.label for example in read(source(file, "text\na b\nc d\n"), SENTIMENT, split="dev")] == [None, None]


def test_labels_of_unlabelled_texts_are_not_looked_at(file: Path) -> None:
    content = labelled(["good", "4 stars"])
    assert [x.label for x in read(source(file, content), SENTIMENT, split="unlabelled")] == [None, None]


def test_a_label_the_task_does_not_know_is_refused_with_the_known_ones(file: Path) -> None:
    with pytest.raises(PotstillError, match=r"f\.tsv, line 3, column 'label' label '2' is none of 0, 1") as error:
        list(read(source(file, labelled(["1", "2"])), SENTIMENT, split="dev"))
    assert error.value.code == BAD_DATA


def test_a_score_that_is_no_number_is_refused(file: Path) -> None:
    with pytest.raises(PotstillError, match="line 2, column 'label' label 'three' is not a finite number"):
        list(read(source(file, labelled(["three"])), Task("regress"), split="dev"))
    assert [x.label for x in read(source(file, labelled(["nan", "0.5"])), Task("regress"), split="dev")] == [None, 0.5]


@pytest.mark.parametrize(
    ("text", "said"),
    [(" ", "is empty"), (f"a {MASK} b", "stands for a masked word"), ("half \ud83d", "byte 0xed")],
)
def test_a_text_that_cannot_be_used_is_refused_by_line(file: Path, text: str, said: str) -> None:
    with pytest.raises(PotstillError, match=f"line 3.*{said}") as error:
        list(read(source(file, f"text\tlabel\nfine\t1\n{text}\t0\n"), SENTIMENT, split="train"))
    assert error.value.code == BAD_DATA


def test_half_a_character_from_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    path.write_text('{"text": "\\ud83d"}\n')
    with pytest.raises(PotstillError, match="line 1, column 'text' holds half a character"):
        list(read(Source(path), SENTIMENT, split="train"))


def test_a_text_that_is_a_number_or_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    for value in (3, None, ["a"]):
        path.write_text(json.dumps({"text": value}) + "\n")
        with pytest.raises(PotstillError, match=r"line 1, column 'text' holds .*, expected a text"):
            list(read(Source(path), SENTIMENT, split="train"))


def test_pairs_and_single_texts_are_not_mixed_up(file: Path) -> None:
    pairs = source(file, "sentence1\tsentence2\tlabel\na\tb\t1\n")
    with pytest.raises(PotstillError, match=r"has pairs of texts \(sentence1, sentence2\), the task has one text"):
        read(pairs, SENTIMENT, split="dev")
    task = Task("classify", ("0", "1"), pair=True)
    with pytest.raises(PotstillError, match=r"has one text \(text\) a row, the task has pairs") as error:
        read(source(file, "text\tmore\tlabel\na\tb\t1\n"), task, split="dev")
    assert error.value.hint.endswith("say --text text --pair more")
    with pytest.raises(PotstillError, match=r"has one text \(text\) a row, the task has pairs") as error:
        read(source(file, labelled(["1"])), task, split="dev")
    assert "--" not in error.value.hint  # no option makes a second text


def test_columns_are_checked_before_the_first_row_is_drawn(file: Path) -> None:
    said = Source(source(file, labelled(["1"])).path, text="body")
    with pytest.raises(PotstillError, match="no column 'body'"):
        read(said, SENTIMENT, split="train")


def test_reading_is_a_stream(file: Path) -> None:
    content = labelled(["1"] * 1_000 + ["wrong"])
    stream = read(source(file, content), SENTIMENT, split="train")
    assert isinstance(stream, Iterator)
    assert next(stream).text == "text 0"  # the wrong label at the end is met only when it is reached


def test_all_formats_give_the_same_examples(tmp_path: Path) -> None:
    rows = [("good, they said", "pos"), ('a "quoted" word', "neg"), ("naïve café ⟨x⟩ 好", "pos")]
    (tmp_path / "f.tsv").write_text("text\tlabel\n" + "".join(f"{t}\t{n}\n" for t, n in rows), "utf-8")
    quoted = "".join('"{}",{}\n'.format(t.replace('"', '""'), n) for t, n in rows)
    (tmp_path / "f.csv").write_text("text,label\n" + quoted, "utf-8")
    objects = "".join(json.dumps({"text": t, "label": n}) + "\n" for t, n in rows)
    (tmp_path / "f.jsonl").write_text(objects)
    pq.write_table(pa.table({"text": [t for t, _ in rows], "label": [n for _, n in rows]}), tmp_path / "f.parquet")
    (tmp_path / "f.txt").write_text("".join(f"{n}\t{t}\n" for t, n in rows), "utf-8")
    sources = [Source(tmp_path / f"f.{ending}") for ending in ("tsv", "csv", "jsonl", "parquet", "txt")]
    tasks = {find_task(source)[0] for source in sources}
    assert tasks == {Task("classify", ("neg", "pos"))}
    first, *others = [list(read(source, tasks.copy().pop(), split="train")) for source in sources]
    assert [example.label for example in first] == [1, 0, 1]
    assert all(other == first for other in others)


# --- find_task ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "task"),
    [
        (["1", "0", "1"], Task("classify", ("0", "1"))),
        (["10", "9", "-2"], Task("classify", ("-2", "9", "10"))),
        (["pos", "neg", ""], Task("classify", ("neg", "pos"))),
        (["entailment", "-", "neutral"], Task("classify", ("entailment", "neutral"))),
        (["5.000", "3.800"], Task("regress")),
        (["1.0", "2.0"], Task("classify", ("1", "2"))),
        ([str(i) for i in range(77)], Task("classify", tuple(str(i) for i in range(77)))),
        ([f"c{i}" for i in range(21)], Task("classify", tuple(sorted(f"c{i}" for i in range(21))))),
    ],
)
def test_the_labels_tell_the_task(file: Path, names: list[str], task: Task) -> None:
    assert find_task(source(file, labelled(names)))[0] == task


def test_whole_labels_that_pandas_made_floats_are_classes(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", "b", "c"], "label": [1.0, float("nan"), 0.0]}), tmp_path / "f.parquet")
    task = find_task(Source(tmp_path / "f.parquet"))[0]
    assert task == Task("classify", ("0", "1"))
    assert [x.label for x in read(Source(tmp_path / "f.parquet"), task, split="train")] == [1, None, 0]


def test_kind_and_labels_are_taken_as_given(file: Path) -> None:
    content = labelled(["1", "0"])
    assert find_task(source(file, content), kind="regress")[0] == Task("regress")
    assert find_task(source(file, content), labels=("bad", "good"))[0] == Task("classify", ("bad", "good"))
    assert find_task(source(file, labelled(["5.0", "2.5"])), kind="classify")[0] == Task("classify", ("2.5", "5"))
    with pytest.raises(PotstillError, match="unknown task kind 'rank'"):
        find_task(source(file, content), kind="rank")[0]


def test_a_pair_file_makes_a_pair_task(file: Path) -> None:
    content = "premise\thypothesis\tlabel\na\tb\tx\nc\td\ty\n"
    assert find_task(source(file, content))[0] == Task("classify", ("x", "y"), pair=True)


def test_without_labels_there_is_no_task(file: Path) -> None:
    with pytest.raises(PotstillError, match="has no label column") as error:
        find_task(source(file, "text\tid\na\tb\n"))[0]
    assert "columns: text, id" in error.value.hint


@pytest.mark.parametrize("names", [["1", "1"], [""], [f"name {i}" for i in range(1_001)]])
def test_one_class_or_a_thousand_are_no_classes(file: Path, names: list[str]) -> None:
    with pytest.raises(PotstillError, match="expected 2 to 1000 classes") as error:
        find_task(source(file, labelled(names)))[0]
    assert error.value.code == BAD_DATA
