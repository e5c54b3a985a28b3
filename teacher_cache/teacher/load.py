"""A teacher in memory, ready to answer: `TeacherFiles` -> its model, its tokenizer.

The files were checked before, without torch (`data/guards/model.py`). Here a model may not outgrow them while it is
built, and a tokenizer may give no number that the model's tables do not have.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import transformers
from torch.nn.modules import module as registry
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from data.errors import BAD_DATA, PotstillError
from data.guards.sizes import budget_of, watching
from data.guards.untrusted import refusing
from data.text.families import OURS
from teacher_cache.teacher.files import TeacherFiles


def load_tokenizer(files: TeacherFiles) -> Any:
    """Load the fast tokenizer of a teacher; a tokenizer without a fast form is refused."""
    with _quiet(), refusing(f"{files.path} has no tokenizer that can be read"):
        tokenizer = AutoTokenizer.from_pretrained(files.path, trust_remote_code=False, local_files_only=True)
    if not tokenizer.is_fast:
        raise PotstillError(f"the tokenizer of {files.path} has no fast form", hint="save a tokenizer.json beside it")
    check_ids(tokenizer, files)
    return tokenizer


def load_model(files: TeacherFiles, *, device: str, dtype: str, attention: str) -> Any:
    """Load the weights, safetensors only. Errors: weights without a classification head (BAD_DATA)."""
    with _quiet(), refusing(f"{files.path} cannot be loaded"), watching(budget_of(files.path), registry):
        config = AutoConfig.from_pretrained(files.path, trust_remote_code=False, local_files_only=True)
        vars(config).update({key: value for key, value in OURS.items() if hasattr(config, key)})
        model, info = AutoModelForSequenceClassification.from_pretrained(
            files.path,
            config=config,
            dtype=getattr(torch, dtype),
            attn_implementation=attention,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
    if missing := sorted(info["missing_keys"]):
        raise PotstillError(
            f"{files.path} is not a trained classifier: its weights lack {', '.join(missing[:4])}",
            hint="fine-tune it first: potstill teach TRAIN --dev DEV -m MODEL -o DIR",
            code=BAD_DATA,
        )
    return model.to(device).eval()


def check_ids(tokenizer: Any, files: TeacherFiles) -> None:
    """Refuse a tokenizer whose ids exceed the teacher's embedding tables: on a GPU that would crash the process."""
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


def has_sdpa(files: TeacherFiles) -> bool:
    """Tell whether a teacher's family supports torch's fast attention kernel; True for an unknown family."""
    kind = str(files.config.get("model_type"))
    config = CONFIG_MAPPING[kind] if kind in CONFIG_MAPPING else None  # noqa: SIM401  its `get` finds nothing
    model: Any = config and MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING.get(config, None)
    return model is None or bool(model._supports_sdpa)


@contextmanager
def _quiet() -> Iterator[None]:
    """Turn off the progress bars and reports of transformers during a block."""
    log = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()
