"""Which students are tried, and how each is trained: facts → recipe tables and choices."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.auto.choice import Choice, best_by, longest
from pipelines.auto.facts import Facts
from student_train.config import TrainConfig

# Measured on 77 intents, news and SST-2 (docs/LOG.md): 1,900 steps of 128 rows over 82,000 rows gave a BiLSTM 4 points
# more than 960 steps of 256, at twice the rate and a third of the dropout; soft targets at T = 2 another point.
BATCH, LABELS_BATCH = 128, 32
PASSES = 3  # over the rows, within these steps:
FEWEST_STEPS, MOST_STEPS = 1_500, 4_000
LABELS_STEPS = 1_000  # on labels alone: 15 epochs, but no fewer steps than these
LABELS_EPOCHS = 15
TEMPERATURE = 2.0
RATE = 2e-3
LABELS, ORIGINAL, AUTO = "labels", "original", "auto"  # the arm on labels alone; which rows


@dataclass(frozen=True)
class Student:
    """A student of the short lists: key of `MODELS`, and what its recipe table says besides."""

    model: str
    table: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its arm: `+` is no letter of a directory's name here."""
        return self.model.replace("+", "-")


SMALL = {"dimensions": 64, "min_count": 2}
# What is tried for which purpose, the most promising first; those that exist and fit the task are taken.
SHORT_LISTS: dict[str, tuple[Student, ...]] = {
    "accuracy": (Student("conv+dan+bag"), Student("bilstm"), Student("dan"), Student("siamese_bilstm")),
    "speed": (
        Student("dan+bag"),
        Student("dan"),
        Student("conv"),
        Student("bilstm", {"hidden": 64, "dimensions": 128}),
        Student("siamese_bilstm", {"hidden": 64, "dimensions": 128}),
    ),
    "size": (
        Student("dan", SMALL),
        Student("conv", SMALL),
        Student("bilstm", SMALL | {"hidden": 64}),
        Student("siamese_bilstm", SMALL | {"hidden": 64}),
    ),
}
MOST = 3
WHY = {
    "accuracy": "the most accurate students that fit, and a fast one beside them",
    "speed": "the fastest students that fit",
    "size": "the smallest students that fit, on a narrower table of the words that occur twice",
}
AIMS = tuple(SHORT_LISTS)


def short_list(aim: str, fitting: tuple[str, ...]) -> tuple[Student, ...]:
    """The students to try. fitting: keys of `MODELS` that read as many texts as the task's rows have."""
    return tuple(student for student in SHORT_LISTS[aim] if student.model in fitting)[:MOST]


def fitting_models(pair: bool) -> tuple[str, ...]:
    """The students that read the teacher's sub-words of one text, or of two."""
    from student_train.config import SUBWORDS
    from student_train.models.table import MODELS

    return tuple(name for name, row in MODELS.items() if (2 if pair else 1) in row.texts and SUBWORDS in row.units)


def arms(facts: Facts, students: tuple[Student, ...], *, augmented: bool) -> dict[str, dict[str, Any]]:
    """The students as recipe tables: the first one on labels alone, and each on the teacher's answers.

    augmented: whether there are augmented rows, so that `trial` has to find out what they are worth
    """
    first = students[0]
    hard = {"ce": 1.0} if facts.classes else {"mse": 1.0}
    alone = {"model": first.model, "losses": hard, "rows": ORIGINAL, **first.table}
    rows = AUTO if augmented else ORIGINAL
    return {LABELS: alone} | {
        student.name: {"model": student.model, "rows": rows, **student.table} for student in students
    }


def losses(facts: Facts) -> Choice:
    if facts.classes:
        soft = {"kl": {"weight": 1.0, "temperature": TEMPERATURE}}
        return Choice(soft, "of classes, softened probabilities teach at least as much as logits, more where many")
    return Choice({"logit_mse": 1.0}, "a score is learnt by its squared error")


def batch(facts: Facts, known: TrainConfig) -> Choice:
    if on_labels(known):
        return Choice(LABELS_BATCH, "labelled rows are few: small batches take more steps over them")
    return Choice(BATCH, "twice the steps of 256 in the same time gave 3 points on 77 intents")


def steps(facts: Facts, known: TrainConfig, affordable: float = math.inf) -> Choice:
    """affordable: how many steps the time allows."""
    rows = facts.transfer
    if on_labels(known):
        found = max(LABELS_STEPS, min(MOST_STEPS, LABELS_EPOCHS * facts.labelled // known.batch_size))
        why = f"{facts.labelled:,} labelled rows are learnt by heart in these steps"
    else:
        found = max(FEWEST_STEPS, min(MOST_STEPS, PASSES * rows // known.batch_size))
        why = f"{found * known.batch_size / max(1, rows):.1f} times the about {rows:,} rows"
    if found > affordable:
        return Choice(max(1, math.floor(affordable)), "what the time allows")
    return Choice(found, why)


def epochs(facts: Facts, known: TrainConfig) -> Choice:
    """So many that the steps decide, even where a student learns from the original texts alone."""
    rows = facts.labelled if on_labels(known) else facts.originals
    wanted = known.max_steps * known.batch_size / max(1, rows)
    return Choice(max(1, math.ceil(wanted)), "so many that the number of steps decides")


def dropout(facts: Facts, known: TrainConfig) -> Choice:
    if on_labels(known):
        return Choice(0.3, "labels are few and are learnt by heart")
    if facts.transfer < 10_000:
        return Choice(0.2, f"about {facts.transfer:,} rows are seen many times")
    return Choice(0.1, f"about {facts.transfer:,} rows with soft targets need little")


def patience(facts: Facts, known: TrainConfig) -> Choice:
    """In evaluations: two an epoch, of the original texts at most."""
    if known.epochs < 8:
        return Choice(0, "few epochs: all are taken, and the one with the best dev score is kept")
    return Choice(max(6, known.epochs // 2), "stop where a quarter of the epochs bring no better dev score")


def on_labels(config: TrainConfig) -> bool:
    """Whether a student asks nothing of the teacher."""
    return set(config.losses) <= {"ce", "mse"}


# Fields of `TrainConfig` that can be `auto`, in the order in which they are chosen; allowed: steps, by the time.
TRAINING: dict[str, Callable[[Facts, TrainConfig, float], Choice]] = {
    "losses": lambda facts, known, allowed: losses(facts),
    "batch_size": lambda facts, known, allowed: batch(facts, known),
    "lr": lambda facts, known, allowed: Choice(RATE, "twice the usual rate, which many soft targets bear"),
    "max_steps": lambda facts, known, allowed: steps(facts, known, allowed),
    "epochs": lambda facts, known, allowed: epochs(facts, known),
    "dropout": lambda facts, known, allowed: dropout(facts, known),
    "patience": lambda facts, known, allowed: patience(facts, known),
    "best_by": lambda facts, known, allowed: best_by(facts),
    "max_words": lambda facts, known, allowed: longest(facts),
}
