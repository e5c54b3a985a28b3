"""The project's own small English tagger, the default that needs no download: a spaCy model in `tagger_en/model`.

It is run layer by layer instead of by `nlp.pipe`, four times as fast and with the same tags: every different word is
embedded once, all texts go through the window encoder as one array, and nothing is written into `Doc` objects.
"""

import multiprocessing
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from augment.taggers.tagger import Tagger, TagTexts, TagWords, check_english, over_words
from data import store

MODEL = Path(__file__).parent.parent / "tagger_en" / "model"
BLOCK = 1024  # words encoded at once: their vectors fit into the CPU cache
KNOWN = 1 << 16  # words whose vectors are kept: 16 MB


def describe(argument: str, language: str) -> str:
    """Return the tagger's name with a hash of its weights: other weights draw other rows."""
    check_english("own", language)
    weights = [store.sha256_file(MODEL / part / "model") for part in ("tok2vec", "tagger")]
    return f"own {store.digest_of(weights)[:12]}"


def load(argument: str, language: str) -> TagTexts:
    """Load the model that lies beside this package."""
    with _without_torch():
        return over_words(language, word_tagger())


def word_tagger() -> TagWords:
    """Load the model; return a function that tags given words."""
    import spacy
    from thinc.api import NumpyOps

    nlp: Any = spacy.load(MODEL)
    tok2vec, tagger = nlp.get_pipe("tok2vec").model, nlp.get_pipe("tagger")
    ops = NumpyOps(use_blis=False)  # numpy's own matrix product is twice as fast on wide vector units
    for node in chain(tok2vec.walk(), tagger.model.walk()):
        node.ops = ops
    embed, encode = (tok2vec.get_ref(name) for name in ("embed", "encode"))
    vectors_of, encoder, pad = Vectors(embed, nlp.vocab), encode.layers[0], encode.attrs["pad"]
    scorer, labels = tagger.model.get_ref("softmax"), np.array(tagger.labels, object)

    def tag_words(texts: list[list[str]]) -> list[list[str]]:
        ends = np.cumsum([0, *map(len, texts)])
        if not ends[-1]:
            return [[] for _ in texts]
        vectors = vectors_of(list(chain.from_iterable(texts)))
        places = np.arange(len(vectors)) + np.repeat(np.arange(1, len(texts) + 1) * pad, np.diff(ends))
        padded = np.zeros((places[-1] + 1 + pad, vectors.shape[1]), np.float32)  # empty rows around every text
        padded[places] = vectors
        scores = scorer.predict(_in_blocks(encoder, padded, pad)[places])
        tags = labels[scores.argmax(axis=1)].tolist()
        return [tags[start:end] for start, end in pairwise(ends.tolist())]

    return tag_words


class Vectors:
    """The model's embeddings of words, each computed once; up to `KNOWN` of them are kept."""

    def __init__(self, embed: Any, vocab: Any) -> None:
        from spacy.attrs import IDS

        extract, _, tables, mix, _ = embed.layers
        self._features = [vocab.lex_attr_getters[IDS[name]] for name in extract.attrs["columns"]]
        self._tables, self._mix = tables.layers[0], mix.layers[0]
        self._rows: dict[str, int] = {}
        self._vectors = np.zeros((0, mix.get_dim("nO")), np.float32)

    def __call__(self, words: list[str]) -> np.ndarray:
        """Embed N words: float32 [N, width]."""
        coded = pa.array(words, pa.string()).dictionary_encode()
        different = coded.dictionary.to_pylist()
        if len(self._rows) > KNOWN:
            self._rows, self._vectors = {}, self._vectors[:0]
        new = [word for word in different if word not in self._rows]
        if new:
            self._rows.update(zip(new, range(len(self._rows), len(self._rows) + len(new)), strict=True))
            self._vectors = np.concatenate([self._vectors, self._embed(new)])
        return self._vectors[np.array([self._rows[word] for word in different])[coded.indices.to_numpy()]]

    def _embed(self, words: list[str]) -> np.ndarray:
        from spacy.strings import get_string_id

        features = [[get_string_id(feature(word)) for feature in self._features] for word in words]
        return self._mix.predict(self._tables.predict(np.array(features, np.uint64)))


def _in_blocks(encoder: Any, padded: np.ndarray, reach: int) -> np.ndarray:
    """Run the window encoder, each word of which sees `reach` words to either side, over a long array."""
    made = np.empty_like(padded)
    for start in range(0, len(padded), BLOCK):
        first = max(0, start - reach)
        block = encoder.predict(padded[first : start + BLOCK + reach])
        made[start : start + BLOCK] = block[start - first : start - first + BLOCK]
    return made


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
