"""Texts that must not be learned from: the keys of dev and test texts, and whether a row equals one of them.

Both the augmenter and the teacher's training ask this, and training counts it: one key, so that they agree.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from data.example import Example, example_digests, example_id
from data.words import normalised


@dataclass(frozen=True)
class Guard:
    """Keys of the texts to keep out.

    keys     of the texts, or of both texts of a pair
    swapped  of the pairs the other way round, but for those that stand in `keys` too
    """

    keys: frozenset[str] = frozenset()
    swapped: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.keys)

    def both_ways(self) -> "Guard":
        """For tasks where a pair means the same both ways round: keep out both."""
        return Guard(self.keys | self.swapped)


def guard_of(examples: Iterable[Example]) -> Guard:
    """Collect the keys of the texts that must not stand in a set."""
    keys: set[str] = set()
    swapped: set[str] = set()
    for example in examples:
        keys.add(text_key(example.text, example.pair))
        if example.pair is not None:
            swapped.add(text_key(example.pair, example.text))
    return Guard(frozenset(keys), frozenset(swapped - keys))


def text_key(text: str, pair: str | None = None) -> str:
    """Hash what is compared: both texts, but for Unicode form, unseen characters, case and blanks."""
    return example_id("guard", normalised(text), None if pair is None else normalised(pair))


def text_keys(*sides: Iterable[str]) -> list[str]:
    """Hash many texts, or pairs of texts given side by side, in the same way."""
    folded = ([normalised(text).encode("utf-8", "surrogatepass") for text in side] for side in sides)
    digits = example_digests("guard", *folded).hex()
    return [digits[start : start + 32] for start in range(0, len(digits), 32)]
