"""Word vectors that a config names for a student's sub-words: an encoder's, or means of the teacher's cached states."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from data.errors import PotstillError
from data.manifest import read_manifest
from data.progress import Progress
from data.ragged import Ragged
from data.schema import split_signal
from student_train.config import MEANS
from student_train.feed.columns import Column
from student_train.feed.reader import Reader
from student_train.models.encoders.encoder import word_vectors
from student_train.vocab.vectors import encoder_table
from student_train.vocab.vocabulary import Subwords

SMOOTHING = 1e-3  # a of the weight a / (a + p), Arora et al. 2017


def table_of(name: str, vocabulary: Subwords, reader: Reader, progress: Progress) -> Tensor:
    """Word vectors [V, D] float32 for the kept sub-words. name: `means`, or an encoder."""
    if name == MEANS:
        return token_means(vocabulary, reader, progress)
    return encoder_table(*word_vectors(name), vocabulary, name=name)


def token_means(vocabulary: Subwords, reader: Reader, progress: Progress) -> Tensor:
    """The mean of the teacher's states where a sub-word stands, in all rows, times its SIF weight: [V, D] float32.

    The states are of the highest layer that the cache holds. Less the mean of all sub-words, a vector counts
    a / (a + p), p the sub-word's share of all: what is rare says more (Arora et al. 2017, Model2Vec). Sub-words that no
    row holds, pad and unknown are zero.
    Errors: a cache without states of sub-words, or without their ids.
    """
    assert reader.cache is not None
    columns = tuple(read_manifest(reader.cache, "cache", parts=False).config["signals"])
    size = vocabulary.tokenizer.get_vocab_size(with_added_tokens=True)
    sums, counts = sums_of(reader, needed_for_means(columns), size, progress)
    kept = torch.tensor(vocabulary.kept)
    sums, counts = sums[kept], counts[kept]
    seen = counts > 0
    means = sums / counts.clamp(min=1)[:, None]
    weights = SMOOTHING / (SMOOTHING + counts / counts.sum())
    centred = (means - means[seen].mean(dim=0)) * weights[:, None] * seen[:, None]
    return torch.cat([centred.new_zeros(2, centred.shape[1]), centred]).float()


def needed_for_means(columns: tuple[str, ...]) -> tuple[str, str]:
    """The columns that means are taken of: states of the highest layer, and the sub-words they belong to."""
    layers = [layer for name in columns if name.startswith("hidden.") and (layer := split_signal(name)[1]) is not None]
    if not layers or "input_ids" not in columns:
        raise PotstillError(
            f"the cache holds {', '.join(columns)}: no states of sub-words with their ids to take means of",
            hint="potstill cache … --signals logits,hidden,input_ids",
        )
    return f"hidden.{max(layers)}", "input_ids"


def sums_of(reader: Reader, columns: tuple[str, str], size: int, progress: Progress) -> tuple[Tensor, Tensor]:
    """Sums of the states [size, D] and their number [size], both float64, for each id of the teacher's tokenizer."""
    reader = replace(reader, ensemble=None).with_columns(columns)
    sums, counts = torch.zeros(size, 0, dtype=torch.float64), torch.zeros(size, dtype=torch.float64)
    progress.start("means of the teacher's states", total=reader.count, unit="rows")
    for number in range(len(reader.groups)):
        block = reader.read([number], texts=False)
        states, ids = (flat_of(block.signals[name]) for name in columns)
        sums = sums if sums.shape[1] else sums.new_zeros(size, states.shape[1])
        sums.index_add_(0, torch.from_numpy(ids).long(), torch.from_numpy(states).double())
        counts += torch.from_numpy(np.bincount(ids, minlength=size))
        progress.advance(len(block))
    progress.finish()
    return sums, counts


def flat_of(column: Column) -> np.ndarray:
    """The rows of a ragged column, one behind the other."""
    assert isinstance(column, Ragged)
    return column.flat()
