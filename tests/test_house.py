"""How the rooms are laid out inside: how much a folder holds, what its `__init__.py` says, who writes files."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.test_layers import MODULES, ROOT, name_of, tree_of

FOLDERS = sorted({path.parent for path in [*MODULES, *(ROOT / "benchmarks").rglob("*.py")]})
FEWEST, MOST = 3, 12
# Tables that things are added to stand in the `__init__.py` of the things.
TABLES = {"augment/ops", "augment/taggers", "data/readers", "data/tasks", "pipelines/commands"}

# Everything else is written by `data/store.py`: whole or not at all.
WRITERS = {
    "data/store.py",
    "data/row_groups.py",
    "data/running/claims.py",  # lock files, which hold nothing
    "teacher_cache/shards/object_store.py",  # a download goes to a temporary name and is moved when it is whole
    "augment/dedupe.py",  # spilled ids, in a folder that goes with the process
    "student_train/teach.py",  # transformers writes its own model and tokenizer, into a folder that is sealed later
    "pipelines/cli.py",  # /dev/null in the place of a closed pipe
    "data/demo/passages.py",  # a script, run by hand
    "augment/tagger_en/train.py",  # a script, run by hand
}
THEIRS = {"save_pretrained", "to_disk", "save_file", "ParquetWriter", "NamedTemporaryFile", "mkstemp"}
WRITING = {"O_CREAT", "O_WRONLY", "O_RDWR", "O_APPEND"}

# What lies in a cache or a model's directory is put there by these folders and files alone.
PUTS = {"write_bytes", "write_text", "write_json", "put", "put_json", "add", "move", "replacing", "temporary"}
SEALS = {"write_manifest", "parquet_writer"}
KEEPERS = {
    "teacher_cache": {"teacher_cache/shards"},
    "student_train": {"student_train/directory", "student_train/loop/checkpoint.py"},
}
OTHERS = {
    "teacher_cache/launch/session.py",  # the name under which a shard is written
    "student_train/feed/encoded.py",  # encoded rows, that later epochs read
    "student_train/models/encoders/scratch.py",  # the tokenizer of a teacher from scratch
    "student_train/vocab/vocabulary.py",  # a vocabulary saves itself
    "student_train/loop/history.py",  # the learning curve
    "student_train/train.py",  # the seal over several seeds
    "student_train/teach.py",  # the seal of a teacher
}


def test_a_folder_holds_three_to_twelve_files() -> None:
    held = {name_of(folder): {path.name for path in folder.iterdir() if path.is_file()} for folder in FOLDERS}
    for folder, names in held.items():
        modules = {name for name in names if name.endswith(".py")} - {"__init__.py"}
        assert len(modules) <= MOST, f"{folder} has {len(modules)} modules: which of them belong together?"
        assert len(names - {"__init__.py"}) >= FEWEST, folder


def test_a_folder_says_in_one_sentence_what_it_is() -> None:
    for folder in FOLDERS:
        tree = tree_of(folder / "__init__.py")
        said = ast.get_docstring(tree) or ""
        assert said.endswith(".") and "\n" not in said and ". " not in said, f"{name_of(folder)}: {said!r}"
        assert len(tree.body) == 1 or name_of(folder) in TABLES, name_of(folder)


def calls(path: Path) -> Iterator[tuple[str, str, ast.Call]]:
    """What is called in a file: (`store` of `store.move`, `move`, the call)."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield ast.unparse(node.func.value), node.func.attr, node
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield "", node.func.id, node


def opens_for_writing(owner: str, name: str, call: ast.Call) -> bool:
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    if owner == "os" and name == "open":
        return any(isinstance(node, ast.Attribute) and node.attr in WRITING for node in ast.walk(call))
    if name in ("open", "fdopen"):
        modes = [value.value for value in arguments if isinstance(value, ast.Constant)]
        return any(isinstance(mode, str) and len(mode) < 4 and set(mode) & set("wax+") for mode in modes)
    return name in THEIRS or (name in ("write_text", "write_bytes") and owner != "store")


def test_only_the_store_opens_files_for_writing() -> None:
    found = {name_of(path) for path in MODULES for call in calls(path) if opens_for_writing(*call)}
    assert found == WRITERS, f"write through data/store.py, and list what writes no more: {sorted(found ^ WRITERS)}"


def test_what_lies_in_a_cache_or_a_model_is_written_in_few_places() -> None:
    found = set()
    for path in (path for path in MODULES if name_of(path).partition("/")[0] in KEEPERS):
        allowed = KEEPERS[name_of(path).partition("/")[0]]
        putting = [name for owner, name, _ in calls(path) if name in SEALS or (owner == "store" and name in PUTS)]
        if putting and not {name_of(path), name_of(path.parent)} & allowed:
            found.add(name_of(path))
    assert found == OTHERS, f"write in the folders above, and list what writes no more: {sorted(found ^ OTHERS)}"
