"""Chinese words and parts of speech in one pass, by jieba's `posseg`."""

from importlib import metadata

from augment.segment import import_jieba, is_chinese, mended
from augment.tagged import Tagged
from augment.taggers.tagger import Tagger, TagTexts
from data.errors import PotstillError


def describe(argument: str, language: str) -> str:
    """Name jieba with its version."""
    if not is_chinese(language):
        raise PotstillError(f"tagger 'jieba' is Chinese, the texts are {language!r}", hint="--language zh")
    try:
        return f"jieba {metadata.version('jieba')}"
    except metadata.PackageNotFoundError:
        raise PotstillError("Chinese needs the package jieba", hint='pip install "potstill[zh]"') from None


def load(argument: str, language: str) -> TagTexts:
    """Load jieba's dictionary and tagger."""
    import_jieba()
    from jieba import posseg

    def tag_text(text: str) -> Tagged:
        return Tagged(*mended([(token.word, token.flag) for token in posseg.cut(text)]))

    return lambda texts: [tag_text(text) for text in texts]


TAGGER = Tagger(describe, load)
