"""What goes to stdout, what to stderr, and that texts of users come out as they are."""

import json
from pathlib import Path

import pytest

from data.progress import Silent
from pipelines.screen.console import Console, cell
from pipelines.screen.loglines import LogLines
from pipelines.screen.show import as_rows


def test_without_a_terminal_progress_is_log_lines_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with Console() as console:
        assert isinstance(console.progress, LogLines)
        console.progress.note("cache: 3 rows [bold]")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("cache: 3 rows [bold]\n")


def test_quiet_shows_no_progress() -> None:
    assert isinstance(Console(quiet=True).progress, Silent)


def test_tables_show_every_column_and_keep_brackets_of_texts(capsys: pytest.CaptureFixture[str]) -> None:
    Console().table([{"text": "[red] :smile: a", "rows": 1200}, {"text": "b", "score": 0.8972}], title="op")
    out = capsys.readouterr().out
    for shown in ("op", "text", "rows", "score", "[red] :smile: a", "1,200", "0.897", "–"):
        assert shown in out


def test_a_long_line_is_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    Console().say("word " * 100)
    assert capsys.readouterr().out.count("\n") == 1


def test_with_json_only_the_object_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(as_json=True)
    console.say("hidden")
    console.table([{"a": 1}])
    console.done("cache", {"out": Path("runs/x"), "rows": 3}, following="potstill train")
    assert json.loads(capsys.readouterr().out) == {"command": "cache", "code": 0, "out": "runs/x", "rows": 3}


def test_the_next_command_is_the_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.say("done")
    console.done("cache", {}, following="potstill train runs/x/cache --dev DEV -o runs/x/student")
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "next: potstill train runs/x/cache --dev DEV -o runs/x/student"


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (float("nan"), "–"), (True, "True"), (67349, "67,349"), (0.5, "0.5"), ("a", "a")]
)
def test_cells_are_written_for_people(value: object, text: str) -> None:
    assert cell(value) == text


def test_nested_reports_become_rows_and_lengths_keep_their_order() -> None:
    stored = {"1": {"rows": 1}, "11-20": {"rows": 3}, "2": {"rows": 2}, "21+": {"rows": 4}}
    assert [row[""] for row in as_rows(stored)] == ["1", "2", "11-20", "21+"]
    assert as_rows({"mask": 2, "pos": 1}) == [{"": "mask", "value": 2}, {"": "pos", "value": 1}]
    assert as_rows([{"seed": 0, "dev": {"accuracy": 0.5}}]) == [{"seed": 0, "dev": "accuracy 0.5"}]
