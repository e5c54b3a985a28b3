"""What the report finds in a run: models by their manifests, scores of single commands, rivals, torn files."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data import store
from data.progress import Silent
from data.readers.source import Source
from data.tasks.metrics import SeedScores
from pipelines import phases
from pipelines.report.gather import gather
from pipelines.report.sections.chain import STALE, links_of
from pipelines.report.sections.models import rows_of
from pipelines.report.write import write_report
from pipelines.scores import measured, rivals
from pipelines.scores.measured import Scores, Speed, read_answers, read_scores, roots_of, run_of, split_of


def scores_of(run: Path, model: str, score: float, *, split: str = "test", file: str = "test.tsv") -> Scores:
    place = run / ("teacher" if model == "teacher" else f"student-{model}")
    return Scores(model, roots_of(place), file, store.digest_of(file), split, SeedScores({"one": {"accuracy": score}}))


def keep(run: Path, scores: Scores, right: int, rows: int = 400) -> None:
    labels = np.arange(rows) % 2
    said = np.where(np.arange(rows) < right, labels, 1 - labels)
    measured.keep_scores(run, scores, {"labels": labels, "one": said})


@pytest.fixture
def unmeasured(run: Path) -> Path:
    """The run as single commands leave it: no table of its own."""
    for path in run.glob("*.json"):
        path.unlink()
    return run


def test_scores_of_single_commands_stand_in_the_report_with_their_interval(unmeasured: Path) -> None:
    keep(unmeasured, scores_of(unmeasured, "teacher", 0.90), 360)
    keep(unmeasured, scores_of(unmeasured, "labels", 0.80), 320)
    keep(unmeasured, scores_of(unmeasured, "distilled", 0.875), 350)
    numbers = {"megabytes": 2.0, "p50_ms": 0.5, "threads": 1}
    measured.keep_speed(unmeasured, Speed("distilled", roots_of(unmeasured / "student-distilled"), "t.tsv", numbers))
    found = {row["model"]: row for row in rows_of(gather(unmeasured))}
    assert found["distilled"]["test"] == 0.875
    assert found["distilled"]["p50_ms"] == 0.5
    way = found["distilled"]["way"]
    assert way["share"] == pytest.approx(0.75)
    assert way["low"] < 0.75 < way["high"]
    text = write_report(unmeasured).with_suffix(".md").read_text()
    assert "75 % (95 % interval " in text
    assert "of the way from labels alone, 80.0 %, to the teacher, 90.0 %" in text


def test_students_are_found_by_their_manifests_whatever_their_folders_are_called(run: Path) -> None:
    shutil.move(run / "student-distilled", run / "my best one")
    (run / "old").mkdir()
    shutil.move(run / "student-labels", run / "old" / "from_labels")
    found = {arm.name: arm for arm in gather(run).arms}
    assert found.keys() == {"my best one", "from_labels"}
    assert list(found["my best one"].seeds) == ["seed-0", "seed-1"]
    assert found["from_labels"].labels_only


def test_two_sets_of_examples_in_a_folder_are_not_stale(run: Path, retrained: Callable[[Path], None]) -> None:
    shutil.copytree(run / "examples", run / "examples-small")
    retrained(run / "examples-small")
    links = links_of(gather(run))
    assert [link for link in links if link.state == STALE] == []


def test_a_student_of_another_cache_in_the_folder_is_not_stale(run: Path, retrained: Callable[[Path], None]) -> None:
    shutil.copytree(run / "cache", run / "cache of before")
    retrained(run / "cache")
    stale = [link.made for link in links_of(gather(run)) if link.state == STALE]
    assert not any(made.startswith("student") for made in stale)


def test_scores_of_a_student_that_was_trained_again_are_named_and_left_out(
    unmeasured: Path, retrained: Callable[[Path], None]
) -> None:
    keep(unmeasured, scores_of(unmeasured, "labels", 0.8), 320)
    retrained(unmeasured / "student-labels")
    found = gather(unmeasured)
    assert "labels was measured before it was trained again: potstill evaluate measures it anew" in found.problems
    assert not any("test" in row for row in rows_of(found))


def test_two_test_files_are_told_apart_by_name(unmeasured: Path) -> None:
    for file, score in (("matched.tsv", 0.8), ("mismatched.tsv", 0.7)):
        keep(unmeasured, scores_of(unmeasured, "labels", score, file=file), 320)
    found = {found.split: found.metrics.mean("accuracy") for found in read_scores(unmeasured, [])}
    assert found == {"matched.tsv": 0.8, "mismatched.tsv": 0.7}


@pytest.mark.parametrize(
    "content", ["{", "[]", '"x"', '{"rows": 3, "metric": "accuracy", "evaluated": {}}', "9" * 5_000]
)
@pytest.mark.parametrize("name", ["results.json", "phases.json", "measured/labels/abc.json"])
def test_torn_files_are_named_and_the_rest_is_reported(run: Path, name: str, content: str) -> None:
    if name == "phases.json" and content.startswith("{") and content != "{":
        pytest.skip("a table is what phases.json is")
    (run / name).parent.mkdir(parents=True, exist_ok=True)
    (run / name).write_text(content)
    found = gather(run)
    assert any(Path(name).name in problem for problem in found.problems)
    assert rows_of(found)


def test_predictions_that_are_damaged_cost_the_interval_alone(unmeasured: Path) -> None:
    for model, right in (("teacher", 360), ("labels", 320), ("distilled", 350)):
        keep(unmeasured, scores_of(unmeasured, model, right / 400), right)
    for path in unmeasured.glob("measured/*/*.safetensors"):
        path.write_bytes(path.read_bytes()[:40])
    assert all(read_answers(unmeasured, found) == {} for found in read_scores(unmeasured, []))
    way = {row["model"]: row.get("way") for row in rows_of(gather(unmeasured))}["distilled"]
    assert way["share"] == pytest.approx(0.75) and way["low"] is None


def test_rivals_are_rows_and_a_student_below_them_is_not_praised(run: Path, tmp_path: Path) -> None:
    test = tmp_path / "test.tsv"
    test.write_text("text\tlabel\na fine day\tbad\nnot good at all\tgood\ndull\tbad\n")
    source = Source(test)
    phases.rivals(
        examples=run / "examples", cache=run / "cache", sources={"test": source}, keep_in=run, progress=Silent()
    )
    found = gather(run)
    rows = {row["model"]: row for row in rows_of(found)}
    assert {rivals.MOST, rivals.ON_LABELS, rivals.ON_TEACHER} < rows.keys()
    assert rows[rivals.ON_LABELS]["test"] == 1.0
    assert (
        "The student distilled (88.0 ± 0.4 %) is not better than TF-IDF on labels (100.0 %)."
        in write_report(run).with_suffix(".md").read_text()
    )


def test_the_run_of_a_model_is_the_folder_around_it(run: Path) -> None:
    assert run_of(run / "student-labels") == run.resolve()
    assert run_of(run / "student-distilled" / "seed-0") is None  # one seed of several is no model of a run
    assert run_of(run / "nothing") is None


@pytest.mark.parametrize(
    ("file", "split"), [("dev.tsv", "dev"), ("x/valid.csv::text=1", "dev"), ("devices.tsv", "test")]
)
def test_a_file_is_dev_where_its_name_says_so(file: str, split: str) -> None:
    assert split_of(file) == split
