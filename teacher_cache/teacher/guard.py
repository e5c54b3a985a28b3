"""A teacher being opened: nothing larger than its files, and no number that its tables do not have.

`TeacherFiles` -> a checked loading. The files themselves were checked before, without torch: `data.guards.model`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from data.errors import BAD_DATA, PotstillError
from data.guards.sizes import budget_of, watching
from data.guards.untrusted import refusing
from data.guards.weights import read_header
from teacher_cache.teacher.files import TeacherFiles

__all__ = ["building", "check_ids", "read_header", "refusing"]


@contextmanager
def building(files: TeacherFiles) -> Iterator[None]:
    """Refuse what a library cannot open, and a model that outgrows its weights while it is built without memory."""
    from torch.nn.modules import module as registry

    with refusing(f"{files.path} cannot be loaded"), watching(budget_of(files.path), registry):
        yield


def check_ids(tokenizer: Any, files: TeacherFiles) -> None:
    """Refuse a tokenizer with ids beyond the teacher's tables: an error on a CPU, the end of the process on a GPU."""
    backend = tokenizer.backend_tokenizer
    with refusing(f"the tokenizer of {files.path} cannot be used"):
        encoding = backend.encode("a", "a")  # with the special tokens and types of the post-processor
        largest = max([*encoding.ids, *backend.get_vocab(with_added_tokens=True).values(), tokenizer.pad_token_id or 0])
    rows, kinds = files.config.get("vocab_size"), files.config.get("type_vocab_size")
    if isinstance(rows, int) and largest >= rows:
        raise PotstillError(
            f"the tokenizer of {files.path} gives ids up to {largest:,}, the teacher has {rows:,} word vectors",
            hint="tokenizer and weights are not of one model, or tokens were added without resize_token_embeddings",
            code=BAD_DATA,
        )
    types = max(encoding.type_ids, default=0)
    if "token_type_ids" in tokenizer.model_input_names and isinstance(kinds, int) and 0 < kinds <= types:
        raise PotstillError(
            f"the tokenizer of {files.path} gives token types up to {types}, the teacher has {kinds}", code=BAD_DATA
        )
