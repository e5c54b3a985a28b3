"""`potstill predict`: files and pipes, one text and two, lines and JSON."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from data import errors
from data.tasks.task import Task
from pipelines import cli


class Fake:
    """A student that finds every text with `fine` good."""

    def __init__(self, pair: bool) -> None:
        self.task = Task("classify", ("bad", "good"), pair)

    def predict(self, texts: list[str], pairs: list[str] | None = None) -> list[dict[str, Any]]:
        assert (pairs is not None) == self.task.pair
        return [{"label": "good" if "fine" in text else "bad", "probability": 0.75} for text in texts]


def load(monkeypatch: pytest.MonkeyPatch, *, pair: bool = False) -> None:
    monkeypatch.setattr("student_train.student.Student.load", lambda directory: Fake(pair))


def test_a_pipe_is_answered_line_by_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    load(monkeypatch)
    monkeypatch.setattr("sys.stdin", io.StringIO("a fine film\n\na dull film\n"))
    assert cli.run(["predict", "student"]) == 0
    assert capsys.readouterr().out == "good\t0.7500\ta fine film\nbad\t0.7500\ta dull film\n"


def test_with_json_each_answer_is_an_object(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    load(monkeypatch)
    (tmp_path / "texts.tsv").write_text("text\tlabel\na fine film\tgood\n")
    assert cli.run(["predict", "student", str(tmp_path / "texts.tsv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"text": "a fine film", "label": "good", "probability": 0.75}


def test_pairs_come_with_a_tab_between(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    load(monkeypatch, pair=True)
    monkeypatch.setattr("sys.stdin", io.StringIO("fine\tgood\n"))
    assert cli.run(["predict", "student", "-"]) == 0
    assert capsys.readouterr().out == "good\t0.7500\tfine\tgood\n"


def test_one_text_for_a_pair_student_is_refused_with_its_number(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load(monkeypatch, pair=True)
    monkeypatch.setattr("sys.stdin", io.StringIO("fine\tgood\nalone\n"))
    assert cli.run(["predict", "student"]) == errors.BAD_DATA
    assert "text 2 stands alone" in capsys.readouterr().err
