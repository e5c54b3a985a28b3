"""Tables of benchmarks of accuracy, and the aims that they are held against."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

import benchmarks.students as students
from benchmarks import methods, strangers, tables
from benchmarks.quality import pairs, retention
from benchmarks.quality.arm import Row
from benchmarks.quality.tables import show
from data.errors import PotstillError
from data.progress import Silent
from pipelines.scores.rivals import ON_TEACHER

MACHINE = {"processor": "a processor", "cores": 2}


def a_table() -> dict:
    rows = {
        "bilstm": Row("bilstm", 3, 0.85, 0.86, 0.001, 0.004, parameters=603_002, predict_rows=1_000.0),
        "dan": Row("dan", 3, 0.82, 0.83, 0.002, 0.002, parameters=200_000, predict_rows=12_000.0),
        "bilstm+dan": Row("bilstm+dan", 3, 0.86, 0.858, 0.002, 0.002),
        ON_TEACHER: Row(ON_TEACHER, 1, 0.78, 0.79),
    }
    result = {"name": "students", "machine": MACHINE, "date": "today", "commit": "abc", "cache": {"rows": 75_842}}
    result |= {"rows": [row.values for row in rows.values()], "aims": {}}
    students.add_aims(result, rows)
    return result


def test_aims_compare_speed_rivals_and_parts_of_sums() -> None:
    aims = {name: (aim["value"], aim["reached"]) for name, aim in a_table()["aims"].items()}
    assert aims == {
        "dan / bilstm, rows/s of prediction": (12.0, True),
        "dan - TF-IDF on the teacher's labels, points": (4.0, True),
        "bilstm+dan - the best of its parts, points": (-0.2, False),
    }


def test_a_table_has_the_best_last_and_leaves_out_what_nobody_measured() -> None:
    lines = show(a_table()).splitlines()
    assert lines[2] == "| model | seeds | test, % | dev, % | parameters | rows/s, answering |"
    assert [line.split(" | ")[0] for line in lines[4:8]] == ["| " + ON_TEACHER, "| dan", "| bilstm+dan", "| bilstm"]
    assert "86.0 ± 0.4" in lines[7] and "603,002" in lines[7]


def test_reading_both_texts_together_is_held_against_reading_each_by_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scores = {pairs.APART: 0.66, pairs.TOGETHER: 0.70}

    def measured(name: str, settings: dict, caches: list[Path], files: dict, out: Path, **_: Any) -> Row:
        assert caches == [Path("c")] and files == {"dev": Path("d"), "test": Path("t")}
        return Row(name, len(settings["seeds"]), scores[name], scores[name])

    monkeypatch.setattr(pairs, "measured", measured)
    monkeypatch.setattr(pairs, "about", lambda name: {"machine": MACHINE, "date": "today", "commit": "abc"})
    values = Namespace(set=["mnli=c,d,t"], students=",".join(scores), seeds="0,1", settings=[], work=tmp_path)
    result = pairs.measure(values, Silent())
    assert result["aims"] == {
        "mnli: bi_attention - siamese_bilstm, points": {"value": 4.0, "aim": "≥ 3", "reached": True}
    }
    assert "| mnli | bi_attention | 2 | 70.0 |" in pairs.show(result)
    with pytest.raises(PotstillError, match="mnli=c is not NAME=CACHE,DEV,TEST"):
        pairs.given("mnli=c")


def test_the_page_of_benchmarks_shows_the_results_that_are_kept() -> None:
    assert tables.PAGE.read_text("utf-8") == tables.page()


def test_a_student_is_held_against_the_way_from_labels_alone_to_its_teacher() -> None:
    rows = [
        Row("teacher", 1, 0.90, 0.90),
        Row("labels alone", 3, 0.80, 0.80),
        Row("one teacher", 3, 0.87, 0.87, parameters=900_000),
        Row("several teachers", 3, 0.895, 0.895, parameters=1_100_000),
    ]
    result: dict[str, Any] = {"aims": {}}
    retention.add_aims(result, {row.arm: row for row in rows})
    assert {name: (aim["value"], aim["reached"]) for name, aim in result["aims"].items()} == {
        "one teacher: share of the way from labels alone to the teacher, %": (70.0, False),
        "several teachers: share of the way from labels alone to the teacher, %": (95.0, True),
        "best student of ≤ 1,000,000 parameters / teacher, %": (96.6667, False),
    }


def test_several_teachers_are_refused_where_only_one_cache_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "teacher_row", lambda *_: Row("teacher", 1, 0.9, 0.9))
    values = Namespace(cache=[Path("c")], teacher=Path("t"), dev=Path("d"), test=Path("e"), work=Path("w"))
    values.arms = "several teachers"
    with pytest.raises(PotstillError, match="needs more than one cache"):
        retention.measure(values, Silent())


def test_an_arm_on_labels_alone_knows_nothing_of_the_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    values = Namespace(model="dan", seeds="0,1", settings=["steps=7"], teacher=Path("t"))
    monkeypatch.setattr(retention, "locate_base", lambda teacher: "the/encoder")
    made = retention.arm_settings("labels alone", values)
    assert made["losses"] == {"ce": 1.0} and made["rows"] == "original" and made["vectors"] == "the/encoder"
    assert made["steps"] == 7 and made["seeds"] == [0, 1]
    monkeypatch.setattr(retention, "locate_base", lambda teacher: None)
    assert retention.arm_settings("labels alone", values)["vocabulary"] == "subwords"
    with pytest.raises(PotstillError, match="arm 'x' is none"):
        retention.arm_settings("x", values)


def test_a_set_of_strangers_shows_the_share_of_the_way_and_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "about", lambda name: {"machine": MACHINE, "date": "today", "commit": "abc"})
    row = {"set": "mrpc", "metric": "accuracy", "seconds": 90, "student": "dan", "teacher": 0.9, "test": 0.86}
    row |= {"seeds": 3, "test_std": 0.01, "error": 0.01 / 3**0.5, "labels": 0.8, "tfidf": 0.7, "tfidf_teacher": 0.87}
    made = strangers.result_of([row | {"budget": 12.0}])
    assert "| mrpc | accuracy | 70.0 | 87.0 | 80.0 | 86.0 ± 1.0 | dan | 90.0 | 60 | 12 | 1.5 |" in strangers.show(made)
    aims = {name: aim["reached"] for name, aim in made["aims"].items()}
    assert aims == {
        "mrpc: student + its error - TF-IDF on the teacher's labels, points": False,
        "mrpc: student + its error - labels alone, points": True,
        "median share of the way, %": False,
    }


def test_methods_are_held_against_plain_distillation_within_the_noise() -> None:
    rows = {
        "hinton": Row("hinton", 4, 0.88, 0.880, test_std=0.002),
        "tang": Row("tang", 4, 0.88, 0.878, test_std=0.002),
        "pkd": Row("pkd", 4, 0.88, 0.878, test_std=0.002),
        "nst": Row("nst", 4, 0.88, 0.876, test_std=0.002),
    }
    about = {"name": "methods", "machine": MACHINE, "date": "today", "commit": "abc", "cache": {"rows": 75_842}}
    read = {"losses": ["kl", "pkd"], "signals": ["logits", "cls.2"], "bytes_a_row": 776}
    result: dict[str, Any] = about | {"rows": [row.values | read for row in rows.values()], "aims": {}}
    methods.add_aims(result, rows)
    assert {name: (aim["value"], aim["reached"]) for name, aim in result["aims"].items()} == {
        "pkd - hinton + twice the error, points": (0.0828, True),
        "nst - hinton + twice the error, points": (-0.1172, False),
    }
    lines = methods.show(result).splitlines()
    assert lines[4].startswith("| nst | kl, pkd | logits, cls.2 | 776 | 4 | 87.6 ± 0.2 | 88.0 |")
    assert lines[7].startswith("| hinton |")


def test_the_readme_shows_the_sets_that_nothing_was_tuned_on() -> None:
    assert tables.README.read_text("utf-8") == tables.readme()
