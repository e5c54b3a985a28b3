"""The project's own small English tagger, the default that needs no download: a spaCy model in `tagger_en/model`."""

import multiprocessing
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from augment.taggers import spacy_model
from augment.taggers.tagger import Tagger, TagTexts, check_english, over_words
from data import store

MODEL = Path(__file__).parent.parent / "tagger_en" / "model"


def describe(argument: str, language: str) -> str:
    """Name the model with the hash of its weights: retrained weights draw other rows."""
    check_english("own", language)
    weights = [store.sha256_file(MODEL / part / "model") for part in ("tok2vec", "tagger")]
    return f"own {store.digest_of(weights)[:12]}"


def load(argument: str, language: str) -> TagTexts:
    """Load the model that lies beside this package."""
    with _without_torch():
        return over_words(language, spacy_model.word_tagger(str(MODEL)))


@contextmanager
def _without_torch() -> Iterator[None]:
    """Keep spaCy from importing torch, in our worker processes only.

    thinc imports torch whenever it is installed; this model does not need it. Measured: 0.8 s and 106 MB a worker
    instead of 1.8 s and 288 MB.
    """
    hide = multiprocessing.parent_process() is not None and "torch" not in sys.modules
    if hide:
        sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hide:
            sys.modules.pop("torch", None)


TAGGER = Tagger(describe, load)
