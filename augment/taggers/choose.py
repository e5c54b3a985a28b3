"""Resolve the option `--tagger auto|own|spacy:NAME|nltk|jieba|none` -> a row of `TAGGERS`."""

from augment.segment import is_chinese
from augment.taggers import TAGGERS
from augment.taggers.tagger import TagTexts
from data.errors import PotstillError
from data.progress import Progress


def choose(tagger: str, language: str, progress: Progress) -> str:
    """Resolve "auto" and check that the tagger exists; return its name as `load_tagger` takes it."""
    if tagger == "auto":
        tagger = "jieba" if is_chinese(language) else "own" if language.lower()[:2] == "en" else "none"
        if tagger == "none":
            progress.note(f"no tagger for language {language!r}: mask and n-gram only (--tagger spacy:NAME names one)")
    name = tagger.partition(":")[0]
    if name not in TAGGERS:
        raise PotstillError(f"unknown tagger {tagger!r}", hint=f"taggers: auto, {', '.join(TAGGERS)} (spacy:NAME)")
    return tagger


def describe_tagger(tagger: str, language: str) -> str:
    """Name a resolved tagger with its version; refuse one that cannot be used."""
    name, _, argument = tagger.partition(":")
    return TAGGERS[name].describe(argument, language)


def load_tagger(tagger: str, language: str) -> TagTexts:
    """Load a resolved tagger."""
    name, _, argument = tagger.partition(":")
    return TAGGERS[name].load(argument, language)
