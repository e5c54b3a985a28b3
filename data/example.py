"""What one training text is. Everything that flows through the augment phase is an `Example`."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# A masked word inside an augmented text. It is mapped to the teacher tokenizer's own mask token in the cache phase
# and to the student's <unk> (or mask) in the training phase, so no tokenizer's spelling is baked into stored texts.
MASK = "⟦mask⟧"

# int: a class; float: a score; tuple: class ids (multilabel), tag ids (tag) or (first word, last word) (span).
Label = int | float | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One text, or a pair of texts, with what is known of it.

    id         content hash (see `example_id`), the key of every join
    text       the first text;  pair: the second one of a pair task
    words      the text's words, for kinds whose unit is the word
    label      None where unknown; synthetic rows never carry one
    split      train, dev, test or unlabelled
    source_id  id of the original an augmented text was made from, else None
    op         what made it (`mask+ngram`, `A:pos|B:mask`), None for an original
    k          number of the draw within its original, None for an original
    """

    id: str
    text: str
    pair: str | None = None
    words: tuple[str, ...] | None = None
    label: Label | None = None
    split: str = "train"
    source_id: str | None = None
    op: str | None = None
    k: int | None = None


def example_id(kind: str, text: str, pair: str | None = None, words: Sequence[str] | None = None) -> str:
    """Hash the task kind and the texts to 32 hex digits, stable across machines and versions.

    Fields are length-prefixed, so ("ab", "c") and ("a", "bc") differ. Lone surrogates hash too (`surrogatepass`):
    such a row is refused later, by name.
    """
    digest = hashlib.blake2b(digest_size=16)
    for field in (kind, text, pair, *(words or ())):
        data = b"\xff" if field is None else field.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def example_digests(kind: str, texts: Iterable[bytes], pairs: Iterable[bytes] | None = None) -> bytes:
    """Hash many texts, or pairs of texts, given as UTF-8: 16 bytes each, which `.hex()` turns into their ids.

    Five times as fast as `example_id` for one after the other.
    """
    name, blake2b = kind.encode("utf-8", "surrogatepass"), hashlib.blake2b
    head = len(name).to_bytes(8, "little") + name
    if pairs is None:
        none = (1).to_bytes(8, "little") + b"\xff"
        fields = [head + len(text).to_bytes(8, "little") + text + none for text in texts]
    else:
        fields = [
            head + len(text).to_bytes(8, "little") + text + len(pair).to_bytes(8, "little") + pair
            for text, pair in zip(texts, pairs, strict=True)
        ]
    return b"".join([blake2b(data, digest_size=16).digest() for data in fields])
