"""Word vectors that a config names for sub-words: of any encoder, and means of the teacher's cached states."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load

from data.errors import PotstillError
from data.progress import Silent
from data.readers.source import Source
from data.tasks.task import Task
from student_train.config import TrainConfig
from student_train.feed.reader import open_caches
from student_train.feed.word_tables import SMOOTHING, table_of
from student_train.train import train
from student_train.vocab.start import build_vocabulary
from student_train.vocab.vectors import standardise
from student_train.vocab.vocabulary import Subwords

SPECIAL = 5  # [PAD] [UNK] [CLS] [SEP] [MASK]


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory, make_cache: Any, sentiment_rows: Any) -> tuple[Path, list, list]:
    """A cache of 40 rows with 4 numbers for each sub-word; ids and states, row by row."""
    random, rows = np.random.default_rng(3), sentiment_rows(40)
    ids = [random.integers(SPECIAL, 20, random.integers(2, 9)).astype(np.int32) for _ in rows.examples]
    hidden = [random.standard_normal((len(row), 4)).astype(np.float16) for row in ids]
    low = [random.standard_normal((len(row), 4)).astype(np.float16) for row in ids]
    signals = {"hidden.1": low, "hidden.2": hidden, "input_ids": ids}
    return make_cache(tmp_path_factory.mktemp("w"), rows, group_rows=8, signals=signals), ids, hidden


def vocabulary_of(cache: Path) -> Subwords:
    reader, _ = open_caches([cache])
    found = build_vocabulary(TrainConfig(), reader.files, [])
    assert isinstance(found, Subwords)
    return found


def test_means_are_of_the_highest_layer_at_each_sub_word_centred_and_weighted_by_how_rare_it_is(
    states: tuple[Path, list, list],
) -> None:
    cache, ids, hidden = states
    flat, vectors = np.concatenate(ids), np.concatenate(hidden).astype(float)
    means = {number: vectors[flat == number].mean(axis=0) for number in set(flat.tolist())}
    centre = np.mean(list(means.values()), axis=0)
    vocabulary = vocabulary_of(cache)
    table = table_of("means", vocabulary, open_caches([cache])[0], Silent())
    for row, number in enumerate(vocabulary.kept, 2):
        expected = np.zeros(4)
        if number in means:
            expected = (means[number] - centre) * SMOOTHING / (SMOOTHING + (flat == number).mean())
        np.testing.assert_allclose(table[row].numpy(), expected, atol=1e-6)
    assert table.dtype == torch.float32 and not table[:2].any()


def test_a_student_is_trained_from_means_and_resumes_to_itself(
    states: tuple[Path, list, list], write_source: Callable[..., Source], sentiment_rows: Any, tmp_path: Path
) -> None:
    dev = write_source(tmp_path / "dev.tsv", sentiment_rows(30, seed=1))
    config = TrainConfig(model="dan", vectors="means", dimensions=3, max_steps=4, dense=8, seeds=(0, 1))
    first = train(config, [states[0]], dev, tmp_path / "student", progress=Silent())
    assert train(config, [states[0]], dev, tmp_path / "student", progress=Silent()) == first
    assert "vectors_file" not in first.made_from


def test_means_of_a_cache_of_logits_are_refused_with_the_command_that_adds_the_states(
    sentiment: tuple[list[Path], object],
) -> None:
    cache = sentiment[0][0]
    with pytest.raises(PotstillError, match=r"holds logits: no states(?s:.)*--signals logits,hidden,input_ids"):
        table_of("means", vocabulary_of(cache), open_caches([cache])[0], Silent())


def test_a_student_may_start_from_the_word_vectors_of_any_encoder_of_these_sub_words(
    sentiment: tuple[list[Path], object], save_bert: Callable[..., Path], tmp_path: Path
) -> None:
    base = save_bert(tmp_path / "base", Task("classify", ("0", "1")), layers=1)
    weights = load((base / "model.safetensors").read_bytes())["bert.embeddings.word_embeddings.weight"]
    vocabulary = vocabulary_of(sentiment[0][0])
    spelled = [row for row in vocabulary.kept if vocabulary.tokenizer.id_to_token(row)]  # one number has no sub-word
    [none] = set(vocabulary.kept) - set(spelled)
    expected = weights[list(vocabulary.kept)]
    expected[vocabulary.kept.index(none)] = weights[spelled].mean(0)
    found = table_of(str(base), vocabulary, open_caches(sentiment[0])[0], Silent())
    torch.testing.assert_close(standardise(found)[2:], standardise(torch.cat([weights[:2], expected]))[2:])
