"""How long to train where nobody says it: rows and batch size → passes, steps and patience, with the reason in words.

Lab, 77 intents: 963 steps at a low rate lose 5 points against 1,925 at twice that rate; 15 steps teach nothing.
"""

import math
from dataclasses import dataclass

PASSES = 3  # over a set that is large enough
STEPS = 2_000  # that a small set gets, by more passes
MOST_PASSES = 100  # over a very small one
PATIENCE = 15  # evaluations, of the 40 that a run of many short passes has
FEWEST = 16  # steps: fewer are refused unless they are asked for by name


@dataclass(frozen=True)
class Budget:
    """At least so many passes and at least so many steps, unless `patience` evaluations bring nothing better.

    why: the choice and its reason, as a sentence
    """

    epochs: int
    steps: int
    patience: int
    why: str


def choose_budget(rows: int, batch_size: int) -> Budget:
    """Choose how long to train on so many rows: 3 passes, or as many as 2,000 steps take, but 100 at most."""
    one = steps_of(1, rows, batch_size)
    steps = min(max(PASSES * one, STEPS), MOST_PASSES * one)
    taken = f"{steps:,} steps of {batch_size} rows, {steps / one:.3g} passes over {rows:,} rows"
    if steps == PASSES * one:
        return Budget(PASSES, steps, 0, f"{taken}: the set is large, so {PASSES} passes are enough")
    reason = f"fewer than {STEPS:,} steps teach a student too little"
    if steps < STEPS:
        reason = f"no more than {MOST_PASSES} passes, after which a small set is learnt by heart"
    return Budget(PASSES, steps, PATIENCE, f"{taken}, or until dev gets no better: {reason}")


def steps_of(passes: int, rows: int, batch_size: int) -> int:
    """Steps of so many passes, where a batch ends with the pass."""
    return passes * math.ceil(rows / batch_size)
