"""About how long each phase of a run takes on this machine: facts and settings → minutes.

The teacher by its floating-point operations (`teacher_cache.estimate`), students by rates that were measured on two
cores; on a machine of another speed both move with its matrix product.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.auto.choice import rows_after
from pipelines.auto.facts import Facts
from student_train.config import PLUS, USUAL, TeachConfig, TrainConfig

TRAINING_COST = 3.0  # a step of training, in forward passes over the same rows
# Sub-words a second that a student of usual sizes is trained on, two cores of the machine of `REFERENCE`: a BiLSTM of
# 150 states 2,400 rows of SST-2, `dan` 10,500, `conv` 3,700 (docs/LOG.md), 14 sub-words a row.
# Measured later, beside those: `bag` takes 1.6 times the rows of `dan`, a GRU 0.8 times those of an LSTM, attention
# between two texts 0.45 times those of two LSTMs.
TRAINED = {"dan": 147_000, "wide": 270_000, "bag": 230_000, "conv": 52_000}
TRAINED |= {"bilstm": 34_000, "siamese_bilstm": 30_000, "bigru": 27_000, "bi_attention": 13_500}
USUAL_STATES, USUAL_WIDTH = 150, 384  # of that BiLSTM: states of one direction, and width of the word vectors
SLOWEST = 25_000  # of a student that stands not there
REFERENCE = 140e9  # floating-point operations a second of that machine's matrix product
MEASURED = 0.1  # share of a training's time that its dev evaluations take at most
AUGMENTED = 40_000  # rows a second out of the augmenter
MEASURING = 4.0  # forward passes over dev and test of teacher and students, rivals and timings, in teacher's passes
BENCHING = 40.0  # seconds of rivals and timings
STARTING = 0.15  # minutes that a phase needs before it begins
SHARES = {"teach": 0.35, "cache": 0.2, "students": 0.3}  # of the time there is; students take what the others leave


@dataclass(frozen=True)
class Pace:
    """How fast this machine is. teacher: rows a second of a forward pass; machine: its speed beside `REFERENCE`."""

    teacher: float
    machine: float = 1.0

    def student(self, config: TrainConfig, facts: Facts) -> float:
        """Rows a second of a student's training; of a sum of students, one after the other."""
        parts = [TRAINED.get(part, SLOWEST) * lighter(part, config, facts) for part in config.model.split(PLUS)]
        return self.machine / sum(1 / part for part in parts) / facts.tokens


def lighter(model: str, config: TrainConfig, facts: Facts) -> float:
    """How many times fewer multiplications a BiLSTM has than the one whose rate stands in `TRAINED`."""
    if "bilstm" not in model:
        return 1.0
    width, hidden = config.dimensions or facts.teacher.width, config.hidden or USUAL["hidden"]
    return USUAL_STATES * (USUAL_STATES + USUAL_WIDTH) / (hidden * (hidden + width))


def pace_of(facts: Facts, device: str = "auto") -> Pace:
    """Measure this machine by a short matrix product."""
    from student_train.models.precision import choose_device
    from teacher_cache.estimate import matrix_product, speed

    here = speed(str(choose_device(device)), "auto")
    return Pace(here / (facts.tokens * facts.teacher.flops), matrix_product() / REFERENCE)


def affordable_steps(budget: float, pace: Pace, batch: int) -> float:
    """Steps of the teacher's training in its share of `budget` minutes."""
    return _seconds(budget, "teach") * pace.teacher / (TRAINING_COST * batch)


def affordable_rows(budget: float, pace: Pace) -> float:
    """Rows that the teacher answers in the cache's share of `budget` minutes."""
    return _seconds(budget, "cache") * pace.teacher


def left_for_students(budget: float, before: Mapping[str, float]) -> float:
    """Minutes for all students: what the phases before and the measuring leave, a quarter of the time at least."""
    return max(SHARES["students"] * budget, 0.95 * budget - sum(before.values())) if budget else math.inf


def _seconds(budget: float, phase: str) -> float:
    return 60 * SHARES[phase] * budget if budget else math.inf


def minutes(facts: Facts, pace: Pace, teach: TeachConfig | None, n_iter: int) -> dict[str, float]:
    """Phase -> about how many minutes, without the students."""
    rows = rows_after(facts, n_iter)
    found: dict[str, float] = {}
    if teach:
        steps = teach.epochs * math.ceil(facts.labelled / teach.batch_size)
        steps = min(steps, teach.max_steps or steps)
        work = TRAINING_COST * steps * teach.batch_size
        measured = max(facts.dev, min(2 * teach.epochs * facts.dev, MEASURED * work))
        found["teach"] = (work + measured) / pace.teacher
    found |= {"augment": rows / AUGMENTED, "cache": rows / pace.teacher}
    found["measure"] = MEASURING * (facts.dev + facts.test) / pace.teacher + BENCHING
    return {name: seconds / 60 + STARTING for name, seconds in found.items()}


def student_minutes(facts: Facts, pace: Pace, config: TrainConfig) -> float:
    """About how many minutes the students of all seeds take."""
    rows = max((config.steps or 0) * config.rows_a_step, (config.epochs or 0) * facts.transfer) * len(config.seeds)
    return rows / pace.student(config, facts) / 60 + STARTING
