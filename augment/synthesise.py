"""One original -> its unique, clean synthetic rows: single texts by k, pairs by the cycle A only, B only, both."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from augment.clean import text_key
from augment.config import AugmentConfig
from augment.draw import draw_key
from augment.edit import OP_NAMES, Edited, edit
from augment.tagged import Tagged
from augment.vocabulary import Vocabulary
from data.example import MASK, Example, example_id
from data.words import join


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for every original: the config, the task kind, the vocabulary and the dev/test texts' keys."""

    config: AugmentConfig
    kind: str
    vocabulary: Vocabulary | None
    guard: frozenset[str]


def synthesise(original: Example, sides: tuple[Tagged, ...], rules: Rules) -> tuple[list[Example], Counter[str]]:
    """Draw `n_iter` rows and keep the good ones; the rest is counted by reason.

    `sides` holds one tagged text, or two for a pair. A synthetic row has no label: the teacher's answer is its target.
    """
    rows: list[Example] = []
    dropped: Counter[str] = Counter()
    joined = [join(side.words, side.blanks) for side in sides]
    # The original as it stands and with its blanks folded: neither may come back as a synthetic row.
    seen = {original.id: "equals_original", example_id(rules.kind, *joined): "equals_original"}
    for k, text, pair, op, all_mask in _draws(original, sides, rules):
        id = example_id(rules.kind, text, pair) if op else original.id
        fault = seen.get(id)
        if fault is None:
            seen[id] = "duplicate"
            fault = "all_mask" if all_mask else "excluded" if _leaks(text, pair, rules.guard) else None
        if fault is None:
            rows.append(Example(id, text, pair, None, None, original.split, original.id, op, k))
        else:
            dropped[fault] += 1
    return rows, dropped


def _leaks(text: str, pair: str | None, guard: frozenset[str]) -> bool:
    """Tell whether a row equals a dev or test text. A text with a mask never does, and need not be hashed."""
    return bool(guard) and MASK not in text and MASK not in (pair or "") and text_key(text, pair) in guard


def _draws(
    original: Example, sides: tuple[Tagged, ...], rules: Rules
) -> Iterator[tuple[int, str, str | None, str, bool]]:
    """Make every draw: k, text, pair, op ("" where nothing changed), and whether a changed side is all masks."""
    n_iter = rules.config.n_iter
    if len(sides) == 1:
        for k, edited in enumerate(_edit_side(original, sides[0], "A", range(n_iter), rules)):
            yield k, edited.text, None, OP_NAMES[edited.changed], edited.all_mask
        return
    cycle = rules.config.pair_cycle
    plan = [cycle[k % len(cycle)] for k in range(n_iter)]
    edits = []
    for name, side in zip("AB", sides, strict=True):
        ks = [k for k in range(n_iter) if name in plan[k]]
        edits.append(dict(zip(ks, _edit_side(original, side, name, ks, rules), strict=True)))
    for k in range(n_iter):
        yield k, *_pair_up(original, edits[0].get(k), edits[1].get(k))


def _pair_up(original: Example, a: Edited | None, b: Edited | None) -> tuple[str, str | None, str, bool]:
    """Put two sides together. A side that is not edited is the ORIGINAL text, never a former edit of it."""
    text = a.text if a and a.changed else original.text
    pair = b.text if b and b.changed else original.pair
    named = (("A", a), ("B", b))
    op = "|".join(f"{name}:{OP_NAMES[side.changed]}" for name, side in named if side and side.changed)
    return text, pair, op, any(side.all_mask for _, side in named if side and side.changed)


def _edit_side(original: Example, side: Tagged, name: str, ks: Iterable[int], rules: Rules) -> list[Edited]:
    key = draw_key(rules.config.seed, original.id, name)
    return edit(side, key, np.fromiter(ks, np.uint64), config=rules.config, vocabulary=rules.vocabulary)
