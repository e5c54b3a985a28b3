"""NLTK's averaged perceptron tagger (English); its data is found through NLTK_DATA."""

import json
from typing import Any

from augment.taggers.tagger import Tagger, TagTexts, check_english, over_words
from data.errors import NO_INPUT, PotstillError

DATA = "averaged_perceptron_tagger_eng"


def describe(argument: str, language: str) -> str:
    """Name the tagger; refuse when its data is not there."""
    check_english("nltk", language)
    import nltk

    _find("weights")
    return f"nltk {DATA} {nltk.__version__}"


def load(argument: str, language: str) -> TagTexts:
    """Load the weights, from a folder or straight out of the zip file (NLTK's own loader wants a folder)."""
    from nltk.tag.perceptron import PerceptronTagger

    tagger = PerceptronTagger(load=False)
    tagger.model.weights = _read("weights")
    tagger.tagdict = _read("tagdict")
    tagger.classes = tagger.model.classes = set(_read("classes"))
    return over_words(language, lambda texts: [[tag for _, tag in tagger.tag(words)] for words in texts])


def _read(part: str) -> Any:
    return json.loads(_find(part).open().read())


def _find(part: str) -> Any:
    """Find one JSON file of the tagger's data along NLTK's path."""
    import nltk

    try:
        return nltk.data.find(f"taggers/{DATA}/{DATA}.{part}.json")
    except LookupError:
        raise PotstillError(
            f"NLTK's tagger data {DATA} is not on NLTK's path ({', '.join(nltk.data.path[:3])}, …)",
            hint=f"python -m nltk.downloader {DATA}, or set NLTK_DATA, or --tagger own",
            code=NO_INPUT,
        ) from None


TAGGER = Tagger(describe, load)
