"""`potstill predict`: files and pipes, one text and two, lines and JSON; what cannot be answered keeps its place."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from data import errors
from data.tasks.task import Task
from pipelines import cli
from pipelines.inputs.asked import BATCH, Asked, batches, of_line


class Fake:
    """A student that finds every text with `fine` good."""

    def __init__(self, pair: bool) -> None:
        self.task = Task("classify", ("bad", "good"), pair)

    def predict(self, texts: list[str], pairs: list[str] | None = None) -> list[dict[str, Any]]:
        assert (pairs is not None) == self.task.pair
        assert texts
        return [{"label": "good" if "fine" in text else "bad", "probability": 0.75} for text in texts]


def load(monkeypatch: pytest.MonkeyPatch, *, pair: bool = False) -> None:
    monkeypatch.setattr("student_train.student.Student.load", lambda directory: Fake(pair))


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let stdin be a pipe that holds some bytes."""

    def fill(content: bytes) -> None:
        reading, writing = os.pipe()
        os.write(writing, content)
        os.close(writing)
        monkeypatch.setattr("sys.stdin", os.fdopen(reading))

    return fill


def test_a_pipe_is_answered_line_by_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, pipe: Any
) -> None:
    load(monkeypatch)
    pipe(b"a fine film\na dull film\r\nno line end")
    assert cli.run(["predict", "student"]) == 0
    assert capsys.readouterr().out == "good\t0.7500\ta fine film\nbad\t0.7500\ta dull film\nbad\t0.7500\tno line end\n"


BAD_LINES = b"\xef\xbb\xbfa fine film\n\na\tfine film\n  \ncaf\xe9\nlast\n"
MARKED = [
    "good\t0.7500\ta fine film",
    "!error\tthe text is empty\t",
    "good\t0.7500\ta\tfine film",
    "!error\tthe text is empty\t  ",
    "!error\tbyte 0xe9 at position 3 is not UTF-8\tcaf\ufffd",
    "bad\t0.7500\tlast",
]


@pytest.mark.parametrize("place", ["pipe", "file"])
def test_every_line_has_an_answer_or_a_mark_in_its_place(
    place: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, pipe: Any, tmp_path: Path
) -> None:
    load(monkeypatch)
    pipe(BAD_LINES)
    (tmp_path / "texts.txt").write_bytes(BAD_LINES)
    name = "-" if place == "pipe" else str(tmp_path / "texts.txt")
    assert cli.run(["predict", "student", name]) == errors.BAD_DATA
    said = capsys.readouterr()
    assert said.out.split("\n") == [*MARKED, ""]
    assert "3 of 6 lines have no answer; line 2: the text is empty" in said.err


def test_skipping_bad_lines_is_no_failure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, pipe: Any
) -> None:
    load(monkeypatch)
    pipe(BAD_LINES)
    assert cli.run(["predict", "student", "--skip-bad"]) == 0
    said = capsys.readouterr()
    assert said.out.split("\n") == [*MARKED, ""]
    assert "3 of 6 lines have no answer" in said.err


TABLES = {
    "t.tsv": b"text\tlabel\na fine film\tgood\n\tbad\n\ncaf\xe9\tgood\none\ttwo\tthree\nlast\tbad\n",
    "t.csv": b'text,label\n"a fine\n\nfilm",good\n,bad\n\ncaf\xe9,good\none,two,three\nlast,bad\n',
    "t.jsonl": b'{"text": "a fine film"}\n{"text": ""}\n\n{"text": "caf\xe9"}\n["no row"]\n{"text": "last"}\n',
}


@pytest.mark.parametrize("name", TABLES)
def test_every_row_of_a_table_has_an_answer_or_a_mark(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    load(monkeypatch)
    (tmp_path / name).write_bytes(TABLES[name])
    assert cli.run(["predict", "student", str(tmp_path / name)]) == errors.BAD_DATA
    said = capsys.readouterr()
    lines = [line.split("\t") for line in said.out.splitlines()]
    assert [line[0] for line in lines] == ["good", "!error", "!error", "!error", "!error", "bad"]
    assert [line[1] for line in lines[1:3]] == ["column 'text' is empty, expected a text", "the line is empty"]
    assert "0xe9, which is not UTF-8" in lines[3][1]
    assert lines[3][2] == "caf?"
    assert "4 of 6 lines have no answer" in said.err


def test_a_parquet_cell_without_a_text_is_marked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    load(monkeypatch)
    pq.write_table(pa.table({"text": ["a fine film", None, "last"]}), tmp_path / "t.parquet")
    assert cli.run(["predict", "student", str(tmp_path / "t.parquet"), "--json"]) == errors.BAD_DATA
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("label") for line in lines] == ["good", None, "bad"]
    assert lines[1] == {"text": "", "error": "column 'text' holds None, expected a text", "line": 2}


def test_a_table_of_pairs_for_a_student_of_one_text_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    load(monkeypatch)
    (tmp_path / "t.tsv").write_text("sentence1\tsentence2\na\tb\n")
    assert cli.run(["predict", "student", str(tmp_path / "t.tsv")]) == errors.BAD_DATA
    assert "has two texts a row, this student reads one" in capsys.readouterr().err


def test_with_json_a_mark_says_why_and_where(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, pipe: Any
) -> None:
    load(monkeypatch)
    pipe(BAD_LINES)
    assert cli.run(["predict", "student", "--json"]) == errors.BAD_DATA
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 6
    assert lines[0] == {"text": "a fine film", "label": "good", "probability": 0.75}
    assert lines[4] == {"text": "caf\ufffd", "error": "byte 0xe9 at position 3 is not UTF-8", "line": 5}


def test_with_json_each_answer_is_an_object(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    load(monkeypatch)
    (tmp_path / "texts.tsv").write_text("text\tlabel\na fine film\tgood\n")
    assert cli.run(["predict", "student", str(tmp_path / "texts.tsv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"text": "a fine film", "label": "good", "probability": 0.75}


def test_pairs_come_with_a_tab_between(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, pipe: Any
) -> None:
    load(monkeypatch, pair=True)
    pipe(b"fine\tgood\n")
    assert cli.run(["predict", "student", "-"]) == 0
    assert capsys.readouterr().out == "good\t0.7500\tfine\tgood\n"


def test_one_text_or_an_empty_cell_for_a_pair_student_is_marked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, pipe: Any
) -> None:
    load(monkeypatch, pair=True)
    pipe(b"fine\tgood\nalone\n\tsecond\nfirst\t\n\t\n\nfine\tagain\n")
    assert cli.run(["predict", "student"]) == errors.BAD_DATA
    assert capsys.readouterr().out.splitlines() == [
        "good\t0.7500\tfine\tgood",
        "!error\tone text, this student reads pairs: put a tab between the two\talone",
        "!error\tthe text is empty\t\tsecond",
        "!error\tthe second text is empty\tfirst\t",
        "!error\tthe text and the second text are empty\t\t",
        "!error\tthe text is empty\t",
        "good\t0.7500\tfine\tagain",
    ]


def test_a_text_with_a_line_break_stays_on_its_line() -> None:
    from pipelines.commands.predict import as_line

    assert as_line(Asked(1, "one\r\ntwo"), {"label": "bad", "probability": 0.5}) == "bad\t0.5000\tone  two"


def test_a_score_has_no_probability() -> None:
    from pipelines.commands.predict import as_line

    assert as_line(Asked(1, "one", "two"), {"score": 2.5}) == "2.5000\tone\ttwo"


def test_a_batch_is_what_has_arrived() -> None:
    items = [of_line(number, b"text", Task("classify", ("a", "b"))) for number in range(1, BATCH + 4)]
    arrived = [*items[:2], None, items[2], None, None, *items[3:]]
    assert [len(batch) for batch in batches(arrived)] == [2, 1, BATCH]
    assert [row for batch in batches(arrived) for row in batch] == items


SLOW = """
import sys
from pipelines import cli
from tests.pipelines.test_predict import Fake
import student_train.student as module
module.Student.load = staticmethod(lambda directory: Fake(False))
sys.exit(cli.run(["predict", "student"]))
"""


def test_a_slow_pipe_is_answered_at_once() -> None:
    """One line is written and its answer read before the next one is: it waits for no 256 lines and no end."""
    with subprocess.Popen(
        [sys.executable, "-c", SLOW], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as process:
        assert process.stdin and process.stdout
        for number in range(3):
            process.stdin.write(b"a fine film %d\n" % number)
            process.stdin.flush()
            assert process.stdout.readline() == b"good\t0.7500\ta fine film %d\n" % number
        process.stdin.close()
        assert process.wait(20) == 0
