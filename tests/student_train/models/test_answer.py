"""Answers in batches: their order, and how many padded sub-words a model reads at once."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from student_train.batch import Encoded, Inputs
from student_train.models import answer as answers
from student_train.models.answer import answer
from student_train.outputs import Outputs


class Counting(nn.Module):
    """Answers each row with the sum of its ids, and keeps the shape of every batch."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, int]] = []

    def forward(self, inputs: Inputs) -> Outputs:
        ids: Tensor = inputs.ids[0]
        self.shapes.append((ids.shape[0], ids.shape[1]))
        return Outputs(ids.sum(1, keepdim=True).float())


@pytest.mark.parametrize(("sub_words", "most"), [(40, 256), (40, 3), (1, 256)])
def test_batches_hold_no_more_rows_and_sub_words_than_asked_and_answers_keep_the_rows_order(
    sub_words: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    rows = [list(range(1, int(length) + 1)) for length in random.integers(1, 30, 50)]
    model, told = Counting(), []
    monkeypatch.setattr(answers, "SUB_WORDS", sub_words)
    logits = answer(
        model,
        [Encoded.of(rows)],
        device=torch.device("cpu"),
        precision=torch.float32,
        batch_size=most,
        done=told.append,
    )
    assert logits[:, 0].tolist() == [sum(row) for row in rows]
    assert sum(told) == len(rows)
    assert all(count <= most for count, _ in model.shapes)
    assert all(count == 1 or count * longest <= sub_words for count, longest in model.shapes)
    assert model.shapes == sorted(model.shapes, key=lambda shape: -shape[1])


def test_no_rows_have_no_answers() -> None:
    assert answer(Counting(), [Encoded.of([])], device=torch.device("cpu"), precision=torch.float32).shape == (0, 1)
