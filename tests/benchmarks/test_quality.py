"""Tables of benchmarks of accuracy, and the aims that they are held against."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

import benchmarks.students as students
from benchmarks import pairs, tables
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
