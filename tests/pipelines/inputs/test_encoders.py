"""Classifiers that potstill did not make: which task they answer is told by their labels and the file."""

import json
from pathlib import Path
from typing import Any

import pytest

from data.errors import NO_INPUT, PotstillError
from data.readers.source import Source
from data.tasks.task import Task
from pipelines.inputs import encoders as plain
from pipelines.inputs.encoders import find_plain
from pipelines.inputs.reading import Reading
from teacher_cache.teacher.files import TeacherFiles


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A directory that is said to hold a model with these labels; its weights are not looked at."""

    def make(labels: tuple[str, ...] | None, outputs: int = 2) -> Path:
        place = tmp_path / "model"
        place.mkdir(exist_ok=True)
        (place / "config.json").write_text(json.dumps({}))
        files = TeacherFiles(place, {}, {}, 8, 2, labels, outputs, 64)
        monkeypatch.setattr(plain, "inspect_teacher", lambda name: files)
        return place

    return make


def file(path: Path, *labels: str) -> Source:
    path.write_text("text\tlabel\n" + "".join(f"text {n}\t{label}\n" for n, label in enumerate(labels)))
    return Source(path)


@pytest.mark.parametrize(
    ("labels", "written", "task"),
    [
        (("POSITIVE", "NEGATIVE"), ("negative", "positive"), ("positive", "negative")),  # as the file writes them
        (("NEG", "POS"), ("POS", "POS"), ("NEG", "POS")),  # a file without every class
        (None, ("0", "1"), ("0", "1")),  # LABEL_0, LABEL_1 say nothing
    ],
)
def test_classes_stand_in_the_order_of_the_model_s_logits(
    labels: Any, written: Any, task: Any, model: Any, tmp_path: Path
) -> None:
    place = model(labels)
    _, tasks, unnamed = find_plain({"m": place}, Reading(), file(tmp_path / "t.tsv", *written))
    assert tasks["m"] == Task("classify", task)
    assert unnamed == ({"m"} if labels is None else set())


def test_one_output_is_a_score(model: Any, tmp_path: Path) -> None:
    _, tasks, _ = find_plain({"m": model(None, 1)}, Reading(), file(tmp_path / "t.tsv", "1", "2"))
    assert tasks["m"] == Task("regress")


def test_a_model_of_other_classes_is_refused(model: Any, tmp_path: Path) -> None:
    with pytest.raises(PotstillError, match="has 3 outputs, the classify task has 2"):
        find_plain({"m": model(None, 3)}, Reading(), file(tmp_path / "t.tsv", "a", "b"))
    with pytest.raises(PotstillError, match="are other ones") as caught:
        find_plain({"m": model(("x", "y"))}, Reading(), file(tmp_path / "t.tsv", "a", "b"))
    assert "--labels a,b" in caught.value.hint
    with pytest.raises(PotstillError, match="stand in another order"):
        find_plain({"m": model(("b", "a"))}, Reading(labels=("a", "b")), file(tmp_path / "t.tsv", "a", "b"))


def test_without_a_file_only_the_number_of_logits_matters(model: Any) -> None:
    assert find_plain({"m": model(None, 3)}, Reading())[1]["m"].width == 3
    assert find_plain({"m": model(None, 1)}, Reading())[1]["m"] == Task("regress")


def test_what_potstill_made_is_left_to_its_manifest(tmp_path: Path) -> None:
    (tmp_path / "MANIFEST.json").write_text("{}")
    assert find_plain({"m": tmp_path}, Reading()) == ({"m": tmp_path}, {}, frozenset())


def test_ids_are_no_places_among_the_model_s_labels(model: Any, tmp_path: Path) -> None:
    place, source = model(("NEG", "POS")), file(tmp_path / "t.tsv", "0", "1")
    with pytest.raises(PotstillError, match="are other ones: teacher NEG, POS; examples 0, 1") as caught:
        find_plain({"m": place}, Reading(), source)
    assert caught.value.hint.endswith("--label-names NEG,POS")
    named = Reading(label_names=("POS", "NEG"))
    assert find_plain({"m": place}, named, named.source(str(source.path)))[1]["m"].labels == ("NEG", "POS")


def test_labels_and_kind_of_the_user_are_never_passed_over(tmp_path: Path) -> None:
    manifest = {"task": Task("classify", ("bad", "good")).to_dict()}
    (tmp_path / "MANIFEST.json").write_text(json.dumps(manifest))
    assert find_plain({"m": tmp_path}, Reading(labels=("bad", "good")))[1] == {}
    for other in (Reading(labels=("good", "bad")), Reading(kind="regress")):
        with pytest.raises(PotstillError, match=r"says .*, .* has ") as caught:
            find_plain({"m": tmp_path}, other)
        assert "--label-names" in caught.value.hint


@pytest.mark.parametrize("place", ["nothing", "no/such/model", "/no/such"])
def test_what_is_not_there_is_named_and_no_hub_is_asked(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "inspect_teacher", lambda name: pytest.fail(f"looked for {name}"))
    with pytest.raises(PotstillError, match="is not there") as caught:
        find_plain({"m": Path(place)}, Reading())
    assert caught.value.code == NO_INPUT


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PotstillError, match="is no student and no teacher") as caught:
        find_plain({"m": tmp_path}, Reading())
    assert caught.value.code == NO_INPUT
