"""What differs between kinds of task, as one value per kind, so that no `if task == …` stands anywhere else."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from data.example import Label


@dataclass(frozen=True)
class Kind:
    """One row of the table `KINDS`. Shapes: N rows, C classes, W words.

    texts          how many texts a row may have
    unit           what one logit vector speaks of: "text" or "word"
    width          label names -> number of logits
    label_type     Arrow type of a stored label
    missing        the number that stands for "no label" in a batch
    hard_loss      key of `HARD_LOSSES` in student_train/losses/hard.py
    parse_label    (text, label names) -> label; ValueError says what was expected
    show_label     (label, label names) -> what a person reads
    probabilities  logits [N, C] -> probabilities [N, C] (regress: the scores themselves)
    predict        logits [N, C] -> labels [N]
    metrics        (logits [N, C], labels [N], positive: number of the class that `f1` is of, or None) -> name -> value
    measured       the names that `metrics` gives
    main_metric    the metric that a best step is chosen by, where nothing else is asked for, and tables show
    """

    name: str
    texts: tuple[int, ...]
    unit: str
    width: Callable[[tuple[str, ...]], int]
    label_type: pa.DataType
    missing: float
    hard_loss: str
    parse_label: Callable[[str, tuple[str, ...]], Label]
    show_label: Callable[[Label, tuple[str, ...]], str]
    probabilities: Callable[[np.ndarray], np.ndarray]
    predict: Callable[[np.ndarray], np.ndarray]
    metrics: Callable[..., dict[str, float]]
    measured: tuple[str, ...]
    main_metric: str
