"""`potstill demo`: what it says at the end of its run."""

from pathlib import Path

import pytest

from pipelines import cli
from pipelines import run as runs
from pipelines.recipes import recipe
from pipelines.scores.rivals import NAMES


def test_the_demo_ends_with_what_was_gained_and_where_the_report_is(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runs, "execute", lambda *a, **k: {"rows": [], "report": run / "report.html"})
    assert cli.run(["demo", "-o", str(run)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "The student" in said
    assert "of the way" in said
    assert "report.html" in said


def test_the_demo_has_rivals_three_seeds_and_unlabelled_text() -> None:
    made = recipe.load("demo")
    assert made.files.unlabelled == ("demo:unlabelled",)
    assert all(len(config.seeds) >= 3 for config in made.arms.values())
    assert list(made.arms) == ["labels", "distilled"]
    assert "rivals" in {step.name for step in runs.steps_of(made)}
    assert len(NAMES) == 4
