"""The interface of part-of-speech taggers."""

from collections.abc import Callable
from dataclasses import dataclass

from augment.segment import segmenter
from augment.tagged import Tagged
from data.errors import PotstillError

TagTexts = Callable[[list[str]], list[Tagged]]
TagWords = Callable[[list[list[str]]], list[list[str]]]


@dataclass(frozen=True)
class Tagger:
    """One row of the table `TAGGERS`.

    describe  (argument, language) -> exact name and version, cheap; PotstillError when it cannot be used
    load      (argument, language) -> a function from texts to words with tags
    """

    describe: Callable[[str, str], str]
    load: Callable[[str, str], TagTexts]


def over_words(language: str, tag_words: TagWords) -> TagTexts:
    """Make a tagger of texts from a tagger of words: the same splitter for all taggers, so that they agree on words."""
    segment = segmenter(language)

    def tag_texts(texts: list[str]) -> list[Tagged]:
        cuts = [segment(text) for text in texts]
        tags = tag_words([words for words, _ in cuts])
        return [Tagged(words, blanks, own) for (words, blanks), own in zip(cuts, tags, strict=True)]

    return tag_texts


def check_english(name: str, language: str) -> None:
    """Refuse an English tagger for texts of another language."""
    if language.lower().replace("_", "-").split("-")[0] != "en":
        hint = "--tagger spacy:<a pipeline of that language>, or --tagger none for mask and n-gram only"
        raise PotstillError(f"tagger {name!r} is English, the texts are {language!r}", hint=hint)
