"""The training loop on rows in memory: no cache, no reader, nothing on disk but what a resume needs."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from data.layout import CHECKPOINT
from data.progress import Silent
from data.tasks.task import Task
from student_train.batch import Inputs
from student_train.config import TrainConfig
from student_train.feed.memory import InMemory
from student_train.feed.reader import Block
from student_train.feed.stream import Stream
from student_train.loop.dev import encode_labelled
from student_train.loop.run import Trained, train_from
from student_train.models.networks.embedding import WordEmbedding
from student_train.outputs import Outputs
from student_train.train import student_run
from student_train.vocab.vocabulary import build_words

TASK = Task("classify", ("bad", "good"))
TEXTS = ["a good film", "a bad film", "good music", "bad plot and bad actors", "very good", "so bad"] * 8
LABELS = np.array([1, 0, 1, 0, 1, 0] * 8)
CONFIG = TrainConfig(
    losses={"kl": {"weight": 0.9, "temperature": 2.0}, "ce": 0.1},
    epochs=4, batch_size=8, lr=0.05, device="cpu", precision="float32",
)  # fmt: skip


class Bag(nn.Module):
    """The mean of a text's word vectors, then logits."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.embedding, self.head = WordEmbedding(size, 8), nn.Linear(8, 2)

    def forward(self, inputs: Inputs) -> Outputs:
        mean: Tensor = self.embedding(inputs.ids[0]).mean(dim=1)
        return Outputs(self.head(mean))


def trained(out: Path, config: TrainConfig = CONFIG, *, texts: list[str] = TEXTS) -> Trained:
    vocabulary = build_words(iter(TEXTS), min_count=1, longest=16)
    logits = np.stack([1 - 2 * LABELS, 2 * LABELS - 1], axis=1).astype(np.float32)[: len(texts)]
    rows = InMemory(TASK, Block(texts, None, LABELS[: len(texts)], logits, np.zeros(len(texts), bool)))
    dev = encode_labelled([], TASK, vocabulary)
    dev = dataclasses.replace(dev, sides=vocabulary.encode(TEXTS[:6], None), labels=LABELS[:6])
    torch.manual_seed(0)
    run = student_run(config, Bag(vocabulary.size), Stream(rows, vocabulary, config.batch_size, 1, 0), dev, out)
    return train_from(run, config, progress=Silent())


def test_a_model_learns_from_rows_in_memory(tmp_path: Path) -> None:
    made = trained(tmp_path)
    assert made.numbers["dev"]["accuracy"] == 1.0
    assert made.numbers["steps"] == 24
    assert made.config.losses["kl"] == {"weight": 0.9, "temperature": 2.0}
    assert set(made.best) == set(made.last) == {"embedding.tuned.weight", "head.weight", "head.bias"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [CHECKPOINT, "metrics.jsonl"]


def test_the_same_rows_give_the_same_weights_and_others_do_not(tmp_path: Path) -> None:
    one, two, other = trained(tmp_path / "1"), trained(tmp_path / "2"), trained(tmp_path / "3", texts=TEXTS[:40])
    assert all(torch.equal(one.last[name], two.last[name]) for name in one.last)
    assert not all(torch.equal(one.last[name], other.last[name]) for name in one.last)


@pytest.mark.parametrize(("label", "share"), [([1, 0, -100, -100], 0.5), ([0.5, float("nan")], 0.5)])
def test_rows_in_memory_know_how_many_have_a_label(label: list[float], share: float) -> None:
    task = TASK if len(label) == 4 else Task("regress")
    drawn = np.zeros(len(label), bool)
    rows = InMemory(task, Block(["x"] * len(label), None, np.array(label), None, drawn))
    assert rows.labelled == share
    assert rows.root != InMemory(task, Block(["y"] * len(label), None, np.array(label), None, drawn)).root
