"""What `verify` finds damaged, the command that it names makes whole: for every kind of directory."""

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data.errors import BAD_DATA, OK, USAGE
from data.layout import MANIFEST
from pipelines import cli

Potstill = Callable[..., tuple[int, dict[str, Any]]]
WORDS = {"good": ("fine", "lovely", "great"), "bad": ("awful", "dull", "poor")}
TEACH = ["--set", "max_steps=2", "--set", "threads=1", "--set", "device=cpu", "--set", "precision=float32"]
TRAIN = [*TEACH, "--set", "hidden=4", "--set", "dense=4", "--set", "dimensions=4", "--set", "vocabulary=words"]


def table(path: Path, nouns: tuple[str, ...]) -> Path:
    rows = [f"a {word} {noun}\t{label}" for label, words in WORDS.items() for word in words for noun in nouns]
    path.write_text("\n".join(["review\tlabel", *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One directory of every kind, made by the commands. Only to be copied."""
    root = tmp_path_factory.mktemp("made of all kinds")  # blanks in the path: the commands are to be typed as they are
    train, dev = table(root / "train.tsv", ("film", "play")), table(root / "dev.tsv", ("book",))
    more = root / "more.txt"
    more.write_text("one more film\nand a play\n")
    words = ["--text", "review", "-q"]
    commands: list[list[object]] = [
        ["teach", train, "--dev", dev, "-m", "scratch:1x16", "--exclude", dev, "-o", root / "teacher", *TEACH, *words],
        ["augment", train, "--unlabelled", more, "--exclude", dev, "-o", root / "examples", "--n-iter", "2", *words],
        ["cache", root / "examples", "-t", root / "teacher", "-o", root / "cache", "--device", "cpu", "-q"],
        ["train", root / "cache", "--dev", dev, "-o", root / "student", *TRAIN, *words],
        ["train", root / "cache", "--dev", dev, "-o", root / "students", *TRAIN, *words, "--seeds", "0,1"],
    ]
    for command in commands:
        assert cli.run(list(map(str, command))) == OK
    return root


@pytest.fixture
def potstill(capsys: pytest.CaptureFixture[str]) -> Potstill:
    """Run a command line with --json; return its exit code and the object on the last line of stdout."""

    def call(*arguments: object) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = cli.run([*map(str, arguments), "--json", "-q"])
        return code, json.loads(capsys.readouterr().out.splitlines()[-1])

    return call


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_kind(path: Path) -> None:
    """Let a seal speak of another kind, by one bit."""
    content = bytearray(path.read_bytes())
    content[content.index(b'"kind": "', content.index(b'"config"')) + len('"kind": "')] ^= 1
    path.write_bytes(bytes(content))


def flip_version(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.rindex(b'"version": ') + len('"version": ')] ^= 2
    path.write_bytes(bytes(content))


def no_object(path: Path) -> None:
    path.write_text("[]")


ALL = ("examples", "teacher", "cache", "student", "students")


@pytest.mark.parametrize(
    ("kind", "name", "damage"),
    [
        (*place, damage)
        for place in (
            *(("examples", name) for name in (MANIFEST, "part-00000.parquet")),
            *(("teacher", name) for name in (MANIFEST, "model.safetensors", "tokenizer.json")),
            *(("cache", name) for name in (MANIFEST, "part-00000-*.parquet", "PLAN.json", "files/tokenizer.json")),
            *(("student", name) for name in (MANIFEST, "model.safetensors", "config.json")),
            *(("students", name) for name in (MANIFEST, "seed-1/model.safetensors", "seed-0/MANIFEST.json")),
        )
        for damage in (flip, tear, Path.unlink)
    ]
    + [(kind, MANIFEST, damage) for kind in ALL for damage in (flip_kind, flip_version, no_object)],
)
def test_the_command_that_verify_names_mends_what_it_found(
    made: Path, potstill: Potstill, kind: str, name: str, damage: Callable[[Path], object]
) -> None:
    if damage is Path.unlink and name == MANIFEST and kind != "cache":
        return  # without a seal a directory is unfinished, and nobody says that it was more
    out = made / f"a copy of {kind}"
    shutil.copytree(made / kind, out)
    try:
        (path,) = out.glob(name)
        damage(path)
        code, told = potstill("verify", out)
        assert code == BAD_DATA, told
        command = shlex.split(told["hint"])
        assert command[0] == "potstill"
        code, said = potstill(*command[1:])
        assert code == OK, (told["hint"], said)
        code, told = potstill("verify", out)
        assert code == OK, told
        assert any((out / "quarantine").rglob("*")) or damage is Path.unlink or kind == "students"
    finally:
        shutil.rmtree(out)


def test_a_repair_leaves_what_is_no_cache_alone_and_names_the_command_instead(made: Path, potstill: Potstill) -> None:
    before = (made / "examples" / MANIFEST).read_bytes()
    code, told = potstill("repair", made / "examples")
    assert code == USAGE and "augmented examples" in told["error"]
    assert shlex.split(told["hint"])[:2] == ["potstill", "augment"]
    assert (made / "examples" / MANIFEST).read_bytes() == before
    assert potstill(*shlex.split(told["hint"])[1:])[0] == OK  # and finds it finished
    assert (made / "examples" / MANIFEST).read_bytes() == before


def test_a_directory_that_lost_its_notes_is_still_told_in_words(made: Path, potstill: Potstill) -> None:
    out = made / "without notes"
    shutil.copytree(made / "examples", out)
    (out / "potstill.toml").write_text("[data")
    flip(out / "part-00000.parquet")
    code, told = potstill("verify", out)
    shutil.rmtree(out)
    assert code == BAD_DATA and "run the command that made" in told["hint"]
