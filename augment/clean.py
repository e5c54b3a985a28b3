"""Decide which rows are dropped. Every dropped row is counted under one of `REASONS`."""

from data.example import Example
from data.text.held_out import Guard, text_key

REASONS = {
    "empty": "original without a word (of a pair: on either side)",
    "excluded_original": "original equal to a dev or test text (but for case, blanks, Unicode form)",
    "duplicate_original": "original seen before",
    "conflicting_label": "original seen before with another label; the first label is kept",
    "equals_original": "draw that changed nothing",
    "duplicate": "synthetic row equal to another row of the whole set",
    "all_mask": "synthetic row with nothing but masks and punctuation on a side",
    "excluded": "synthetic row equal to a dev or test text in the same sense",
}


def original_fault(original: Example, guard: Guard) -> str | None:
    """Return the reason why an original is dropped, or None."""
    if any(text is not None and not text.strip() for text in (original.text, original.pair)):
        return "empty"  # every character but a blank is a word or part of one (`data.text.words.split`)
    return "excluded_original" if guard and text_key(original.text, original.pair) in guard.keys else None


def is_swapped(original: Example, guard: Guard) -> bool:
    """Tell whether an original equals a dev or test pair with its texts swapped."""
    return bool(guard.swapped) and text_key(original.text, original.pair) in guard.swapped
