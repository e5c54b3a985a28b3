"""Tokenise texts for an encoder: ids, token types, padding and the maximum length.

`feed_of(tokenizer, model, longest)` -> `Feed`, the settings; texts -> `Tokens`, flat arrays without padding, from which
`pad` makes a batch. `teach`, `cache`, `evaluate` and `bench` all use this, so that the cached answers are those of the
teacher that was measured. It can run in a thread beside the model: the Rust tokenizer releases the GIL.
"""

import copy
import inspect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from data.errors import PotstillError
from data.example import MASK
from data.guards.untrusted import refusing
from data.ragged import Ragged, padded, starts_of
from data.text.families import LAST, LEFT, PADDABLE

LONGEST_TEXT = 1 << 20  # characters; a longer "sentence" is a broken file, and would stall the tokenizer
# Characters given to the tokenizer at once. It truncates only after it has made all sub-words, some 200 bytes each: a
# row group of texts of a megabyte would take a terabyte; a row group of 8,192 sentences is one slice.
SLICE = 1 << 20
OK, TRUNCATED, NONFINITE = "ok", "truncated", "nonfinite"
ANSWERED = (OK, TRUNCATED)  # status of rows that the teacher has answered
EMPTY, SURROGATE, TOO_LONG = "rejected:empty", "rejected:surrogate", "rejected:too-long"

NO_PADDING = -1  # as a config's padding id: no sub-word has it


@dataclass(frozen=True)
class Feed:
    """How texts are tokenised and padded for one model.

    backend   the Rust tokenizer: truncates to the maximum length, the longer text first, and pads nothing
    mask      token for a masked word: the mask token, else the unknown token, else None
    pad       id of the padding token
    types     whether the model takes token types (which text of a pair a sub-word belongs to)
    alone     a batch may only hold rows of one length: the model's answer would depend on padding
    left      training batches, with rows of any length, are padded on the left
    """

    backend: Any
    mask: str | None = None
    pad: int = 0
    types: bool = False
    alone: bool = False
    left: bool = False


@dataclass(frozen=True)
class Tokens(Ragged):
    """Rows as sub-words. N rows, S sub-words of all rows together.

    values   int32 [S], the ids
    types    uint8 [S], or None where the model takes none
    status   ok, truncated or rejected:<reason>, one a row; a rejected row has no sub-words
    """

    types: np.ndarray | None = None
    status: list[str] = field(default_factory=list)

    @staticmethod
    def laid(ids: np.ndarray, types: np.ndarray | None, lengths: np.ndarray, status: list[str]) -> "Tokens":
        """Rows of these lengths that lie one behind the other."""
        return Tokens(ids, starts_of(lengths), lengths, types, status)


def feed_of(tokenizer: Any, model: Any, longest: int) -> Feed:
    """Make the settings for a model from its family and its tokenizer (a fast one of transformers).

    A model that finds the last sub-word by the padding id, but has no padding id, gets one that no text contains.
    """
    config = model.config
    pad = _padding_id(config, tokenizer)
    padded = config.model_type in PADDABLE or (config.model_type in LAST and config.pad_token_id == pad)
    if config.pad_token_id is None and config.model_type not in PADDABLE:
        config.pad_token_id = NO_PADDING
    if config.model_type == "big_bird":
        _keep_attention(model, longest)
    types = "token_type_ids" in inspect.signature(model.forward).parameters
    return replace(prepare(tokenizer, longest, types=types), pad=pad, alone=not padded, left=config.model_type in LEFT)


def prepare(tokenizer: Any, longest: int, *, types: bool = True) -> Feed:
    """Make the settings that a tokenizer alone decides. types: the model takes token types; they are given where the
    tokenizer's `model_input_names` lists them too, as in transformers.
    """
    return Feed(
        backend=cutting(tokenizer.backend_tokenizer, longest, direction=tokenizer.truncation_side),
        mask=tokenizer.mask_token or tokenizer.unk_token,
        pad=tokenizer.pad_token_id or 0,
        types=types and "token_type_ids" in tokenizer.model_input_names,
    )


def cutting(backend: Any, longest: int, *, direction: str = "right") -> Any:
    """Copy a Rust tokenizer and set it to truncate rows to `longest` sub-words; the original keeps its settings."""
    with refusing(
        "the tokenizer cannot be copied", hint="one with a step written in Python (RoFormer's jieba) is none"
    ):
        backend = copy.deepcopy(backend)
    backend.enable_truncation(longest, strategy="longest_first", direction=direction)
    backend.no_padding()
    return backend


def tokenise(feed: Feed, texts: Sequence[str], pairs: Sequence[str] | None = None) -> Tokens:
    """Tokenise texts (or pairs of texts); a row that no teacher can take gets no sub-words and a `rejected:` status."""
    status = [reject(*row) for row in zip(texts, *([pairs] if pairs is not None else []), strict=True)]
    good = [index for index, state in enumerate(status) if not state]
    cut = encode(feed, [texts[i] for i in good], None if pairs is None else [pairs[i] for i in good])
    lengths = np.zeros(len(texts), np.int64)
    lengths[np.array(good, np.int64)] = cut.lengths
    for index, state in zip(good, cut.status, strict=True):
        status[index] = state
    return Tokens.laid(cut.values, cut.types, lengths, status)


def encode(feed: Feed, texts: Sequence[str], pairs: Sequence[str] | None = None) -> Tokens:
    """Tokenise texts (or pairs of texts) without rejecting any, in slices of about `SLICE` characters."""
    sizes = [len(text) + (len(pairs[row]) if pairs is not None else 0) for row, text in enumerate(texts)]
    lengths, ids, types, status = list[int](), [np.zeros(0, np.int32)], [np.zeros(0, np.uint8)], list[str]()
    for start, end in slices(sizes, SLICE):
        rows = encodings(feed, texts[start:end], None if pairs is None else pairs[start:end])
        status += [TRUNCATED if row.overflowing else OK for row in rows]
        lengths += [len(row) for row in rows]
        total = sum(lengths[start:])
        ids.append(np.fromiter(itertools.chain.from_iterable(row.ids for row in rows), np.int32, total))
        if feed.types:
            types.append(np.fromiter(itertools.chain.from_iterable(row.type_ids for row in rows), np.uint8, total))
    found = np.concatenate(types) if feed.types else None
    return Tokens.laid(np.concatenate(ids), found, np.array(lengths, np.int64), status)


def slices(sizes: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Cut rows of the given sizes into runs [start, end) of at most `most` together, or of one row."""
    start = total = 0
    for index, size in enumerate(sizes):
        if index > start and total + size > most:
            yield start, index
            start, total = index, 0
        total += size
    if start < len(sizes):
        yield start, len(sizes)


def reject(*texts: str | None) -> str:
    """Return why a row cannot be given to a teacher; "" where it can."""
    if any(text is None or not text.strip() for text in texts):
        return EMPTY
    if any(len(text) > LONGEST_TEXT for text in texts if text):
        return TOO_LONG
    try:
        "".join(text for text in texts if text).encode("utf-8")
    except UnicodeEncodeError:
        return SURROGATE
    return ""


def concatenate(groups: Sequence[Tokens]) -> Tokens:
    """Concatenate the rows of several groups."""
    types = [group.types for group in groups if group.types is not None]
    return Tokens.laid(
        np.concatenate([group.values for group in groups]),
        np.concatenate(types) if types else None,
        np.concatenate([group.lengths for group in groups]),
        [state for group in groups for state in group.status],
    )


def pad(tokens: Tokens, rows: np.ndarray, filler: int) -> dict[str, np.ndarray]:
    """Make the inputs of one batch, right-padded: input_ids [B, T], and what the model needs beside them.

    No attention_mask where all rows have one length: that saves a check on the device and keeps the fast kernel.
    """
    where, mask = tokens.places(rows)  # [B, T] each
    batch = {"input_ids": padded(tokens.values, where, mask, filler).astype(np.int64)}
    if tokens.types is not None:
        batch["token_type_ids"] = padded(tokens.types, where, mask).astype(np.int64)
    if not mask.all():
        batch["attention_mask"] = mask.astype(np.int64)
    return batch


def encodings(feed: Feed, texts: Sequence[str], pairs: Sequence[str] | None = None, *, offsets: bool = False) -> Any:
    """Tokenise some rows, masked words as the mask token; return the tokenizer's encodings. `offsets` are slower."""
    first = [spelled(feed, text) for text in texts]
    second = [spelled(feed, text) for text in pairs] if pairs is not None else None
    rows: Any = first if second is None else list(zip(first, second, strict=True))
    with refusing("the teacher's tokenizer cannot cut a text"):  # a pattern that gives up is a panic in Rust
        return feed.backend.encode_batch(rows) if offsets else feed.backend.encode_batch_fast(rows)


def spelled(feed: Feed, text: str) -> str:
    """Replace the mask sentinel in a text by the model's mask token."""
    if MASK not in text:
        return text
    if feed.mask is None:
        raise PotstillError(
            "the texts hold masked words, and the teacher's tokenizer has neither a mask nor an unknown token",
            hint="augment without masking",
        )
    return text.replace(MASK, feed.mask)


def _keep_attention(model: Any, longest: int) -> None:
    """Fix BigBird's attention type: else one short row turns sparse attention off for all rows after it."""
    body, config = model.base_model, model.config
    if config.attention_type != "block_sparse":
        return
    if longest <= (5 + 2 * config.num_random_blocks) * config.block_size:  # none is long enough for sparse attention
        body.set_attention_type("original_full")
    else:
        body.register_forward_pre_hook(lambda *_: body.set_attention_type("block_sparse"))


def _padding_id(config: Any, tokenizer: Any) -> int:
    """Return the config's padding id, by which a model finds positions and the last sub-word; else the tokenizer's."""
    for number in (config.pad_token_id, tokenizer.pad_token_id):
        if isinstance(number, int) and 0 <= number < getattr(config, "vocab_size", 1 << 31):
            return number
    return 0
