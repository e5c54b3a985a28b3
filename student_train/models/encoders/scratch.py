"""The tokenizer of an encoder from scratch: trained once on the training rows, the same in every process, and kept.

The trainer of `tokenizers` numbers sub-words within a word ("##a") as it meets them in a hash table, whose order is
another in every process; equal counts are then merged in another order. So these get their numbers beforehand.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from data import store
from data.examples import read_examples
from data.guards.untrusted import refusing
from data.layout import SCRATCH

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
NEW_VOCABULARY = 8_000


def keep_tokenizer(out: Path, examples: Path, root: str) -> tuple[Path, str]:
    """The file of the tokenizer that a run began with, trained and kept in `out` where it is the first; and its hash.

    root: of the training rows in `examples`. The hash is part of what a resume must agree with.
    """
    path = out / SCRATCH.format(root[:16])
    if not path.is_file():
        store.put(path, train_tokenizer(examples).to_str().encode("utf-8"))
    return path, store.sha256_file(path)


def read_tokenizer(path: Path) -> Tokenizer:
    """Open a kept tokenizer."""
    with refusing(f"{path} cannot be read", hint=f"remove {path}: the run begins again"):
        return Tokenizer.from_file(str(path))


def clear_tokenizer(out: Path) -> None:
    """Remove the kept tokenizer of a finished teacher, which has one of its own."""
    for path in out.glob(SCRATCH.format("*")):
        path.unlink(missing_ok=True)


def train_tokenizer(examples: Path) -> Tokenizer:
    """Train a WordPiece tokenizer on the examples' texts. Chinese characters are words of their own."""
    normalizer, cutter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    words: Counter[str] = Counter()
    for text in _texts(examples):
        words.update(word for word, _ in cutter.pre_tokenize_str(normalizer.normalize_str(text)))
    inner = sorted({f"##{letter}" for word in words for letter in word[1:]})
    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.normalizer, learner.pre_tokenizer = normalizer, cutter
    trainer = trainers.WordPieceTrainer(
        vocab_size=NEW_VOCABULARY, special_tokens=[*SPECIAL, *inner], show_progress=False
    )
    learner.train_from_iterator(_texts(examples), trainer)
    made = Tokenizer(models.WordPiece(learner.get_vocab(), unk_token="[UNK]"))  # in which `inner` are plain sub-words
    made.normalizer, made.pre_tokenizer, made.decoder = normalizer, cutter, decoders.WordPiece()
    made.add_special_tokens(list(SPECIAL))
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made


def _texts(examples: Path) -> Iterator[str]:
    _, rows = read_examples(examples)
    return (text for row in rows for text in (row.text, row.pair) if text)
