"""A number that was chosen, and the rules by which those of teacher and augmenter are: facts → value and reason.

All functions are pure: the same facts and the same time give the same values, on every machine.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from augment.config import AugmentConfig
from pipelines.auto.facts import Facts
from student_train.config import TeachConfig
from teacher_cache.config import CacheConfig

# A teacher of few texts needs more epochs: below about 600 steps a fine-tuned encoder has often learnt nothing yet
# (Mosbach et al. 2021, "On the stability of fine-tuning BERT", take 20 epochs of a thousand rows for that).
FEWEST_STEPS, USUAL_EPOCHS, MOST_EPOCHS = 600, 3, 20
FEWEST_OF_NEW = 2_000  # of an encoder that begins with random weights
ENOUGH_STEPS = 6_000  # more labelled rows than these steps need are seen fewer times
RATES = {384: 1e-4, 768: 5e-5, 1 << 20: 2e-5}  # widest encoder -> learning rate of fine-tuning
NEW_RATE = 5e-4  # of random weights
TRANSFER_ROWS = 60_000  # texts that a student learns the teacher's answers to, augmented ones included
MOST_DRAWS = 20  # those of Tang et al. 2019
LENGTHS = (64, 96, 128, 192, 256, 384, 512)  # longest row in sub-words
ROOM = 1.15  # texts of rare words have more sub-words than the mean


@dataclass(frozen=True)
class Choice:
    """A value, and why it was chosen: one sentence, or nothing where the value says nothing either."""

    value: Any
    why: str


def teacher_batch(facts: Facts) -> Choice:
    if facts.labelled < 2_000:
        return Choice(16, f"{facts.labelled:,} labelled rows are few: small batches take more steps over them")
    return Choice(32, "the usual batch of fine-tuning")


def teacher_epochs(facts: Facts, batch: int, affordable: float = math.inf) -> Choice:
    """affordable: how many steps the time allows."""
    an_epoch, fewest = max(1, math.ceil(facts.labelled / batch)), FEWEST_OF_NEW if facts.teacher.new else FEWEST_STEPS
    epochs = min(MOST_EPOCHS, max(USUAL_EPOCHS, math.ceil(fewest / an_epoch)))
    why = f"the usual number; {an_epoch * epochs:,} steps"
    if epochs > USUAL_EPOCHS:
        why = f"{facts.labelled:,} labelled rows are {an_epoch:,} steps an epoch, and a teacher needs {fewest:,}"
    if an_epoch * epochs > ENOUGH_STEPS:
        epochs = max(1, round(ENOUGH_STEPS / an_epoch))
        why = f"{facts.labelled:,} labelled rows are so many that {an_epoch * epochs:,} steps are enough"
    if an_epoch * epochs > affordable:
        epochs = max(1, math.floor(affordable / an_epoch))
        why = f"{an_epoch * epochs:,} steps are what the time allows"
    return Choice(epochs, why)


def teacher_steps(facts: Facts, batch: int, epochs: int, affordable: float = math.inf) -> Choice:
    """A limit on the steps, for the case that one epoch alone takes more than the time allows."""
    an_epoch = math.ceil(facts.labelled / batch)
    if an_epoch * epochs <= affordable:
        return Choice(0, "")
    return Choice(max(1, math.floor(affordable)), f"one epoch is {an_epoch:,} steps, more than the time allows")


def teacher_rate(facts: Facts) -> Choice:
    if facts.teacher.new:
        return Choice(NEW_RATE, "the encoder begins with random weights")
    rate = next(rate for widest, rate in RATES.items() if facts.teacher.width <= widest)
    return Choice(rate, f"usual for an encoder that is {facts.teacher.width:,} wide: wider ones bear less")


def teacher_patience(epochs: int) -> Choice:
    """In evaluations, of which there are two an epoch."""
    if epochs <= 2 * USUAL_EPOCHS:
        return Choice(0, "few epochs: all are taken, and the one with the best dev score is kept")
    return Choice(epochs // 2, "stop where a quarter of the epochs bring no better dev score")


def best_by(facts: Facts) -> Choice:
    """Accuracy where classes are about even, the mean F1 of the classes where one of them fills the table."""
    if not facts.classes:
        return Choice("spearman", "scores are compared by their order")
    even, share = 1 / len(facts.classes), facts.commonest
    if share >= min(3 * even, (1 + even) / 2):
        name = max(facts.classes, key=lambda label: facts.classes[label])
        return Choice("macro_f1", f"{share:.0%} of the labels are {name!r}: accuracy would pass over the other classes")
    return Choice("accuracy", f"the classes are about even, the most frequent has {share:.0%}")


def longest(facts: Facts) -> Choice:
    """The longest row in sub-words: what 98 of 100 rows need, for longer ones cost time and memory."""
    needed = ROOM * facts.subwords * facts.long + 3
    found = next((length for length in LENGTHS if length >= needed), LENGTHS[-1])
    return Choice(found, f"98 of 100 rows have at most {facts.long:.0f} words; what is longer is cut")


def language(facts: Facts) -> Choice:
    said = {"zh": "most texts hold Chinese characters", "en": "by the commonest words of English"}
    other = "not recognised as English or Chinese: words are masked and cut, none replaced by its part of speech"
    return Choice(facts.language, said.get(facts.language, other))


def draws(facts: Facts, affordable: float = math.inf) -> Choice:
    """How many changed copies of each text at most, so that a student has about `TRANSFER_ROWS` rows to learn from.

    affordable: how many rows the teacher can answer in the time
    """
    originals, wanted = facts.originals, min(TRANSFER_ROWS, affordable)
    if affordable < originals:
        return Choice(0, f"the {originals:,} texts alone take the teacher's whole time")
    if facts.unlabelled >= 5 * facts.labelled and originals >= TRANSFER_ROWS / 2:
        return Choice(1, f"{facts.unlabelled:,} real texts without labels are worth more than changed copies")
    found = round((wanted / max(1, originals) - 1) / yielded(facts))
    count = max(0 if affordable < TRANSFER_ROWS else 1, min(MOST_DRAWS, found))
    rows = rows_after(facts, count)
    limit = ", what the time allows" if affordable < TRANSFER_ROWS else ""
    return Choice(count, f"{originals:,} texts become about {rows:,} rows for the student to learn from{limit}")


def yielded(facts: Facts) -> float:
    """New rows of a draw: short texts are often drawn twice the same way. Measured: 0.62 on the phrases of SST-2
    (9 words in the mean), 0.9 to 0.97 on intents of 12 words and on news."""
    return 0.62 if facts.words < 10 else 0.9


def rows_after(facts: Facts, n_iter: int) -> int:
    """About how many rows come out of the augmenter."""
    return round(facts.originals * (1 + yielded(facts) * n_iter))


# Fields of `TeachConfig` and of `AugmentConfig` that can be `auto`, in the order in which they are chosen: a rule sees
# those before it. The last argument: steps, or rows, that the time allows.
TEACHING: dict[str, Callable[[Facts, TeachConfig, float], Choice]] = {
    "batch_size": lambda facts, known, steps: teacher_batch(facts),
    "epochs": lambda facts, known, steps: teacher_epochs(facts, known.batch_size, steps),
    "max_steps": lambda facts, known, steps: teacher_steps(facts, known.batch_size, known.epochs, steps),
    "lr": lambda facts, known, steps: teacher_rate(facts),
    "patience": lambda facts, known, steps: teacher_patience(known.epochs),
    "best_by": lambda facts, known, steps: best_by(facts),
    "max_length": lambda facts, known, steps: longest(facts),
}
AUGMENTING: dict[str, Callable[[Facts, AugmentConfig, float], Choice]] = {
    "language": lambda facts, known, rows: language(facts),
    "n_iter": lambda facts, known, rows: draws(facts, rows),
}
CACHING: dict[str, Callable[[Facts, CacheConfig, float], Choice]] = {
    "max_length": lambda facts, known, rows: longest(facts),
}
