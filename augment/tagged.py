"""A text as the operations see it: words, the blanks before them, and their parts of speech."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tagged:
    """One text of L words.

    words   L words
    blanks  the blank ("" or " ") before each word
    tags    the part of speech of each word; empty where nothing tagged it
    """

    words: list[str]
    blanks: list[str]
    tags: list[str]
