"""A hint is a command that works: whatever option a reader's error names is run, and the file is read."""

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from data.errors import PotstillError
from data.readers import columns, examples, rows, source, texts
from data.readers.formats import dialect, jsonl, lines, quoted, records, tsv
from data.tasks.task import Task
from pipelines.inputs.reading import Reading

MODULES = (columns, dialect, examples, jsonl, lines, quoted, records, rows, source, texts, tsv)
LONG = [f"text number {i} is about something" for i in range(12)]
TASK = Task("classify", ("0", "1"))
FLAGS = {"header": ("header", True), "no-header": ("header", False), "skip-bad": ("skip_bad", True)}


def table(*names: str, sign: str = "\t") -> str:
    """A table of long texts under names."""
    return "\n".join([sign.join(names), *(sign.join(f"{name} {text}" for name in names) for text in LONG)])


INFER = "infer"  # the case is a labelled file whose task is to be found
LABELS = ("leave out --labels, --label-names",)  # says what not to type

CASES: list[tuple[str, str | bytes, dict[str, Any], Any]] = [
    ("f.tsv", "text\tid\na\t1\nb\t2\n", {}, INFER),
    ("f.tsv", table("text", "label"), {"text": "txt"}, None),
    ("f.tsv", table("foo", "bar", "label"), {}, None),
    ("f.tsv", table("text", "review", "label"), {}, None),
    ("f.tsv", table("text", "score", "rating"), {}, None),
    ("f.tsv", "\n".join(f"{i % 2}\t{i % 3}\t{text}" for i, text in enumerate(LONG)), {}, None),
    ("f.tsv", "\n".join(f"{i % 2}\t{text}\t{text}\t{text}" for i, text in enumerate(LONG)), {}, None),
    ("f.tsv", "body\tverdict\n" + "\n".join(f"{text}\t{i % 3 > 1}" for i, text in enumerate(LONG)), {}, None),
    (
        "f.tsv",
        "label\ttitle\ttext\n" + "\n".join(f"{i % 2}\tOf {text}\t{text}" for i, text in enumerate(LONG)),
        {"text": "2"},
        None,
    ),
    (
        "f.csv",
        "Class Index,Title,Description\n" + "".join(f"{i % 3},Of {t},{t}\n" for i, t in enumerate(LONG)),
        {},
        INFER,
    ),
    ("f.csv", table("the body", "its title", "label", sign=","), {}, None),
    ("f.tsv", table("the text", "text"), {"text": "the txt"}, None),
    ("f.tsv", table("text", "more", "label"), {}, Task("classify", ("0", "1"), pair=True)),
    ("f.tsv", table("sentence1", "sentence2", "label"), {}, TASK),
    ("f.tsv", "text\tlabel\na\t1\n\t0\n", {}, TASK),
    ("f.tsv", "text\tlabel\na\t1\nb\t2\tc\n", {}, TASK),
    ("f.tsv", 'text\tlabel\na "x" b\t1\n"c\td"\t0\n', {}, TASK),
    ("f.tsv", b"text\tlabel\na\t1\ncaf\xe9\t0\n", {}, TASK),
    ("f.jsonl", '{"text": "a"}\n{', {}, TASK),
    ("f.jsonl", '{"text": "a"}\n["b"]', {}, TASK),
    ("f.csv", 'text,label\na,1\n"b,0\n', {}, TASK),
    ("f.csv", "text,label\na,1\nb,0,1\n", {}, TASK),
    ("f.csv", "text;label\na;1\nb;0\n", {"delimiter": "::"}, TASK),
    ("f.data", table("text", "label"), {}, None),
]


def read(path: str, reading: Reading, task: Task | str | None) -> None:
    source = reading.source(path)
    if task == INFER:
        reading.task(source)
        return
    wanted = task if isinstance(task, Task) else Task("classify", pair=examples.columns_of(source).pair is not None)
    list(examples.read(source, wanted, split="unlabelled"))


def commands(hint: str) -> list[tuple[str, dict[str, Any]]]:
    """The commands a hint names: (what it says of the file alone, options)."""
    found = []
    for part in re.split(r"; |: (?=--)|(?<=tab) (?=or)", hint):
        words, options = shlex.split(part), {}
        for word, value in zip(words, [*words[1:], ""], strict=True):
            if word.startswith("--"):
                name = word[2:].strip(",")
                options[name] = True if name in FLAGS else value.strip(",")
        alone = next((word for word in words if "::" in word), "")
        if options or alone:
            found.append((alone, options))
    return found


@pytest.mark.parametrize("case", CASES, ids=[f"{number}" for number in range(len(CASES))])
def test_every_command_of_a_hint_reads_the_file(
    case: tuple[str, Any, dict[str, Any], Task | None], tmp_path: Path
) -> None:
    name, content, said, task = case
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(PotstillError) as error:
        read(str(path), Reading(**said), task)
    found = commands(error.value.hint)
    assert found, error.value.hint
    for alone, options in found:
        flags = {FLAGS[name][0]: FLAGS[name][1] for name in FLAGS if options.pop(name, None)}
        general = {} if options or "delimiter" in said else said
        read(alone or str(path), Reading(**general, **options, **flags), task)


def test_every_hint_that_names_an_option_is_among_the_cases(tmp_path: Path) -> None:
    """Each string of a reader with an option in it occurs in a hint that the test above runs."""
    hints = []
    for number, (name, content, said, task) in enumerate(CASES):
        path = tmp_path / str(number) / name
        path.parent.mkdir()
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        try:
            read(str(path), Reading(**said), task)
        except PotstillError as error:
            hints.append(error.hint)
    written = "\n".join(hints)
    for module in MODULES:
        tree = ast.parse(Path(module.__file__ or "").read_text("utf-8"))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) and id(node) not in docstrings else None
            if isinstance(text, str) and re.search(r"--\w", text) and text not in LABELS:
                assert text.strip() in written, f"{module.__name__}: {text!r}"
