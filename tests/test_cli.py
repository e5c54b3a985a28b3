"""What a person types and what comes back: help, mistakes, exit codes, JSON."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from data import errors
from data.errors import PotstillError
from data.manifest import Manifest
from data.tasks.task import Task
from pipelines import cli, phases
from pipelines.commands import COMMANDS

TASK = Task("classify", ("no", "yes"))


def called(arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Run a command line; return exit code, stdout and stderr."""
    code = cli.run(arguments.split())
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def refused(arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run a command line that must fail with one message: its code and the message."""
    code, _, err = called(arguments, capsys)
    assert "Traceback" not in err
    assert sum(line.startswith("error:") for line in err.splitlines()) == 1
    return code, err


@pytest.mark.parametrize("name", [*COMMANDS])
def test_every_command_explains_itself_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = called(f"{name} --help", capsys)
    assert code == 0
    assert f"potstill {name}" in out and "Example:" in out and "--json" in out and "--debug" in out


@pytest.mark.parametrize("name", ["teach", "augment", "cache", "train", "evaluate", "predict", "bench"])
def test_every_phase_takes_a_recipe_and_settings(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = called(f"{name} --help", capsys)
    assert "--recipe" in out and "--set" in out


def test_potstill_alone_shows_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = called("", capsys)
    assert code == 0
    assert all(name in out for name in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("augmet x", "No such command 'augmet'"),
        ("augment", "TRAIN"),
        ("augment x.tsv", "--out"),
        ("augment x.tsv -o y --n-iter many", "--n-iter"),
        ("augment x.tsv -o y --colour red", "--colour"),
        ("augment x.tsv -o y --set n_itre=5", "unknown key 'n_itre'"),
        ("augment x.tsv -o y --set n_iter", "is not key=value"),
        ("augment x.tsv -o y --set data.txt=review", "this command has no key 'data.txt'"),
        ("evaluate x demo:test --set hidden=3", "this command has no key 'hidden'"),
        ("bench x --set train.hidden=3", "this command has no key 'train.hidden'"),
        ("evaluate x demo:test --labels a,a", "label 'a' is named twice"),
        ("augment demo:train -o y --labels a,a", "label 'a' is named twice"),
        ("augment x.tsv -o y --p-mask 3", "p_mask = 3.0"),
        ("cache x -t y -o z --layers one", "'one' is not a whole number"),
        ("cache x -t y -o z --dtype int4", "int4"),
        ("train x --dev y.tsv -o z --losses kl=much", "'much' is not a number"),
        ("train x --dev y.tsv -o z --seeds one", "'one' is not a whole number"),
        ("run sst2 --set augment.n_iter=many", "'many'"),
        ("run sst2 --set augmentation.n_iter=3", "no table [augmentation]"),
        ("evaluate x demo:nothing", "no embedded data 'demo:nothing'"),
    ],
)
def test_a_usage_mistake_is_one_message_and_code_64(
    arguments: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, err = refused(arguments, capsys)
    assert code == errors.USAGE
    assert said in err


@pytest.mark.parametrize(
    "arguments",
    [
        "augment nothing.tsv -o out",
        "cache nothing -t demo -o out",
        "train nothing --dev nothing.tsv -o out",
        "evaluate nothing demo:test",
        "predict nothing demo:test",
        "bench nothing",
        "inspect nothing",
        "run nothing.toml",
        "run sst2",
        "augment demo:train -o out --recipe nothing.toml",
    ],
)
def test_a_missing_input_is_named_and_code_66(
    arguments: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, err = refused(arguments, capsys)
    assert code == errors.NO_INPUT
    assert "nothing" in err or "sst2" in err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (PotstillError("teacher is stale", hint="make it again", code=errors.STALE), errors.STALE, "make it again"),
        (KeyboardInterrupt(), errors.TRY_AGAIN, "run the same command again"),
        (OSError(28, "No space left on device", "x"), errors.IO_ERROR, "disk is full"),
        (PermissionError(13, "Permission denied", "x"), errors.NO_PERMISSION, "Permission denied: x"),
        (OSError(5, "Input/output error", "x"), errors.IO_ERROR, "Input/output error"),
        (MemoryError(), errors.INTERNAL, "out of memory"),
        (ZeroDivisionError("division by zero"), errors.INTERNAL, "a bug of potstill"),
    ],
)
def test_every_ending_has_its_code_and_message(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**arguments: object) -> None:
        raise error

    monkeypatch.setattr(phases, "augment", fails)
    found, err = refused("augment demo:train -o out", capsys)
    assert found == code
    assert said in err


def test_an_unforeseen_error_shows_its_traceback_only_on_demand(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POTSTILL_DEBUG", "")  # restored afterwards: --debug sets it for the phases' processes

    def fails(**arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(phases, "augment", fails)
    code, _, err = called("augment demo:train -o out --debug", capsys)
    assert code == errors.INTERNAL
    assert "Traceback" in err


def test_with_json_the_last_line_of_stdout_is_one_object_also_on_failure(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = called("inspect nothing --json", capsys)
    assert json.loads(out.splitlines()[-1])["code"] == code == errors.NO_INPUT


def test_a_reader_that_has_enough_is_no_error() -> None:
    code = (
        "from pipelines import cli, phases\n"
        "from data.manifest import Manifest\nfrom data.tasks.task import Task\n"
        "report = {'table': {str(number): number for number in range(50_000)}}\n"
        "phases.augment = lambda **arguments: Manifest('examples', Task('classify', ('a', 'b')), report=report)\n"
        "cli.main(['augment', 'demo:train', '-o', 'out'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        complaints = process.stderr.read()
    assert (process.returncode, complaints) == (0, "")


def fake_augment(**arguments: object) -> Manifest:
    return Manifest("examples", TASK, report={"config": str(arguments["config"]), "factor": 3.5})


def test_options_recipe_and_settings_reach_the_config_and_the_later_one_wins(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = {}
    monkeypatch.setattr(phases, "augment", lambda **arguments: seen.update(arguments) or fake_augment(**arguments))
    recipe = tmp_path / "my.toml"
    recipe.write_text('[data]\ntext = "review"\n[augment]\nn_iter = 3\nseed = 4\nlanguage = "zh"\n')
    line = f"augment demo:train -o {tmp_path} --recipe {recipe} --seed 5 --set augment.language=de --set p_ng=0"
    code, _, err = called(line, capsys)
    assert code == 0, err
    config = seen["config"]
    assert (config.n_iter, config.seed, config.language, config.p_ng) == (3, 5, "de", 0.0)
    assert seen["files"].train.text == "review"


def test_a_phase_ends_with_the_next_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(phases, "augment", fake_augment)
    code, out, _ = called(f"augment demo:train -o {tmp_path}/examples", capsys)
    assert code == 0
    assert out.splitlines()[-1] == f"next: potstill cache {tmp_path}/examples -t TEACHER_DIR -o {tmp_path}/cache"
    assert "factor" in out and "3.5" in out


def test_with_json_a_phase_says_nothing_else_on_stdout(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(phases, "augment", fake_augment)
    code, out, _ = called(f"augment demo:train -o {tmp_path} --json", capsys)
    [line] = out.splitlines()
    assert json.loads(line)["command"] == "augment"
    assert code == 0


def test_the_command_page_is_up_to_date() -> None:
    from pipelines import cli_docs

    assert cli_docs.PAGE.read_text("utf-8") == cli_docs.page(), "run: python -m pipelines.cli_docs"
