"""A run with stand-ins for the phases: order, skipping, staleness, resuming, what is recorded."""

import dataclasses
import errno
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import augment.config
import student_train.config
import teacher_cache.config
from data import errors, store
from data.errors import PotstillError
from data.manifest import Manifest, Part, write_manifest
from data.progress import Silent
from data.readers.identity import of_source
from data.readers.source import Source
from data.tasks.metrics import SeedScores
from data.tasks.task import Task
from pipelines import phases
from pipelines.recipes import recipe
from pipelines.run import execute, plan_of, show_plan
from pipelines.screen.console import Console
from pipelines.steps import tried
from pipelines.steps.apart import Measured
from pipelines.steps.order import needed_signals, steps_of

TASK = Task("classify", ("bad", "good"))


class Rooms:
    """Stand-ins that write what the phases would write, and note that they were called."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fail: str | None = None
        self.took: dict[str, Any] = {}

    def seal(self, kind: str, out: Path, content: object) -> Manifest:
        self.calls.append(out.name)
        if self.fail == out.name:
            raise KeyboardInterrupt
        out.mkdir(parents=True, exist_ok=True)
        store.write_json(out / "content.json", content)
        part = Part("content.json", 3, (out / "content.json").stat().st_size, store.digest_of(content), "")
        manifest = Manifest(kind, TASK, (part,), config=self.took, report={"rows_per_second": 12.0})
        write_manifest(out, manifest)
        return manifest

    def teach(self, *, config: Any, files: Any, model: str, out: Path, progress: Any) -> Manifest:
        return self.seal("teacher", out, [model, config.epochs])

    def augment(self, *, config: Any, files: Any, out: Path, progress: Any) -> Manifest:
        return self.seal("examples", out, [config.n_iter, Path(files.train.path).read_text()])

    def cache(self, *, config: Any, examples: Path, teacher: str, out: Path, progress: Any) -> Manifest:
        return self.seal("cache", out, [config.signals, (examples / "MANIFEST.json").read_text()])

    def train(self, *, config: Any, caches: Any, dev: Any, out: Path, progress: Any) -> Manifest:
        held = [(cache / "MANIFEST.json").read_text() for cache in caches]
        return self.seal("student", out, [config.epochs, *held])

    def check(self, **_: Any) -> dict:
        self.calls.append("check")
        return {}

    def trial(self, *, config: Any, caches: Any, dev: Any, scratch: Path, progress: Any) -> dict:
        self.calls.append("trial")
        scores = {"original": 0.8, "all": 0.7}
        return {"rows": "original", "scores": scores, "metric": "accuracy", "error": 0.0, "steps": 9, "model": "bilstm"}

    def evaluate(self, *, models: Mapping[str, Path], sources: Mapping[str, Any], **_: Any) -> dict:
        self.calls.append("evaluate")
        score = {"teacher": 0.9}
        one = {name: SeedScores({"seed": {"accuracy": score.get(name, 0.81)}}) for name in models}
        return {name: dict.fromkeys(sources, one[name]) for name in models}

    def rivals(self, *, sources: Mapping[str, Any], **_: Any) -> dict:
        self.calls.append("rivals")
        return {"most frequent class": dict.fromkeys(sources, SeedScores({"rival": {"accuracy": 0.6}}))}

    def bench(self, *, models: Mapping[str, Path], source: Any, threads: int, **_: Any) -> dict:
        self.calls.append("bench")
        return {name: {"name": name, "parameters": 10, "megabytes": 0.5} for name in models}


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> Rooms:
    return stand_ins(monkeypatch)


def stand_ins(monkeypatch: pytest.MonkeyPatch) -> Rooms:
    """Put stand-ins in the place of the phases, and of the report."""
    made = Rooms()
    for name in ("teach", "augment", "cache", "train", "evaluate", "rivals", "bench"):
        monkeypatch.setattr(phases, name, getattr(made, name))
    for name in ("check", "trial"):
        monkeypatch.setattr(tried, name, getattr(made, name))
    monkeypatch.setattr("pipelines.report.write.write_report", lambda run: run / "report.html")
    return made


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Path]:
    for split in ("train", "dev"):
        (tmp_path / f"{split}.tsv").write_text("text\tlabel\na lovely film\tgood\na dull film\tbad\n")
    yield tmp_path


def here(work: Callable[..., Any], arguments: Mapping[str, Any], *, quiet: bool = False) -> Measured:
    """Run a step in this process, as if it took 2 seconds and 5 MB."""
    return Measured(work(**arguments, progress=Silent()), 2.0, 5_000_000)


def loaded(files: Path, **changes: Any) -> recipe.Recipe:
    tables = {
        "data": {"root": str(files), "train": "train.tsv", "dev": "dev.tsv"},
        "teach": {"model": "scratch"},
        "arms": {"labels": {}, "distilled": {}},
    }
    return recipe.from_tables(tables | changes, name="x", out=files / "run")


def run(made: recipe.Recipe, *, force: bool = False) -> dict[str, Any]:
    return execute(made, Console(quiet=True, as_json=True), force=force, runner=here)


def words(made: recipe.Recipe) -> dict[str, str]:
    return {step.name: state.word for step, state in plan_of(made)}


ALL = ["teacher", "examples", "cache", "student-labels", "student-distilled", "evaluate", "rivals", "bench"]


def test_all_phases_run_in_order_once_and_a_second_run_does_nothing(rooms: Rooms, files: Path) -> None:
    run(loaded(files))
    assert rooms.calls == ALL
    assert set(words(loaded(files)).values()) == {"done"}
    run(loaded(files))
    assert rooms.calls == ALL


def test_before_the_first_run_everything_is_missing(rooms: Rooms, files: Path) -> None:
    assert set(words(loaded(files)).values()) == {"missing"}


def test_a_dry_run_shows_the_plan_and_makes_nothing(
    rooms: Rooms, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_plan(loaded(files), Console())
    out = capsys.readouterr().out
    assert all(name in out for name in ("augment", "train distilled", "missing", "after teacher"))
    assert rooms.calls == []
    assert not (files / "run").exists()


def test_a_changed_config_stops_before_any_work_naming_the_field(rooms: Rooms, files: Path) -> None:
    run(loaded(files))
    changed = loaded(files, augment={"n_iter": 3})
    with pytest.raises(PotstillError, match="n_iter was 20, is 3") as error:
        run(changed)
    assert error.value.code == errors.STALE
    assert "--force" in error.value.hint
    assert rooms.calls == ALL
    assert words(changed)["augment"] == "stale"
    assert words(changed)["cache"] == "waits"


def test_a_changed_input_file_makes_what_was_made_from_it_stale(rooms: Rooms, files: Path) -> None:
    run(loaded(files))
    (files / "train.tsv").write_text("text\tlabel\na new film\tgood\na dull film\tbad\n")
    with pytest.raises(PotstillError, match=r"train .*train.tsv has changed"):
        run(loaded(files))


def test_force_moves_stale_outputs_aside_and_makes_them_and_what_follows_again(rooms: Rooms, files: Path) -> None:
    run(loaded(files))
    run(loaded(files, augment={"n_iter": 3}), force=True)
    assert rooms.calls == [*ALL, *ALL[1:]]
    for name in ("examples", "cache", "student-labels", "student-distilled", "evaluate.json"):
        assert (files / "run" / f"{name}.stale-1").exists(), name
    assert not (files / "run" / "teacher.stale-1").exists()
    run(loaded(files, augment={"n_iter": 4}), force=True)
    assert (files / "run" / "examples.stale-2").exists()


def test_a_changed_arm_leaves_the_other_arm_alone(rooms: Rooms, files: Path) -> None:
    run(loaded(files))
    rooms.calls.clear()
    run(loaded(files, arms={"labels": {"epochs": 9}, "distilled": {}}), force=True)
    assert rooms.calls == ["student-labels", "evaluate", "bench"]


def test_a_trial_says_which_rows_a_student_learns_from_and_is_not_repeated(
    rooms: Rooms, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned = []

    def train(*, config: Any, out: Path, **about: Any) -> Manifest:
        learned.append((out.name, config.rows))
        return rooms.train(config=config, out=out, **about)

    monkeypatch.setattr(phases, "train", train)
    arms = {"labels": {"losses": {"ce": 1.0}}, "distilled": {"rows": "auto"}}
    run(loaded(files, arms=arms))
    assert rooms.calls[:4] == ["teacher", "examples", "cache", "trial"]
    assert learned == [("student-labels", "all"), ("student-distilled", "original")]
    assert words(loaded(files, arms=arms))["trial"] == "done"
    run(loaded(files, arms=arms))
    assert rooms.calls.count("trial") == 1 and len(learned) == 2
    assert words(loaded(files, arms=arms | {"distilled": {"rows": "auto", "max_words": 64}}))["trial"] == "stale"


def test_of_several_teachers_each_has_a_cache_and_a_student_is_stale_when_one_of_them_is(
    rooms: Rooms, files: Path
) -> None:
    (files / "large").mkdir()
    (files / "large" / "weights").write_text("1")
    several = {"teachers": {"large": str(files / "large")}}
    run(loaded(files, **several))
    assert rooms.calls == ["teacher", "examples", "cache", "cache-large", *ALL[3:]]
    assert set(words(loaded(files, **several)).values()) == {"done"}
    (files / "large" / "weights").write_text("2")
    found = words(loaded(files, **several))
    assert (found["cache"], found["cache large"], found["train labels"]) == ("done", "stale", "waits")


def test_a_student_on_labels_alone_may_start_from_the_encoder_before_it_was_fine_tuned(files: Path) -> None:
    def vectors(**changes: Any) -> tuple[str | None, str, str]:
        made = loaded(files, arms={"labels": {"vectors": "base"}}, **changes)
        [step] = (step for step in steps_of(made) if step.name == "train labels")
        config = step.arguments["config"]
        return step.places.get("vectors"), config.vectors, config.vocabulary

    assert vectors(teach={"model": "base-encoder"}) == ("base-encoder", "base-encoder", "teacher")
    assert vectors(teach={"model": "scratch"}) == (None, "", "subwords")  # it has no vectors before it has learnt


def test_a_transformer_may_start_from_the_run_s_teacher_or_from_the_encoder_before_it(files: Path) -> None:
    def start(word: str, **changes: Any) -> tuple[str | None, str]:
        made = loaded(files, arms={"small": {"model": "transformer", "start": word}}, **changes)
        [step] = (step for step in steps_of(made) if step.name == "train small")
        return step.places.get("start"), step.arguments["config"].start

    fine_tuned = str(loaded(files).out / "teacher")
    assert start("teacher") == (fine_tuned, fine_tuned)
    assert start("base", teach={"model": "an-encoder"}) == ("an-encoder", "an-encoder")
    assert start("some/folder") == ("some/folder", "some/folder")
    with pytest.raises(PotstillError, match="start = base: the encoder that the teacher was fine-tuned from"):
        start("base", teach={"model": "scratch"})


def test_means_of_the_teacher_s_states_are_asked_of_the_cache(files: Path) -> None:
    made = loaded(files, arms={"one": {"vectors": "means"}, "two": {}})
    assert needed_signals(made) == ("logits", "hidden", "input_ids")
    assert all("vectors" not in step.places for step in steps_of(made))


def test_how_many_workers_or_threads_does_not_matter(rooms: Rooms, files: Path) -> None:
    run(loaded(files))
    other = loaded(files, augment={"workers": 7}, cache={"threads": 3}, train={"threads": 5})
    assert set(words(other).values()) == {"done"}


def test_where_something_is_made_does_not_matter_to_a_run_as_it_does_not_to_its_phases(
    rooms: Rooms, files: Path
) -> None:
    run(loaded(files))
    other = loaded(files, cache={"device": "cpu"}, train={"device": "cpu"}, teach={"model": "scratch", "device": "cpu"})
    assert set(words(other).values()) == {"done"}


@pytest.mark.parametrize(
    ("step", "asked"),
    [
        ("train labels", {"train": {"precision": "float32"}}),
        ("train labels", {"train": {"model": "bilstm", "lr": 1e-3}}),
        ("teach", {"teach": {"model": "scratch", "precision": "float32"}}),
        ("cache", {"cache": {"dtype": "float32", "token_budget": 4096}}),
        ("augment", {"augment": {"tagger": "own"}}),
    ],
)
def test_what_was_left_open_and_is_named_now_or_the_other_way_round_is_for_the_phase_to_compare(
    rooms: Rooms, files: Path, step: str, asked: dict[str, Any]
) -> None:
    """`potstill train` finds the student finished that was made with precision=auto where auto took float32."""
    run(loaded(files))
    assert words(loaded(files, **asked))[step] == "unfinished"
    run(loaded(files, **asked))
    assert words(loaded(files))[step] == "unfinished"


@pytest.mark.parametrize("named", ["float32", "bfloat16"])
def test_what_had_to_be_taken_in_the_place_of_what_was_asked_for_is_for_the_phase_to_compare(
    rooms: Rooms, files: Path, named: str
) -> None:
    """bfloat16 was asked for and float32 taken: whoever names float32 now asks for the student that is there."""
    rooms.took = {"precision": "float32"}
    run(loaded(files, train={"precision": "bfloat16"}))
    word = {"float32": "unfinished", "bfloat16": "done"}[named]
    assert words(loaded(files, train={"precision": named}))["train labels"] == word


@pytest.mark.parametrize(
    ("module", "configs"),
    [
        (augment.config, [augment.config.AugmentConfig]),
        (teacher_cache.config, [teacher_cache.config.CacheConfig]),
        (student_train.config, [student_train.config.TrainConfig, student_train.config.TeachConfig]),
    ],
)
def test_settings_that_say_how_or_leave_a_choice_open_are_fields_of_the_config_beside_them(
    module: Any, configs: list[type]
) -> None:
    fields = {field.name: field.default for config in reversed(configs) for field in dataclasses.fields(config)}
    assert fields.keys() >= module.HOW_ONLY
    assert {name: fields[name] for name in module.LEFT_OPEN} == module.LEFT_OPEN
    assert not module.HOW_ONLY & module.LEFT_OPEN.keys()


def test_an_input_under_another_name_is_the_same_input(rooms: Rooms, files: Path) -> None:
    run(loaded(files))
    (files / "train.tsv").rename(files / "renamed.tsv")
    data = {"train": str(files / "renamed.tsv"), "dev": str(files / "dev.tsv")}
    assert set(words(loaded(files, data=data)).values()) == {"done"}


def test_an_interrupted_run_goes_on_with_the_phase_it_was_in(rooms: Rooms, files: Path) -> None:
    rooms.fail = "cache"
    with pytest.raises(KeyboardInterrupt):
        run(loaded(files))
    rooms.fail = None
    assert words(loaded(files))["augment"] == "done"
    run(loaded(files))
    assert rooms.calls == ["teacher", "examples", "cache", *ALL[2:]]


def test_a_phase_begun_with_another_config_is_stale_too(rooms: Rooms, files: Path) -> None:
    rooms.fail = "cache"
    with pytest.raises(KeyboardInterrupt):
        run(loaded(files))
    (files / "run" / "cache").mkdir()  # what the interrupted phase left
    with pytest.raises(PotstillError, match="max_length was 128, is 64"):
        run(loaded(files, cache={"max_length": 64}))


def test_an_output_that_is_gone_is_made_again_and_what_follows_stays(rooms: Rooms, files: Path) -> None:
    run(loaded(files))
    rooms.calls.clear()
    (files / "run" / "examples").rename(files / "elsewhere")
    run(loaded(files))
    assert rooms.calls == ["examples"]  # the same content: the cache made from it is still right


def test_an_output_that_was_replaced_is_stale(rooms: Rooms, files: Path) -> None:
    run(loaded(files))
    rooms.seal("examples", files / "run" / "examples", ["other"])
    with pytest.raises(PotstillError, match="is not what this run made"):
        run(loaded(files))


@pytest.mark.parametrize(
    "text",
    [
        *("{", "[]", "7", "null", "\x00", "[" * 50_000, '{"augment": 3}', '{"augment": {}}'),
        '{"teach": {"finished": true, "config": []}}',
        '{"cache": {"finished": false, "config": {}, "seconds": 1, "inputs": {"examples": "x"}}}',
    ],
)
def test_torn_records_are_named_and_what_to_do(rooms: Rooms, files: Path, text: str) -> None:
    (files / "run").mkdir()
    (files / "run" / "phases.json").write_text(text)
    with pytest.raises(PotstillError, match=r"phases\.json(?s:.)*move it away") as error:
        run(loaded(files))
    assert error.value.code == errors.BAD_DATA


def test_phases_that_were_run_by_hand_are_taken_over(rooms: Rooms, files: Path) -> None:
    run(loaded(files))
    (files / "run" / "phases.json").unlink()
    assert words(loaded(files))["teach"] == "unfinished"  # the phase itself finds that there is nothing to do
    run(loaded(files))
    assert set(words(loaded(files)).values()) == {"done"}


def test_times_speeds_and_memory_of_each_phase_are_kept(rooms: Rooms, files: Path) -> None:
    run(loaded(files))
    records = json.loads((files / "run" / "phases.json").read_text())
    record = records["augment"]
    assert (record["seconds"], record["rows"], record["rows_per_second"], record["peak_megabytes"]) == (2.0, 3, 12.0, 5)
    train = record["inputs"]["train"]
    assert train["content"] == store.sha256_file(files / "train.tsv")
    assert train["hash"] == of_source(Source(files / "train.tsv"))


def test_the_final_table_has_the_teacher_first_and_every_arm(
    rooms: Rooms, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = execute(loaded(files), Console(quiet=True), runner=here)
    assert [row["model"] for row in found["rows"]] == ["teacher", "labels", "distilled", "most frequent class"]
    assert found["rows"][2]["way"]["share"] == pytest.approx(0.7)  # from 0.6 by 0.21 of the 0.3 to 0.9
    stored = json.loads((files / "run" / "results.json").read_text())
    assert stored["metric"] == "accuracy" and stored["rows"][2]["parameters"] == 10
    assert stored["take"] == "labels" and "`labels`" in stored["advice"]
    out = capsys.readouterr().out
    assert "90.00" in out and "81.00" in out and "of the way %" in out


def test_the_resolved_recipe_lies_in_the_run_and_gives_the_same_run(rooms: Rooms, files: Path) -> None:
    made = loaded(files)
    run(made)
    again = recipe.load(str(files / "run" / "recipe.toml"))
    assert set(words(again).values()) == {"done"}


def test_two_runs_at_once_are_refused(rooms: Rooms, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = loaded(files)

    def second(**arguments: Any) -> Manifest:
        with pytest.raises(PotstillError, match="is in use by another process") as error:
            run(made)
        assert error.value.code == errors.TRY_AGAIN
        return rooms.teach(**arguments)

    monkeypatch.setattr(phases, "teach", second)
    run(made)


def test_what_a_killed_run_left_beside_its_phases_goes_with_the_next_run(rooms: Rooms, files: Path) -> None:
    """Not what a living process writes there, such as `evaluate`, nor what lies in the directory of a phase."""
    made = loaded(files)
    run(made)
    alive = f"phases.json.tmp-{os.getppid()}-0123abcd"
    places = ("phases.json.tmp-{}-0123abcd", "measured/kl/speed.json.tmp-{}-0123abcd", "report/a.svg.tmp-{}-0123abcd")
    left = [files / "run" / place.format(2**22 + 1) for place in places]
    stays = [files / "run" / alive, files / "run" / "examples" / f"x.tmp-{2**22 + 1}-0123abcd"]
    for path in (*left, *stays):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    run(made)
    assert not any(path.exists() for path in left) and all(path.exists() for path in stays)


def test_a_run_needs_no_locks(rooms: Rooms, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*values: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    made = loaded(files)
    run(made)
    assert set(words(made).values()) == {"done"}


def test_the_losses_of_the_students_say_what_the_cache_must_hold(files: Path) -> None:
    """Of a teacher of four layers those that a student of two is compared with; what is asked for twice comes once."""
    small = {"model": "transformer", "shape": {"size": 2}}
    arms = {"labels": {"losses": {"ce": 1.0}}, "distilled": small | {"losses": {"pkd": 1.0, "kl": 1.0}}}
    assert needed_signals(loaded(files, arms=arms)) == ("logits", "cls.2", "input_ids")
    asked = {"signals": ["cls.3", "logits"]}
    assert needed_signals(loaded(files, arms=arms, cache=asked)) == ("cls.3", "logits", "cls.2", "input_ids")
    assert needed_signals(loaded(files, arms=arms, cache={"signals": ["cls"]}))[0] == "cls"
    every = {"distilled": small | {"losses": {"hidden_mse": 1.0}}}
    wanted = ("logits", "hidden.0", "hidden.2", "hidden.4", "input_ids")
    assert needed_signals(loaded(files, arms=every)) == wanted
    deeper = loaded(files, arms=every, teach={"model": "scratch:6x32"})
    assert needed_signals(deeper)[1:4] == ("hidden.0", "hidden.3", "hidden.6")
