"""Text to ids for students: words, the teacher's sub-words, or (for a teacher) a joint encoding of both texts.

All three give the same thing, one `Encoded` per side, and save themselves into a student's directory, which then needs
nothing from anywhere else. Id 0 is padding and id 1 stands for the unknown word, in words and in kept sub-words.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from tokenizers import Tokenizer

from data import store
from data.errors import NO_INPUT, PotstillError
from data.example import MASK
from data.guards.tokenizer import check_tokenizer
from data.guards.untrusted import read_json, refusing
from data.layout import ROLES, SPECIAL_TOKENS, TOKENIZER, TOKENIZER_CONFIG, VOCABULARY
from data.text.encoding import Feed, cutting, encode
from data.text.words import RULE, same_form, split
from student_train.batch import Encoded
from student_train.vocab import words_1

PAD, UNKNOWN = 0, 1


class Vocabulary(Protocol):
    """What the stream needs of a vocabulary."""

    @property
    def size(self) -> int:
        """Number of ids V, padding and unknown included."""

    @property
    def joint(self) -> bool:
        """Whether rows are the sub-words that a cross-encoder with this tokenizer reads, special tokens and all."""

    @property
    def segments(self) -> bool:
        """Whether rows come with segment numbers (token types)."""

    def encode(self, texts: list[str], pairs: list[str] | None) -> list[Encoded]:
        """Encode N rows: one `Encoded` per side (one in all for a joint encoding)."""

    def digest(self) -> str:
        """A hash of all that decides which ids a text becomes."""

    def save(self, directory: Path) -> None:
        """Write what `load_vocabulary` needs."""


@dataclass(frozen=True)
class Words:
    """Lower-cased words of `data.text.words.split` (Chinese: characters); a masked word is an unknown word.

    rule: by which texts are cut (`data.text.words.RULE`): a student goes on with the one that it was trained with
    """

    words: tuple[str, ...]  # words[0] has id 2
    longest: int
    rule: int = RULE
    joint = False
    segments = False

    @property
    def size(self) -> int:
        return len(self.words) + 2

    @cached_property
    def index(self) -> dict[str, int]:
        """word -> id. Made once: 3 ms for 15,000 words, where the answer to one text takes 1."""
        return {word: number for number, word in enumerate(self.words, 2)}

    def encode(self, texts: list[str], pairs: list[str] | None) -> list[Encoded]:
        return [self._side(side) for side in ([texts] if pairs is None else [texts, pairs])]

    def digest(self) -> str:
        return store.digest_of(["words", self.words, self.longest, *([self.rule] if self.rule > 1 else [])])

    def _side(self, texts: list[str]) -> Encoded:
        numbers, cut = self.index, words_1.words_of if self.rule == 1 else words_of
        return Encoded.of([[numbers.get(word, UNKNOWN) for word in cut(text)[: self.longest]] for text in texts])

    def save(self, directory: Path) -> None:
        values = {"kind": "words", "rule": self.rule, "words": list(self.words), "longest": self.longest}
        store.write_json(directory / VOCABULARY, values)


@dataclass(frozen=True)
class Subwords:
    """A tokenizer's sub-words without special tokens, renumbered to those kept; a masked word is its mask token."""

    tokenizer: Tokenizer
    kept: tuple[int, ...]  # the tokenizer's ids; kept[0] has id 2
    mask: str
    longest: int
    joint = False
    segments = False

    @property
    def size(self) -> int:
        return len(self.kept) + 2

    @cached_property
    def renumber(self) -> np.ndarray:
        """The tokenizer's id -> ours, int32; 1 for those left out. Made once: 1.5 ms for 14,000 kept."""
        numbers = np.full(self.tokenizer.get_vocab_size(with_added_tokens=True), UNKNOWN, np.int32)
        numbers[list(self.kept)] = np.arange(2, self.size)
        return numbers

    def encode(self, texts: list[str], pairs: list[str] | None) -> list[Encoded]:
        both = [texts] if pairs is None else [texts, pairs]
        sides = [encode_side(self.tokenizer, side, self.mask, self.longest) for side in both]
        return [Encoded(self.renumber[side.values], side.starts, side.lengths) for side in sides]

    def digest(self) -> str:
        return store.digest_of(["subwords", _spelled(self.tokenizer), self.kept, self.mask, self.longest])

    def save(self, directory: Path) -> None:
        store.write_text(directory / TOKENIZER, self.tokenizer.to_str())
        values = {"kind": "subwords", "kept": list(self.kept), "mask": self.mask, "longest": self.longest}
        store.write_json(directory / VOCABULARY, values)


@dataclass(frozen=True)
class Joint:
    """Both texts in one row with the tokenizer's special tokens and segment numbers, as a cross-encoder reads them."""

    feed: Feed
    special: Mapping[str, str] = field(default_factory=dict)  # role -> token, of a student's; a teacher keeps its own
    joint = True

    @property
    def size(self) -> int:
        return self.feed.backend.get_vocab_size(with_added_tokens=True)

    @property
    def segments(self) -> bool:
        return self.feed.types

    @property
    def longest(self) -> int:
        """Sub-words of the longest row, special tokens included."""
        return int(self.feed.backend.truncation["max_length"])

    def encode(self, texts: list[str], pairs: list[str] | None) -> list[Encoded]:
        rows = encode(self.feed, texts, pairs)
        return [Encoded.filled(rows.values, rows.lengths, rows.types)]

    def digest(self) -> str:
        feed = self.feed
        return store.digest_of(["joint", _spelled(feed.backend), feed.backend.truncation, feed.mask, feed.types])

    def save(self, directory: Path) -> None:
        """Write a student's, as Hugging Face opens one too. (A teacher's directory keeps its tokenizer by itself.)"""
        store.write_text(directory / TOKENIZER, _uncut(self.feed.backend).to_str())
        reads = ["input_ids", *(["token_type_ids"] if self.feed.types else []), "attention_mask"]
        theirs = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": self.longest,
            "model_input_names": reads,
        }
        store.write_json(directory / TOKENIZER_CONFIG, theirs | dict(self.special))
        store.write_json(directory / VOCABULARY, {"kind": "joint", "types": self.feed.types, "longest": self.longest})


def encode_side(tokenizer: Tokenizer, texts: list[str], mask: str, longest: int) -> Encoded:
    """Sub-words of each text, at most `longest`, without special tokens. The Rust code runs outside the GIL."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    spelled = [text.replace(MASK, mask) if MASK in text else text for text in texts]
    rows = tokenizer.encode_batch_fast(spelled, add_special_tokens=False)
    return Encoded.of([row.ids[:longest] for row in rows])


def _spelled(tokenizer: Tokenizer) -> str:
    """A tokenizer as JSON, but for how texts are cut and padded: encoding sets that itself."""
    values = json.loads(tokenizer.to_str())
    return json.dumps({**values, "truncation": None, "padding": None}, sort_keys=True)


def words_of(text: str) -> list[str]:
    """Lower-cased words of one Unicode form; each Chinese character is a word; a mask is the empty word.

    No vocabulary holds the empty word. What is not seen (a lone U+200B) is no word at all.
    """
    words = split(text)[0]
    if text.isascii():
        return [word.lower() for word in words]
    spelled = ((word, same_form(word)) for word in words)
    return ["" if word == MASK else same.lower() for word, same in spelled if same]


def build_words(texts: Iterable[str], *, min_count: int, longest: int) -> Words:
    """Collect the words seen at least `min_count` times, most frequent first, then alphabetically."""
    counts = Counter(word for text in texts for word in words_of(text) if word)
    kept = [word for word, count in counts.items() if count >= min_count]
    return Words(tuple(sorted(kept, key=lambda word: (-counts[word], word))), longest)


def build_subwords(teacher: Path, texts: Iterable[list[str]] | None, *, min_count: int, longest: int) -> Subwords:
    """Take a teacher's sub-words: all of them, or with `texts` (in chunks) those seen at least `min_count` times."""
    tokenizer, mask = open_tokenizer(teacher), mask_token(teacher)
    counts = np.zeros(tokenizer.get_vocab_size(with_added_tokens=True), np.int64)
    if texts is None or min_count <= 0:
        counts += 1
        min_count = 1
    else:
        for chunk in texts:
            counts += np.bincount(encode_side(tokenizer, chunk, mask, longest).values, minlength=len(counts))
    masked = tokenizer.token_to_id(mask)
    if masked is not None:
        counts[masked] = max(counts[masked], min_count)
    return Subwords(tokenizer, tuple(int(number) for number in np.flatnonzero(counts >= min_count)), mask, longest)


def build_joint(files: Path, *, longest: int, types: bool) -> Joint:
    """Rows as a teacher reads them, by the tokenizer in a folder. types: whether they say which text is which."""
    backend, special = cutting(open_tokenizer(files), longest), special_tokens(files / TOKENIZER_CONFIG)
    pad = backend.token_to_id(special.get("pad_token", "")) or 0
    return Joint(
        Feed(backend, mask=special.get("mask_token") or special.get("unk_token"), pad=pad, types=types), special
    )


def special_tokens(path: Path) -> dict[str, str]:
    """The special tokens that a Hugging Face file names: role -> token; none where there is no such file."""
    values = read_json(path) if path.is_file() else {}
    found = {name: values[name] for name in ROLES if values.get(name)}
    return {name: token["content"] if isinstance(token, dict) else token for name, token in found.items()}


def _uncut(backend: Tokenizer) -> Tokenizer:
    """A copy of a tokenizer that cuts and pads nothing."""
    made = Tokenizer.from_str(backend.to_str())
    made.no_truncation()
    made.no_padding()
    return made


def load_vocabulary(directory: Path) -> "Words | Subwords | Joint":
    """Open the vocabulary a student was saved with."""
    values = store.read_json(directory / VOCABULARY)
    if values["kind"] == "joint":
        return build_joint(directory, longest=values["longest"], types=values["types"])
    if values["kind"] == "words":
        return Words(tuple(values["words"]), values["longest"], _known_rule(values.get("rule", 1), directory))
    tokenizer = open_tokenizer(directory)
    return Subwords(tokenizer, tuple(values["kept"]), values["mask"], values["longest"])


def _known_rule(rule: int, directory: Path) -> int:
    if rule not in (1, RULE):
        raise PotstillError(
            f"{directory} cuts words by rule {rule}, this version of potstill knows 1 and {RULE}",
            hint="pip install --upgrade potstill",
        )
    return rule


def open_tokenizer(directory: Path) -> Tokenizer:
    """Open a directory's `tokenizer.json`."""
    path = directory / TOKENIZER
    if not path.is_file():
        raise PotstillError(
            f"{directory} has no {TOKENIZER}",
            hint="name a teacher with a fast tokenizer, or train with --set train.vocabulary=words",
            code=NO_INPUT,
        )
    check_tokenizer(path)
    with refusing(str(path)):
        return Tokenizer.from_file(str(path))


def mask_token(directory: Path) -> str:
    """The mask token a Hugging Face directory names, else its unknown token, else `[UNK]`."""
    for name in (SPECIAL_TOKENS, TOKENIZER_CONFIG):
        named = special_tokens(directory / name)
        for role in ("mask_token", "unk_token"):
            if role in named:
                return named[role]
    return "[UNK]"
