"""Split a text into words and the blanks before them, by language.

Chinese is written without blanks, so jieba finds its words; blanks (around Latin words) are kept, so `join` restores
the text.
"""

from collections.abc import Callable

import regex

from data.errors import PotstillError
from data.text import words as blank_separated

Segment = Callable[[str], tuple[list[str], list[str]]]
_HAN = regex.compile(r"\p{Han}")


def segmenter(language: str) -> Segment:
    """Return the function that splits texts of a language into words."""
    return _cut_chinese() if is_chinese(language) else blank_separated.split


def is_chinese(language: str) -> bool:
    """Tell whether a language code (zh, zh-CN, zh_Hant) means Chinese."""
    return language.lower().replace("_", "-").split("-")[0] == "zh"


def mended(tokens: list[tuple[str, str]]) -> tuple[list[str], list[str], list[str]]:
    """Turn jieba's tokens with their tags into words, the blanks before them, and their tags.

    jieba splits other scripts into characters, and so separates marks and skin tones from their base characters. So the
    text is split as in every language first, and then the characters of each of jieba's Chinese words are joined.
    """
    owner = [number for number, (token, _) in enumerate(tokens) for _ in token]  # of each character
    text = "".join(token for token, _ in tokens)
    words: list[str] = []
    blanks: list[str] = []
    tags: list[str] = []
    at, last = 0, -1
    for word, blank in zip(*blank_separated.split(text), strict=True):
        at = text.index(word, at)
        number, at = owner[at], at + len(word)
        if number == last and not blank and _HAN.search(tokens[number][0]):
            words[-1] += word
            continue
        words.append(word)
        blanks.append(blank)
        tags.append(tokens[number][1])
        last = number
    return words, blanks, tags


def import_jieba() -> None:
    """Load jieba's dictionary without its messages. Errors: not installed; the hint names the extra."""
    try:
        import jieba
    except ImportError:
        raise PotstillError("Chinese needs the package jieba", hint='pip install "potstill[zh]"') from None
    jieba.setLogLevel("ERROR")
    jieba.initialize()


def _cut_chinese() -> Segment:
    import_jieba()
    import jieba

    return lambda text: mended([(token, "") for token in jieba.lcut(text)])[:2]
