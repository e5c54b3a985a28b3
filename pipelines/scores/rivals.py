"""Rivals of a student: the most frequent class, and TF-IDF with a linear model, on labels or on the teacher's labels.

Examples (and the teacher's answers to them) and labelled files -> scores of each rival, in the form of
`student_train.measure.evaluate`. scikit-learn, seconds; the original texts alone, no augmented ones.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import regex
from scipy import sparse

from data.example import Example
from data.manifest import Manifest, read_manifest
from data.progress import Progress
from data.readers.source import Source
from data.tasks.metrics import SeedScores
from data.tasks.task import Task
from data.text.encoding import ANSWERED
from data.text.words import normalised

MOST = "most frequent class"
MEAN = "mean score"
ON_LABELS = "TF-IDF on labels"
ON_TEACHER = "TF-IDF on the teacher's labels"
NAMES = (MOST, MEAN, ON_LABELS, ON_TEACHER)
SEED = "rival"  # where a student's scores name its seed

SINGLES = 40  # texts that are answered one by one, for the latency
MOST_ROWS = 100_000  # training rows at most, evenly taken: more cost minutes and move the score by tenths
# Scripts written without blanks (Thai, Lao, Khmer, Myanmar, kana, Han) are cut into characters, all others into words;
# both of whole grapheme clusters.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
WORDS = regex.compile(rf"(?=[{UNSPACED}])\X|(?:(?=[^\W{UNSPACED}])\X)+")

Scores = dict[str, SeedScores]  # file -> those of `SEED`


@dataclass(frozen=True)
class Texts:
    """Texts, their second texts (None where the task has one) and targets: class numbers or scores [N]."""

    texts: list[str]
    pairs: list[str] | None
    targets: np.ndarray


OnAnswers = Callable[[str, str, str, np.ndarray, np.ndarray], None]  # as `student_train.measure.evaluate` has it
OnSpeed = Callable[[str, dict[str, float]], None]


@dataclass(frozen=True)
class Rival:
    """answer: texts -> logits [N, C]; bytes: of its terms and weights, about what a file of it would hold"""

    answer: Callable[[Texts], np.ndarray]
    bytes: int = 0


def measure(
    examples: Path,
    cache: Path | None,
    sources: Mapping[str, Source],
    *,
    on_answers: OnAnswers = lambda *answers: None,
    on_speed: OnSpeed = lambda *speed: None,
    progress: Progress,
) -> dict[str, Scores]:
    """Fit every rival on a sealed directory of examples and measure it on labelled files: rival -> file -> scores.

    cache: a sealed cache over these examples; without one there is no rival on the teacher's labels. A rival whose
    training rows show fewer than two classes is left out. on_answers: is handed the predictions of each rival,
    on_speed: `megabytes` and `p50_ms` of those that read a text.
    """
    from student_train.measure.evaluate import labelled

    task = _open(examples, cache).task
    files = {file: _texts(labelled(source, task), task) for file, source in sources.items()}
    found: dict[str, Scores] = {}
    progress.start("rivals", total=None, unit="models")
    for name, rows in _training(examples, cache, task).items():
        for title, rival in FIT[task.kind](name, rows, task).items():
            found[title] = {}
            if rival.bytes:
                on_speed(title, {"megabytes": rival.bytes / 1e6, "p50_ms": latency(rival, next(iter(files.values())))})
            for file, held in files.items():
                logits = rival.answer(held)
                on_answers(title, file, SEED, task.rules.predict(logits), held.targets)
                found[title][file] = SeedScores({SEED: task.measure(logits, held.targets)})
            progress.advance(1)
    progress.finish()
    return found


def latency(rival: Rival, held: Texts) -> float:
    """The median milliseconds of an answer to one text, over `SINGLES` of them at most."""
    times = []
    for row in range(min(SINGLES, len(held.texts))):
        one = Texts([held.texts[row]], held.pairs and [held.pairs[row]], held.targets[row : row + 1])
        started = time.perf_counter()
        rival.answer(one)
        times.append(time.perf_counter() - started)
    return 1e3 * float(np.median(times)) if times else math.nan


def fit_classifiers(name: str, rows: Texts, task: Task) -> dict[str, Rival]:
    """The most frequent label, and logistic regression over TF-IDF of words and pairs of words."""
    from sklearn.linear_model import LogisticRegression

    counts = np.bincount(rows.targets, minlength=task.width).astype(np.float64)
    found: dict[str, Rival] = {}
    if name == ON_LABELS:
        found[MOST] = Rival(lambda held: np.tile(np.log(counts + 1e-9), (len(held.texts), 1)))
    if np.count_nonzero(counts) > 1:
        features = _Features(rows)
        model = LogisticRegression(C=10.0, max_iter=300).fit(features(rows), rows.targets)
        found[name] = Rival(
            lambda held: _spread_out(model.predict_log_proba(features(held)), model.classes_, task.width),
            features.bytes + model.coef_.nbytes,
        )
    return found


def fit_regressions(name: str, rows: Texts, task: Task) -> dict[str, Rival]:
    """The mean score (of the labels alone), and ridge regression over TF-IDF of words and pairs of words."""
    from sklearn.linear_model import Ridge

    mean = float(rows.targets.mean())
    found: dict[str, Rival] = {}
    if name == ON_LABELS:
        found[MEAN] = Rival(lambda held: np.full((len(held.texts), 1), mean))
    features = _Features(rows)
    model = Ridge(alpha=1.0).fit(features(rows), rows.targets)
    found[name] = Rival(lambda held: model.predict(features(held)).reshape(-1, 1), features.bytes + model.coef_.nbytes)
    return found


# One line per kind of task.
FIT: dict[str, Callable[[str, Texts, Task], dict[str, Rival]]] = {
    "classify": fit_classifiers,
    "regress": fit_regressions,
}


class _Features:
    """TF-IDF of single words and pairs of words; of two texts also their difference and product."""

    def __init__(self, rows: Texts) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._vectorizer = TfidfVectorizer(
            ngram_range=(1, 2),
            sublinear_tf=True,
            preprocessor=normalised,
            tokenizer=WORDS.findall,
            token_pattern=None,
            max_features=500_000,
            dtype=np.float32,
        )
        has_words = any(WORDS.search(text) for text in rows.texts)
        self._vectorizer.fit([*rows.texts, *(rows.pairs or [])] if has_words else ["none"])

    @property
    def bytes(self) -> int:
        """Of the terms, their numbers and their weights."""
        terms = self._vectorizer.vocabulary_
        return sum(len(term.encode()) + 8 for term in terms)

    def __call__(self, rows: Texts) -> sparse.csr_matrix:
        first = self._vectorizer.transform(rows.texts)
        if rows.pairs is None:
            return first
        second = self._vectorizer.transform(rows.pairs)
        return sparse.hstack([first, second, abs(first - second), first.multiply(second)], format="csr")


def _open(examples: Path, cache: Path | None) -> Manifest:
    """The seal that names the task: the cache's, whose classes are the teacher's, else that of the examples."""
    return read_manifest(cache, "cache") if cache is not None else read_manifest(examples, "examples")


def _training(examples: Path, cache: Path | None, task: Task) -> dict[str, Texts]:
    """The rows that each rival learns from: those with a label, and all that the teacher has answered."""
    frame = _originals(examples, cache)
    held = {ON_LABELS: _even(frame.filter(pl.col("label").is_not_null()).with_columns(pl.col("label").alias("target")))}
    if cache is not None:
        said = frame.filter(pl.col("status").is_in(ANSWERED))
        held[ON_TEACHER] = _even(said.with_columns(_said(task).alias("target")))
    return {
        name: Texts(rows["text"].to_list(), rows["pair"].to_list() if task.pair else None, rows["target"].to_numpy())
        for name, rows in held.items()
        if len(rows)
    }


def _originals(examples: Path, cache: Path | None) -> pl.LazyFrame:
    from teacher_cache.frame import open_frame

    if cache is not None:
        frame = open_frame(cache)
    else:
        parts = read_manifest(examples, "examples").parts
        frame = pl.scan_parquet([examples / part.name for part in parts], glob=False)
    return frame.filter(pl.col("op").is_null())


def _said(task: Task) -> pl.Expr:
    """The teacher's own label: its most probable class, or its score."""
    logits = pl.col("logits")
    return logits.arr.arg_max().cast(pl.Int64) if task.labels else logits.arr.get(0)


def _even(frame: pl.LazyFrame) -> pl.DataFrame:
    """`MOST_ROWS` rows at most, evenly spread over all of them."""
    count = int(frame.select(pl.len()).collect().item())
    return frame.select("text", "pair", "target").gather_every(max(1, -(-count // MOST_ROWS))).collect()


def _texts(rows: list[Example], task: Task) -> Texts:
    pairs = [row.pair or "" for row in rows] if task.pair else None
    return Texts([row.text for row in rows], pairs, np.array([row.label for row in rows]))


def _spread_out(scores: np.ndarray, classes: np.ndarray, width: int) -> np.ndarray:
    """Log probabilities [N, C] with a place for every class of the task, those that the rows never show last."""
    full = np.full((len(scores), width), -1e9)
    full[:, classes] = scores
    return full
