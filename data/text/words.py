"""Text as words and back: the unit of augmentation, of per-word answers and of word-vector students.

`split` cuts a text into words, punctuation and the blanks between them; `join` puts them together again. A word is a
run of whole grapheme clusters (`\\X`: what a reader sees as one character), in every script; no cut falls inside one.
Tokenised text ("do n't", "-lrb-") keeps its tokens. Scripts written without blanks are cut into characters, also inside
mixed texts; Chinese is cut into words by jieba in the augmenter.
"""

import unicodedata
from functools import lru_cache
from itertools import chain

import regex

from data.example import MASK

RULE = 2  # raise it when a change cuts the same text into other words: each student stores the number of its rule

JOINERS = "-'’.,:/"  # between letters they are part of a word
_LETTER = r"(?=[\p{L}\p{N}_])"
# Marks, zero-width joiners, variation selectors and skin tones: they begin no cluster, except at a text's start.
_EXTENDS = r"[\p{GCB=Extend}\p{GCB=SpacingMark}\p{GCB=ZWJ}]"
# Soft hyphens, direction marks and the like belong to the word they stand at; U+200B stands between two words.
_FORMAT = r"(?:(?!\u200b)(?=\p{GCB=Control})\p{Cf})*"
_CHARACTERS = r"[\p{Han}\p{Hiragana}\p{Line_Break=SA}\p{Javanese}\p{Balinese}]"  # SA: Thai, Lao, Khmer, Myanmar …
_KATAKANA = r"[\p{Katakana}ー]"
# One character of such a script; in Thai and Lao with the vowels that are written before and after the consonant.
_CHARACTER = rf"[\u0e40-\u0e44\u0ec0-\u0ec4]?{_LETTER}(?={_CHARACTERS})\X[\u0e30\u0e32\u0e45\u0eb0\u0eb2]*"
_CLUSTER = rf"{_LETTER}(?!{_CHARACTERS}|{_KATAKANA})\X{_FORMAT}"

# Order matters: the mask sentinel; bracket tokens of treebanks; clitics that stand alone ("'s"); characters; Katakana;
# words with inner apostrophes, hyphens, points and commas; runs of one punctuation mark ("...", "--") or emoji.
_WORD = regex.compile(
    rf"""(?:{regex.escape(MASK)}(?!{_EXTENDS})
    |-(?:lrb|rrb|lsb|rsb|lcb|rcb)-(?!{_EXTENDS})
    |(?<!\S)['’](?:s|re|ve|ll|d|m|t|em|til|n)(?![\p{{L}}\p{{N}}_]|{_EXTENDS})
    |{_FORMAT}(?:{_CHARACTER}|(?:{_LETTER}(?={_KATAKANA})\X)+|(?:{_CLUSTER})+(?:[{JOINERS}](?:{_CLUSTER})+)*)
    |((?!\s)\X)(?:\1(?!{_EXTENDS}))*
    ){_FORMAT}\u200b*""",
    regex.IGNORECASE | regex.VERBOSE,
)
_KINDS = regex.compile(
    rf"(?P<part>{_EXTENDS})|{_FORMAT}(?:(?P<katakana>(?={_KATAKANA}){_LETTER})|(?P<character>{_CHARACTER})"
    rf"|(?P<letters>{_CLUSTER}))|(?P<symbol>[^\p{{L}}\p{{N}}_]+$)|(?P<token>)"
)
CHINESE = "Chinese characters"
SCRIPTS = {  # names of scripts without blanks, for messages
    CHINESE: regex.compile(r"\p{Han}"),
    "Hiragana": regex.compile(r"\p{Hiragana}"),
    "Thai": regex.compile(r"\p{Thai}"),
    "Lao": regex.compile(r"\p{Lao}"),
    "Khmer": regex.compile(r"\p{Khmer}"),
    "Myanmar": regex.compile(r"\p{Myanmar}"),
}
_UNSEEN = regex.compile(r"\p{Default_Ignorable_Code_Point}+")
LONG = 64  # characters; longer tokens are rare and would fill the memory of cut ones


def split(text: str) -> tuple[list[str], list[str]]:
    """Cut a text into words and the blanks that stand BEFORE each word.

    `"Good, isn't it?"` -> (["Good", ",", "isn't", "it", "?"], ["", "", " ", " ", ""]). Leading and trailing blanks
    of the text are dropped; a run of blanks counts as one.
    """
    cuts = [_cut(token) if len(token) < LONG else _cut.__wrapped__(token) for token in text.split()]
    words = list(chain.from_iterable(cuts))
    blanks = [" "] * len(words)
    if len(words) > len(cuts):
        blanks = [blank for cut in cuts for blank in (" ", *[""] * (len(cut) - 1))]
    blanks[:1] = [""] * bool(words)
    return words, blanks


@lru_cache(maxsize=1 << 16)
def _cut(token: str) -> tuple[str, ...]:
    """Cut the text between two blanks into words; cached, since most tokens repeat."""
    if token.isascii() and token.isalnum():
        return (token,)
    return tuple(match.group() for match in _WORD.finditer(token))


def join(words: list[str], blanks: list[str]) -> str:
    """Join words with the blanks before them; the blank before the first word is left out."""
    return "".join(blank + word for blank, word in zip(blanks, words, strict=True)).strip(" ")


@lru_cache(maxsize=1 << 16)
def kind_of(word: str) -> str:
    """Return the kind of a word: letters, character, katakana, symbol, token ("'s", "-lrb-") or part.

    Where words follow each other without blanks, replacing one by a word of another kind could join it with its
    neighbours. A part (marks or a skin tone without their base character) joins whatever is before it.
    """
    return _KINDS.match(word).lastgroup


def scripts_in(text: str) -> list[str]:
    """Name the scripts without blanks whose letters a text contains."""
    return [] if text.isascii() else [name for name, letters in SCRIPTS.items() if letters.search(text)]


def same_form(text: str) -> str:
    """Normalise to NFKC and drop invisible characters (soft hyphens, zero-width characters, direction marks)."""
    return text if text.isascii() else unicodedata.normalize("NFKC", _UNSEEN.sub("", text))


def normalised(text: str) -> str:
    """Normalise Unicode form, invisible characters, case and blanks: texts with equal results count as the same text.

    NFKC and not NFC, since texts that look the same to a reader should be equal: full-width letters, ligatures,
    no-break blanks. A dev text left in the training set costs more than a training row that is dropped by mistake.
    """
    folded = same_form(text).casefold()
    return " ".join((folded if folded.isascii() else unicodedata.normalize("NFKC", folded)).split())
