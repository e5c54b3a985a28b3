"""Which rows are dropped, and why. Every dropped row is counted under one of `REASONS`."""

from collections.abc import Iterable

from data.example import Example, example_digests, example_id
from data.words import normalised

REASONS = {
    "empty": "original without a word (of a pair: on either side)",
    "excluded_original": "original equal to a dev or test text but for case and blanks",
    "duplicate_original": "original seen before",
    "conflicting_label": "original seen before with another label; the first label is kept",
    "equals_original": "draw that changed nothing",
    "duplicate": "synthetic row equal to another row of the whole set",
    "all_mask": "synthetic row with nothing but masks on a side",
    "excluded": "synthetic row equal to a dev or test text but for case and blanks",
}


def text_key(text: str, pair: str | None = None) -> str:
    """Hash what the leakage guard compares: both texts, case and blanks folded."""
    return example_id("guard", normalised(text), None if pair is None else normalised(pair))


def text_keys(*sides: Iterable[str]) -> list[str]:
    """Hash many texts, or pairs of texts given side by side, in the same way."""
    folded = ([normalised(text).encode("utf-8", "surrogatepass") for text in side] for side in sides)
    digits = example_digests("guard", *folded).hex()
    return [digits[start : start + 32] for start in range(0, len(digits), 32)]


def guard_keys(examples: Iterable[Example]) -> frozenset[str]:
    """Collect the keys of the texts that must not stand in the set."""
    return frozenset(text_key(example.text, example.pair) for example in examples)


def original_fault(original: Example, guard: frozenset[str]) -> str | None:
    """Say why an original is dropped on sight, None if it is not."""
    if any(text is not None and not text.strip() for text in (original.text, original.pair)):
        return "empty"  # every character but a blank is a word or part of one (`data.words.split`)
    return "excluded_original" if guard and text_key(original.text, original.pair) in guard else None
