"""Which column is what: by well-known names, by content, by the user's word."""

from pathlib import Path

import pytest

from data.errors import PotstillError
from data.readers.columns import Columns, label_like
from data.readers.examples import columns_of
from data.readers.source import Source


def found(tmp_path: Path, content: str, *, wants_pair: bool = False, **said: str) -> Columns:
    path = tmp_path / "f.tsv"
    path.write_text(content, "utf-8")
    return columns_of(Source(path, **said), pair=wants_pair)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("sentence label", Columns("sentence", None, "label")),
        ("Review Sentiment", Columns("Review", None, "Sentiment")),
        ("id text label", Columns("text", None, "label")),
        ("Quality #1_ID #2_ID #1_String #2_String", Columns("#1 String", "#2 String", "Quality")),
        ("id question1 question2 is_duplicate", Columns("question1", "question2", "is_duplicate")),
        ("premise hypothesis gold_label", Columns("premise", "hypothesis", "gold_label")),
        ("index genre source1 sentence1 sentence2 score", Columns("sentence1", "sentence2", "score")),
        ("index question sentence label", Columns("question", "sentence", "label")),
        ("text label score", Columns("text", None, "label")),
        ("body label", Columns("body", None, "label")),
        ("title content", Columns("content", None, None)),
    ],
)
def test_well_known_names_are_found(tmp_path: Path, header: str, columns: Columns) -> None:
    names = [name.replace("_String", " String").replace("_ID", " ID") for name in header.split(" ")]
    assert found(tmp_path, "\t".join(names) + "\n" + "\t".join("x" for _ in names) + "\n") == columns


def test_named_columns_win_and_the_rest_is_still_found(tmp_path: Path) -> None:
    content = "sentence1\tsentence2\tother\tlabel\tscore\na\tb\tc\t1\t2\n"
    assert found(tmp_path, content, text="other") == Columns("other", None, "label")
    assert found(tmp_path, content, text="sentence2", pair="other") == Columns("sentence2", "other", "label")
    assert found(tmp_path, content, label="score") == Columns("sentence1", "sentence2", "score")


def test_a_missing_column_lists_the_present_ones(tmp_path: Path) -> None:
    with pytest.raises(PotstillError, match="no column 'txt' for --text") as error:
        found(tmp_path, "text\tlabel\na\t1\n", text="txt")
    assert "columns: text, label" in error.value.hint


@pytest.mark.parametrize("header", ["text\treview\tlabel", "text\tscore\trating", "foo\tbar\tlabel"])
def test_doubt_is_asked_about_with_the_columns_and_options(tmp_path: Path, header: str) -> None:
    with pytest.raises(PotstillError, match="which column holds") as error:
        found(tmp_path, f"{header}\na\tb\tc\n")
    assert "columns: " in error.value.hint
    assert "--text" in error.value.message + error.value.hint


LONG = [f"text number {i} is about something" for i in range(12)]


def test_without_header_the_label_is_the_column_of_few_short_values(tmp_path: Path) -> None:
    first = "".join(f"{i % 2}\t{text}\n" for i, text in enumerate(LONG))
    last = "".join(f"{text}\t{'yes' if i % 3 else 'no'}\n" for i, text in enumerate(LONG))
    pairs = "".join(f"{i}\t{text}\tsecond {text}\t{i % 3}\n" for i, text in enumerate(LONG))
    scores = "".join(f"{text}\tsecond {text}\t{i / 7:.2f}\n" for i, text in enumerate(LONG))
    assert found(tmp_path, first) == Columns("1", None, "0")
    assert found(tmp_path, last) == Columns("0", None, "1")
    assert found(tmp_path, pairs, wants_pair=True) == Columns("1", "2", "3")
    assert found(tmp_path, scores, wants_pair=True) == Columns("0", "1", "2")


def test_without_header_and_label_two_texts_are_a_pair_and_one_column_is_the_text(tmp_path: Path) -> None:
    content = "".join(f"{text}\tsecond {text}\n" for text in LONG)
    assert found(tmp_path, content, wants_pair=True) == Columns("0", "1", None)
    assert found(tmp_path, content, text="0", pair="1") == Columns("0", "1", None)
    assert found(tmp_path, "\n".join(LONG)) == Columns("0", None, None)


def test_two_texts_without_header_are_joined_unless_a_pair_is_asked_for(tmp_path: Path) -> None:
    news = "".join(f"{i % 3 + 1}\tTitle of {text}\t{text}\n" for i, text in enumerate(LONG))
    assert found(tmp_path, news) == Columns("1+2", None, "0")
    assert found(tmp_path, news).guessed
    assert found(tmp_path, news, text="2", label="0") == Columns("2", None, "0")
    assert not found(tmp_path, news, text="2", label="0").guessed


def test_a_column_of_single_words_is_no_text_beside_one_of_sentences(tmp_path: Path) -> None:
    content = "".join(f"tt0{i}\t{text}\t{i % 2}\n" for i, text in enumerate(LONG))
    assert found(tmp_path, content) == Columns("1", None, "2")


def test_columns_are_joined_by_name_or_number(tmp_path: Path) -> None:
    content = "label\ttitle\tdescription\n1\ta\tb\n"
    assert found(tmp_path, content, text="title+description") == Columns("title+description", None, "label")
    assert found(tmp_path, content, text="1+2", header=True) == Columns("title+description", None, "label")  # type: ignore[arg-type]
    plain = "".join(f"{i % 3}\t{text}\t{text}\n" for i, text in enumerate(LONG))
    assert found(tmp_path, plain, text="1+2", label="0") == Columns("1+2", None, "0")
    with pytest.raises(PotstillError, match="no column 'body' for --text"):
        found(tmp_path, content, text="title+body")


def test_a_column_whose_name_has_a_plus_is_one_column(tmp_path: Path) -> None:
    assert found(tmp_path, "a+b\ta\tb\tlabel\nx\ty\tz\t1\n", text="a+b") == Columns("a+b", None, "label")
    assert found(tmp_path, "C+\tlabel\nx\t1\n", text="C+") == Columns("C+", None, "label")


def test_numbered_columns_do_not_make_a_header_a_row(tmp_path: Path) -> None:
    content = "label\ttitle\ttext\n" + "".join(f"{i % 3}\t{text}\t{text}\n" for i, text in enumerate(LONG))
    with pytest.raises(PotstillError, match="line 1: is this a header or a row\\? 'text'"):
        found(tmp_path, content, text="1+2", label="0")
    assert found(tmp_path, content, text="1+2", label="0", header=True) == Columns("title+text", None, "label")  # type: ignore[arg-type]


def test_a_header_cell_without_a_name_is_its_number(tmp_path: Path) -> None:
    assert found(tmp_path, "\ttext\tlabel\t\n0\ta b\t1\t\n") == Columns("text", None, "label")


def test_numbers_choose_columns_without_header(tmp_path: Path) -> None:
    content = "".join(f"{i % 2}\t{i % 3}\t{text}\n" for i, text in enumerate(LONG))
    with pytest.raises(PotstillError, match="columns 0 and 1 may both be the label"):
        found(tmp_path, content)
    assert found(tmp_path, content, label="1", text="2") == Columns("2", None, "1")


def test_a_header_of_unknown_names_does_not_become_a_class(tmp_path: Path) -> None:
    content = "body\tverdict\n" + "".join(f"{text}\t{'yes' if i % 3 else 'no'}\n" for i, text in enumerate(LONG))
    with pytest.raises(PotstillError, match="line 1: is this a header or a row\\? 'verdict'") as error:
        found(tmp_path, content)
    assert "--label" in error.value.hint
    assert found(tmp_path, content, text="body", label="verdict") == Columns("body", None, "verdict")


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    for content in ("", "text\tlabel\n"):
        with pytest.raises(PotstillError, match="holds no rows"):
            found(tmp_path, content)


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        (["0", "1", "1", "0"], True),
        (["pos", "neg", "pos", "neg"], True),
        (["0.5", "1.25", "3", "4.75", "2.0"], True),
        (["1", "2", "3", "4", "5", "6"], False),
        (["a long text that nobody would use as a label"], False),
        ([None, None], False),
    ],
)
def test_labels_are_few_short_and_repeated_or_real_numbers(values: list[str | None], answer: bool) -> None:
    assert label_like(values) is answer


def test_where_no_label_is_wanted_none_is_asked_about(tmp_path: Path) -> None:
    content = "".join(f"{i % 2}\tTitle\t{text}\n" for i, text in enumerate(LONG))
    assert found(tmp_path, content, text="2", label="") == Columns("2", None, None)
    assert found(tmp_path, "".join(f"{i % 2}\t{text}\n" for i, text in enumerate(LONG)), label="") == Columns("1")
    assert found(tmp_path, "text\tlabel\na\t1\n", label="") == Columns("text")
