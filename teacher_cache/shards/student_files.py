"""What a student may start from, kept in the cache so that the teacher's own directory can go: `files/`.

    tokenizer.json  tokenizer_config.json    the teacher's sub-words and the names of its special tokens
    word_embeddings.safetensors              its word table, one tensor `weight` [V, D] float16

Teacher in memory -> files; read again only by `student_train`. Imports torch only where it writes: the rerun of a
finished cache asks `kept` and stays light.
"""

from pathlib import Path
from typing import Any

from safetensors import safe_open

from data import store
from data.layout import FILES, ROLES, TOKENIZER, TOKENIZER_CONFIG, WORD_TABLE
from teacher_cache.teacher.files import TeacherFiles

KEPT = (WORD_TABLE, TOKENIZER, TOKENIZER_CONFIG)


def kept(directory: Path) -> bool:
    """Say whether a cache holds all of these files."""
    return all((directory / FILES / name).is_file() for name in KEPT)


def keep(directory: Path, model: Any, tokenizer: Any, files: TeacherFiles) -> None:
    """Write the tokenizer and the word table of a teacher into a cache."""
    from safetensors.torch import save

    folder = directory / FILES
    store.write_text(folder / TOKENIZER, tokenizer.backend_tokenizer.to_str())
    store.write_json(folder / TOKENIZER_CONFIG, {name: getattr(tokenizer, name) for name in ROLES})
    table = word_table(model, files).half().contiguous()
    store.write_bytes(folder / WORD_TABLE, save({"weight": table}))


def word_table(model: Any, files: TeacherFiles) -> Any:
    """Return the input embeddings [V, D], from the file where it has them: the model in memory may be rounded."""
    table = model.get_input_embeddings().weight
    name = next(name for name, weight in model.named_parameters() if weight is table)
    for file in files.files:
        if file.endswith(".safetensors"):
            with safe_open(files.path / file, "pt") as stored:
                if name in stored.keys():  # noqa: SIM118  (not a dict)
                    return stored.get_tensor(name)
    return table.detach().cpu()
