"""Keep dev and test texts out of training rows: keys of the held-out texts, and whether a row has one of them.

`augment` and `teach` leave such rows out, `train` counts them; all use the same key.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from data.example import Example, example_digests, example_id
from data.text.words import normalised


@dataclass(frozen=True)
class Guard:
    """Keys of the held-out texts.

    keys     of the texts, or of both texts of a pair
    swapped  of the pairs with their texts swapped, except those in `keys`
    """

    keys: frozenset[str] = frozenset()
    swapped: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.keys)

    def both_ways(self) -> "Guard":
        """Hold out swapped pairs too: for tasks where the order of the two texts does not matter."""
        return Guard(self.keys | self.swapped)


def guard_of(examples: Iterable[Example]) -> Guard:
    """Collect the keys of held-out texts."""
    keys: set[str] = set()
    swapped: set[str] = set()
    for example in examples:
        keys.add(text_key(example.text, example.pair))
        if example.pair is not None:
            swapped.add(text_key(example.pair, example.text))
    return Guard(frozenset(keys), frozenset(swapped - keys))


def text_key(text: str, pair: str | None = None) -> str:
    """Hash both texts, regardless of Unicode form, invisible characters, case and blanks."""
    return example_id("guard", normalised(text), None if pair is None else normalised(pair))


def text_keys(*sides: Iterable[str]) -> list[str]:
    """Hash many texts, or pairs of texts given side by side, in the same way."""
    folded = ([normalised(text).encode("utf-8", "surrogatepass") for text in side] for side in sides)
    digits = example_digests("guard", *folded).hex()
    return [digits[start : start + 32] for start in range(0, len(digits), 32)]


def without(examples: Iterable[Example], guard: Guard, left_out: Counter[str]) -> Iterator[Example]:
    """Yield the examples that are not held out; count the others in `left_out["excluded"]`."""
    for example in examples:
        if guard and text_key(example.text, example.pair) in guard.keys:
            left_out["excluded"] += 1
        else:
            yield example


class Overlap:
    """Counts how many dev texts occur among the training rows given to `see`, as they are or as swapped pairs."""

    def __init__(self, dev: Iterable[Example]) -> None:
        self._wanted = Counter(_folded(example.text, example.pair) for example in dev)
        self._same: set[tuple[str, ...]] = set()
        self._swapped: set[tuple[str, ...]] = set()

    def see(self, rows: Iterable[tuple[str, str | None]]) -> None:
        """Count the dev texts among some training rows (text, pair)."""
        for text, pair in rows:
            key = _folded(text, pair)
            if key in self._wanted:
                self._same.add(key)
            elif pair is not None and key[::-1] in self._wanted:
                self._swapped.add(key[::-1])

    def note(self, hint: str) -> str:
        """Write the counts as a sentence; `hint`, how to leave such rows out, is added where there are any."""
        count, more = (sum(self._wanted[key] for key in keys) for keys in (self._same, self._swapped - self._same))
        said = f"{count} of {self._wanted.total()} dev texts stand among the training rows"
        said += f", {more} more with the texts of the pair swapped" if more else ""
        return f"{said} ({hint})" if count or more else said


def _folded(text: str, pair: str | None) -> tuple[str, ...]:
    return (normalised(text),) if pair is None else (normalised(text), normalised(pair))
