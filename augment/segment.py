"""Cut a text into words and the blanks before them, by language.

Chinese is written without blanks, so jieba finds its words; the few blanks there are (around Latin words) are kept,
and `join` puts everything together again as it was.
"""

from collections.abc import Callable

from data import words as blank_separated
from data.errors import PotstillError

Segment = Callable[[str], tuple[list[str], list[str]]]


def segmenter(language: str) -> Segment:
    """Choose how texts of a language are cut into words."""
    return _cut_chinese() if is_chinese(language) else blank_separated.split


def is_chinese(language: str) -> bool:
    """Tell whether a language code (zh, zh-CN, zh_Hant) means Chinese."""
    return language.lower().replace("_", "-").split("-")[0] == "zh"


def with_blanks(tokens: list[str]) -> tuple[list[str], list[str]]:
    """Turn tokens that hold blanks as tokens of their own into words and the blanks before them."""
    words: list[str] = []
    blanks: list[str] = []
    blank = ""
    for token in tokens:
        if token.isspace():
            blank = " "
        else:
            words.append(token)
            blanks.append(blank if len(words) > 1 else "")
            blank = ""
    return words, blanks


def import_jieba() -> None:
    """Load jieba's dictionary quietly; say which extra has it when it is missing."""
    try:
        import jieba
    except ImportError:
        raise PotstillError("Chinese needs the package jieba", hint='pip install "potstill[zh]"') from None
    jieba.setLogLevel("ERROR")
    jieba.initialize()


def _cut_chinese() -> Segment:
    import_jieba()
    import jieba

    return lambda text: with_blanks(jieba.lcut(text))
