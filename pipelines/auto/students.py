"""Which students are tried, and how each is trained: facts → recipe tables and choices."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.auto.choice import Choice, best_by, longest
from pipelines.auto.facts import Facts
from pipelines.inputs.places import BASE
from student_train.budget import FEWEST, Budget, choose_budget
from student_train.config import PLUS, TrainConfig

# Measured on 77 intents, news and SST-2 (docs/LOG.md): 1,900 steps of 128 rows over 82,000 rows gave a BiLSTM 4 points
# more than 960 steps of 256, at twice the rate and a third of the dropout; soft targets at T = 2 another point.
BATCH, LABELS_BATCH = 128, 32
TEMPERATURE = 2.0
RATE = 2e-3
LABELS, ORIGINAL, AUTO = "labels", "original", "auto"  # the arm on labels alone; which rows


@dataclass(frozen=True)
class Student:
    """A student of the short lists: key of `MODELS` or a sum, and what its recipe table says besides, with a word for
    that. texts: how many a row may have for it to be worth trying."""

    model: str
    table: Mapping[str, Any] = field(default_factory=dict)
    word: str = ""
    texts: tuple[int, ...] = (1, 2)

    @property
    def name(self) -> str:
        """Its arm, which differs where the table does; `+` is no letter of a directory's name here."""
        return "-".join(part for part in (*self.model.split(PLUS), self.word) if part)


PACKED = {"table_dtype": "int8"}  # a quarter of the bytes, the same accuracy within a tenth of a point (docs/LOG.md)
NARROW = {"hidden": 64, "dimensions": 128} | PACKED
SMALL = {"dimensions": 64, "min_count": 2} | PACKED
# What is tried for which purpose, the most promising first; those that exist and fit the task are taken.
SHORT_LISTS: dict[str, tuple[Student, ...]] = {
    "accuracy": (
        Student("bigru+dan+bag", PACKED, texts=(1,)),  # 88.4 on SST-2's phrases, bigru alone 88.0 (docs/LOG.md)
        Student("bi_attention", PACKED, texts=(2,)),  # each word beside those of the other text: +5 points on MNLI
        Student("conv+dan+bag", PACKED),  # 87.0 on SST-2's phrases, at twice the speed
        Student("dan", PACKED),  # 82.7 there, at six times that speed
        Student("bilstm", PACKED),
        Student("conv", PACKED, texts=(1,)),
        Student("siamese_bilstm", PACKED),
    ),
    "speed": (
        Student("dan+bag", PACKED),
        Student("dan", PACKED),
        Student("conv", PACKED),
        Student("bilstm", NARROW, "narrow"),
        Student("siamese_bilstm", NARROW, "narrow"),
    ),
    "size": (
        Student("dan", SMALL, "small"),
        Student("conv", SMALL, "small"),
        Student("bilstm", SMALL | {"hidden": 64}, "small"),
        Student("siamese_bilstm", SMALL | {"hidden": 64}, "small"),
    ),
}
MOST = 3
WHY = {
    "accuracy": "the most accurate students that fit, and a fast one beside them",
    "speed": "the fastest students that fit",
    "size": "the smallest students that fit, on a narrower table of the words that occur twice",
}
AIMS = tuple(SHORT_LISTS)


def short_list(aim: str, fitting: tuple[str, ...], *, pair: bool = False) -> tuple[Student, ...]:
    """The students to try. fitting: keys of `MODELS` that read as many texts as the task's rows have; of a sum all
    parts must be among them."""
    texts = 2 if pair else 1
    found = (student for student in SHORT_LISTS[aim] if set(student.model.split(PLUS)) <= set(fitting))
    return tuple(student for student in found if texts in student.texts)[:MOST]


def fitting_models(pair: bool) -> tuple[str, ...]:
    """The students that read the teacher's sub-words of one text, or of two."""
    from student_train.config import SUBWORDS
    from student_train.models.table import MODELS

    return tuple(name for name, row in MODELS.items() if (2 if pair else 1) in row.texts and SUBWORDS in row.units)


def arms(students: tuple[Student, ...], *, labelled: bool, augmented: bool) -> dict[str, dict[str, Any]]:
    """The students as recipe tables: the first one on labels alone, and each on the teacher's answers.

    labelled: whether there are labels to learn from; augmented: whether there are augmented rows, so that `trial` has
    to find out what they are worth
    """
    first = students[0]
    alone = {"model": first.model, "losses": {"ce": 1.0}, "rows": ORIGINAL, "vectors": BASE, **first.table}
    rows = AUTO if augmented else ORIGINAL
    made = {f"{LABELS}-{first.name}": alone} if labelled else {}
    made |= {student.name: {"model": student.model, "rows": rows, **student.table} for student in students}
    return {name: dict(sorted(table.items())) for name, table in made.items()}  # in the order of JSON


# By kind of task: what a student learns of the teacher's answers.
SOFT: dict[str, Choice] = {
    "classify": Choice(
        {"kl": {"temperature": TEMPERATURE, "weight": 1.0}},
        "of classes, softened probabilities teach at least as much as logits, more where many",
    ),
    "regress": Choice({"logit_mse": 1.0}, "a score is learnt by its squared error"),
}


def batch(facts: Facts, known: TrainConfig) -> Choice:
    if on_labels(known):
        return Choice(LABELS_BATCH, "labelled rows are few: small batches take more steps over them")
    return Choice(BATCH, "twice the steps of 256 in the same time gave 3 points on 77 intents")


def steps(facts: Facts, known: TrainConfig, affordable: float = math.inf) -> Choice:
    """affordable: how many steps the time allows."""
    found = _budget(facts, known)
    if found.steps > affordable:
        return Choice(max(FEWEST, math.floor(affordable)), f"what the time allows; {found.steps:,} would be usual")
    return Choice(found.steps, found.why)


def patience(facts: Facts, known: TrainConfig) -> Choice:
    found = _budget(facts, known).patience
    if found:
        return Choice(found, "stop where so many of the 40 dev evaluations bring nothing better")
    return Choice(0, "few passes: all are taken, and the step with the best dev score is kept")


def usual_steps(facts: Facts, known: TrainConfig) -> int:
    """The steps that a student takes where there is time enough."""
    return _budget(facts, known).steps


def _budget(facts: Facts, known: TrainConfig) -> Budget:
    return choose_budget(facts.labelled if on_labels(known) else facts.transfer, known.rows_a_step)


def dropout(facts: Facts, known: TrainConfig) -> Choice:
    if on_labels(known):
        return Choice(0.3, "labels are few and are learnt by heart")
    if facts.transfer < 10_000:
        return Choice(0.2, f"about {facts.transfer:,} rows are seen many times")
    return Choice(0.1, f"about {facts.transfer:,} rows with soft targets need little")


def on_labels(config: TrainConfig) -> bool:
    """Whether a student asks nothing of the teacher."""
    return set(config.losses) == {"ce"}


# Fields of `TrainConfig` that can be `auto`, in the order in which they are chosen; allowed: steps, by the time.
TRAINING: dict[str, Callable[[Facts, TrainConfig, float], Choice]] = {
    "losses": lambda facts, known, allowed: SOFT[facts.kind],
    "batch_size": lambda facts, known, allowed: batch(facts, known),
    "lr": lambda facts, known, allowed: Choice(RATE, "the usual rate of these students"),
    "steps": lambda facts, known, allowed: steps(facts, known, allowed),
    "dropout": lambda facts, known, allowed: dropout(facts, known),
    "patience": lambda facts, known, allowed: patience(facts, known),
    "best_by": lambda facts, known, allowed: best_by(facts),
    "max_words": lambda facts, known, allowed: longest(facts),
}
