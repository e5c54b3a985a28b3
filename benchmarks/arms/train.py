"""Arms of `benchmarks.train`: the BiLSTM student learning a teacher's logits, from the cache and the other ways.

All train the same student (sub-word table of the teacher 30,522 x 384, hidden 190, dense 200) on the same phrases in
batches of 256 with mean squared error; sizes stand in `SHAPE`.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

Round = Callable[[], dict[str, Any]]
HIDDEN, DENSE, DROPOUT = 190, 200, 0.3
SHAPE: dict[str, Any] = {"hidden": HIDDEN, "dense": DENSE, "dropout": DROPOUT}
BATCH, RATE, CLIP = 256, 1e-3, 5.0


class Fixed:
    """Batches of one epoch held in memory, handed out like a stream's: what training costs without any loading."""

    def __init__(self, stream: Any, steps: int) -> None:
        self.reader, self.batch_size = stream.reader, stream.batch_size
        self.blocks = stream.plan(1)
        self.ready = [batch for _, batch in zip(range(steps), stream.batches(1), strict=False)]

    def plan(self, epoch: int) -> Any:
        return self.blocks

    def batches(self, epoch: int, *, start: int = 0) -> Iterator[Any]:
        return iter(self.ready[start:])


def new_student(cache: str) -> tuple[nn.Module, Any, Any]:
    """An untrained student as `potstill train` makes it, its vocabulary and the cache's reader."""
    from data.progress import Silent
    from student_train.config import TrainConfig
    from student_train.feed.reader import open_caches
    from student_train.models.networks.bilstm import BiLSTMShape
    from student_train.models.table import Sources, start_model
    from student_train.vocab.start import build_vocabulary, starting_table

    config = TrainConfig(model="bilstm", **SHAPE)
    reader, _ = open_caches([Path(cache)])
    vocabulary = build_vocabulary(config, reader.files, reader.chunks_of_texts(Silent()))
    table = starting_table(config, vocabulary, reader.files, seed=0)
    shape = BiLSTMShape("bilstm", vocabulary.size, table.shape[1], classes=reader.task.width, **SHAPE)
    return start_model(shape, Sources(table), seed=0), vocabulary, reader


def ours_loop(cache: str, stream: Any, *, steps: int, device: str = "cpu") -> dict[str, Any]:
    """Take `steps` steps of the real training loop, evaluation left out."""
    from data.progress import Silent
    from student_train.config import TrainConfig
    from student_train.loop.dev import Labelled
    from student_train.loop.run import course_of
    from student_train.loop.steps import State, train_steps
    from student_train.train import student_run

    model, vocabulary, reader = new_student(cache)
    last = steps + 1  # where the loop measures dev: it is never reached
    config = TrainConfig(epochs=1, lr=RATE, clip=CLIP, evaluations=1, max_steps=last, device=device)
    dev = Labelled(vocabulary.encode(["a film"], None), np.array([0]), reader.task)
    run = student_run(config, model, stream, dev, Path())
    course = course_of(run, config, 0, Silent())
    rows, start, worked, losses = 0, time.perf_counter(), time.process_time(), []
    for step in train_steps(run, course, State(), progress=Silent()):
        rows += step.rows
        losses.append(step.loss)
        if step.number == steps:
            break
    loss = float(torch.stack(losses[-10:]).mean())  # reading it waits for a GPU
    used = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - worked}  # the loop alone
    return {"rows": rows, **used, "loss": loss}


def ours(*, cache: str, steps: int) -> Round:
    """Our loop from our stream, the cache read and encoded as it goes."""
    from benchmarks.arms.opened import open_stream

    stream = open_stream(cache, groups=1)
    return lambda: ours_loop(cache, stream, steps=steps)


class Straight(nn.Module):
    """The same student as one writes it first: dense table, packed bidirectional LSTM."""

    def __init__(self, vocabulary: int, dimensions: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, dimensions)
        self.lstm = nn.LSTM(dimensions, HIDDEN, batch_first=True, bidirectional=True)
        self.dense = nn.Linear(2 * HIDDEN, DENSE)
        self.head = nn.Linear(DENSE, classes)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        words = self.dropout(self.embedding(ids))
        packed = pack_padded_sequence(words, lengths.cpu(), batch_first=True, enforce_sorted=False)
        _, (state, _) = self.lstm(packed)  # [2, B, H]
        state = torch.cat([state[0], state[1]], dim=-1)
        return self.head(self.dropout(torch.relu(self.dense(state))))

    @torch.no_grad()
    def take(self, student: nn.Module) -> "Straight":
        """Take the weights of one of our students."""
        theirs = dict(student.named_parameters())
        self.embedding.weight.copy_(theirs["embedding.tuned.weight"])
        for name, parameter in self.lstm.named_parameters():
            side = "backwards" if name.endswith("_reverse") else "forwards"
            parameter.copy_(theirs[f"encoder.{side}.{name.removesuffix('_reverse')}"])
        for name in ("dense", "head"):
            getattr(self, name).load_state_dict(student.get_submodule(name).state_dict())
        return self


def straight_parts(cache: str) -> tuple[Straight, list[tuple[Tensor, Tensor]], Any]:
    """The straightforward model with our student's weights, and all rows as (ids, logits) in memory."""
    student, vocabulary, reader = new_student(cache)
    block = reader.read(list(range(len(reader.groups))))
    side = vocabulary.encode(block.texts, block.pairs)[0]
    ids = [torch.from_numpy(side.row(number).astype(np.int64)) for number in range(len(side))]
    rows = list(zip(ids, torch.from_numpy(block.logits), strict=True))
    weights = dict(student.named_parameters())["embedding.tuned.weight"]
    rows_of_table, width = weights.shape
    return Straight(rows_of_table, width, reader.task.width).take(student), rows, (student, vocabulary, block)


def collate(rows: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
    ids = [row[0] for row in rows]
    return (
        pad_sequence(ids, batch_first=True),
        torch.tensor([len(row) for row in ids]),
        torch.stack([row[1] for row in rows]),
    )


def straight(*, cache: str, steps: int, answers: str = "") -> Round:
    """The straightforward version: rows in memory, already tokenised, DataLoader, packed LSTM, dense AdamW."""
    from torch.utils.data import DataLoader

    model, rows, about = straight_parts(cache)
    if answers:
        _compare(model, about, answers)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)

    def run() -> dict[str, Any]:
        model.train()
        loader: Any = DataLoader(rows, batch_size=BATCH, shuffle=True, collate_fn=collate)  # type: ignore[arg-type]
        start, done, losses = time.perf_counter(), 0, []
        for _, (ids, lengths, logits) in zip(range(steps), loader, strict=False):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(ids, lengths), logits)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            done += len(ids)
            losses.append(loss.detach())
        seconds = time.perf_counter() - start
        return {"rows": done, "seconds": seconds, "loss": float(torch.stack(losses[-10:]).mean())}

    return run


def _compare(model: Straight, about: Any, answers: str) -> None:
    """Leave both students' answers to the same rows, with the same weights, for the parity gate."""
    from student_train.models.answer import answer

    student, vocabulary, block = about
    texts = block.texts[:512]
    side = vocabulary.encode(texts, None)[0]
    ids = [torch.from_numpy(side.row(number).astype(np.int64)) for number in range(len(side))]
    with torch.no_grad():
        packed = model.eval()(pad_sequence(ids, batch_first=True), torch.tensor([len(row) for row in ids]))
    np.save(answers, packed.numpy())
    mine = answer(student, [side], device=torch.device("cpu"), precision=torch.float32)
    np.save(Path(answers).with_suffix(".ours.npy"), mine)
