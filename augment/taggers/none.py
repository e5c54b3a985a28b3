"""No tagger: words only, so only mask and n-gram apply."""

from augment.taggers.tagger import Tagger, TagTexts, over_words


def describe(argument: str, language: str) -> str:
    return "none"


def load(argument: str, language: str) -> TagTexts:
    return over_words(language, lambda texts: [[] for _ in texts])


TAGGER = Tagger(describe, load)
