"""A static model in the manner of Model2Vec: fixed word vectors, their weighted mean, a linear model on top.

Of the teacher's word table a PCA to 256 numbers, SIF weights a / (a + p) (Arora et al. 2017), logistic regression on
the teacher's labels of the original texts. Nothing of the table is trained.
"""

from pathlib import Path

import numpy as np
import polars as pl
from tokenizers import Tokenizer

from data.layout import FILES, TOKENIZER
from data.manifest import read_manifest
from data.readers.source import Source
from data.text.encoding import ANSWERED
from student_train.measure.evaluate import labelled
from student_train.vocab.vectors import project, teacher_table
from student_train.vocab.vocabulary import build_subwords
from teacher_cache.frame import open_frame

WIDTH, SMOOTHING = 256, 1e-3


def static_scores(cache: Path, files: dict[str, Path]) -> dict[str, float]:
    """Accuracy of the static model on labelled files of single texts: file -> share of right answers."""
    from sklearn.linear_model import LogisticRegression

    task = read_manifest(cache, "cache").task
    frame = open_frame(cache).filter(pl.col("op").is_null() & pl.col("status").is_in(ANSWERED))
    rows = frame.select("text", pl.col("logits").arr.arg_max().alias("said")).collect()
    model = StaticVectors(cache, rows["text"].to_list())
    head = LogisticRegression(C=10.0, max_iter=1_000).fit(model(rows["text"].to_list()), rows["said"].to_numpy())
    found = {}
    for name, path in files.items():
        held = labelled(Source(path), task)
        answers = head.predict(model([row.text for row in held]))
        found[name] = float(np.mean(answers == np.array([row.label for row in held])))
    return found


class StaticVectors:
    """Texts -> means of their sub-words' vectors [N, 256], each weighted by how rare it is in the training texts."""

    def __init__(self, cache: Path, texts: list[str]) -> None:
        vocabulary = build_subwords(cache / FILES, None, min_count=0, longest=128)
        self.table = project(teacher_table(cache / FILES, vocabulary), WIDTH).numpy()
        self.tokenizer = Tokenizer.from_file(str(cache / FILES / TOKENIZER))
        self.vocabulary = vocabulary
        counts = np.bincount(np.concatenate(self._ids(texts)), minlength=len(self.table))
        self.weights = SMOOTHING / (SMOOTHING + counts / counts.sum())

    def __call__(self, texts: list[str]) -> np.ndarray:
        found = [self.weights[ids] @ self.table[ids] / max(1, len(ids)) for ids in self._ids(texts)]
        vectors = np.stack(found)
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))

    def _ids(self, texts: list[str]) -> list[np.ndarray]:
        [side] = self.vocabulary.encode(texts, None)
        return [side.row(number) for number in range(len(side))]
