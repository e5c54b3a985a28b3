"""What differs between kinds of task, as one value per kind, so that no `if task == …` stands anywhere else."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from data.example import Label


@dataclass(frozen=True)
class Kind:
    """One row of the table `KINDS`. Shapes: N rows, C classes, W words.

    named          whether labels are names of classes, which a file or a user may list
    unit           what one logit vector speaks of: "text" or "word"
    width          label names -> number of logits
    label_type     Arrow type of a stored label
    missing        the number that stands for "no label" in a batch
    hard_loss      key of `HARD_LOSSES` in student_train/losses/on_logits/hard.py
    parse_label    (text, label names) -> label; ValueError says what was expected
    show_label     (label, label names) -> what a person reads
    softmax_over   what the softmax of the logits runs over: "classes", or None where they are no distribution
    probabilities  logits [N, C] -> probabilities [N, C] (regress: the scores themselves)
    predict        logits [N, C] -> labels [N]
    says           (logits [N, C], label names) -> the answer to each row, as people and programs read it
    metrics        (logits [N, C], labels [N], positive: number of the class that `f1` is of, or None) -> name -> value
    measured       the names that `metrics` gives
    main_metric    the metric that a best step is chosen by, where nothing else is asked for, and tables show
    """

    name: str
    named: bool
    unit: str
    width: Callable[[tuple[str, ...]], int]
    label_type: pa.DataType
    missing: float
    hard_loss: str
    parse_label: Callable[[str, tuple[str, ...]], Label]
    show_label: Callable[[Label, tuple[str, ...]], str]
    softmax_over: str | None
    probabilities: Callable[[np.ndarray], np.ndarray]
    predict: Callable[[np.ndarray], np.ndarray]
    says: Callable[[np.ndarray, tuple[str, ...]], list[dict[str, Any]]]
    metrics: Callable[..., dict[str, float]]
    measured: tuple[str, ...]
    main_metric: str
