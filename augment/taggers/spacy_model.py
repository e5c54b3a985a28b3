"""Any installed spaCy pipeline with a tagger, by package name or path: `spacy:en_core_web_sm`."""

from importlib import metadata
from pathlib import Path

from augment.taggers.tagger import Tagger, TagTexts, TagWords, over_words
from data import store
from data.errors import NO_INPUT, PotstillError

BATCH = 256  # texts; larger gains nothing, measured
NEEDED = ("tok2vec", "transformer", "tagger", "morphologizer")


def describe(argument: str, language: str) -> str:
    """Name a pipeline with its version, without loading it."""
    if not argument:
        raise PotstillError("tagger 'spacy' needs a pipeline", hint="e.g. --tagger spacy:en_core_web_sm")
    meta = Path(argument) / "meta.json"
    if meta.is_file():
        values = store.read_json(meta)
        return f"spacy:{values.get('lang')}_{values.get('name')} {values.get('version')}"
    try:
        return f"spacy:{argument} {metadata.version(argument)}"
    except metadata.PackageNotFoundError:
        hint = f"python -m spacy download {argument}, or --tagger own"
        raise PotstillError(f"no spaCy pipeline {argument!r} is installed", hint=hint, code=NO_INPUT) from None


def load(argument: str, language: str) -> TagTexts:
    """Load a pipeline by name or path, without its parser, NER and lemmatizer."""
    return over_words(language, word_tagger(argument))


def word_tagger(model: str) -> TagWords:
    """Load a pipeline and tag ready-made words with it."""
    import spacy
    from spacy.tokens import Doc

    nlp = spacy.load(model, exclude=["parser", "ner", "lemmatizer", "senter"])
    kept = [name for name in nlp.pipe_names if name in NEEDED]
    if not {"tagger", "morphologizer"} & set(kept):
        raise PotstillError(f"pipeline {model} has no tagger (has: {', '.join(nlp.pipe_names)})")
    nlp.select_pipes(enable=kept)

    def tag_words(texts: list[list[str]]) -> list[list[str]]:
        # Without the zone spaCy keeps every word form it ever saw: memory would grow with the corpus.
        with nlp.memory_zone():
            docs = nlp.pipe((Doc(nlp.vocab, words=words) for words in texts), batch_size=BATCH)
            # the fine tags, or the universal ones where a pipeline sets no others
            return [[token.tag_ or token.pos_ for token in doc] for doc in docs]

    return tag_words


TAGGER = Tagger(describe, load)
