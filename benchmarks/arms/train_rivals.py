"""Arms of `benchmarks.train` with the teacher in every step: by hand, and TextBrewer's distiller."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from benchmarks.arms.train import BATCH, RATE, Round, Straight, collate, straight_parts


def in_the_loop(*, cache: str, teacher: str, steps: int) -> Round:
    """By hand: the teacher's forward pass under no_grad in every step, tokens ready, float32, random batches."""
    batches, model, mentor = _pair(cache, teacher, steps)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)

    def run() -> dict[str, Any]:
        model.train()
        start, done = time.perf_counter(), 0
        for batch in batches():
            with torch.no_grad():
                logits = mentor(batch["teacher_ids"], attention_mask=batch["mask"]).logits
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(batch["ids"], batch["lengths"]), logits)
            loss.backward()
            optimizer.step()
            done += len(logits)
        return {"rows": done, "seconds": time.perf_counter() - start}

    return run


def textbrewer(*, cache: str, teacher: str, steps: int, out: str) -> Round:
    """TextBrewer's GeneralDistiller on the same pair of models, tokens ready."""
    import logging

    from textbrewer import DistillationConfig, GeneralDistiller, TrainingConfig

    logging.disable(logging.INFO)
    batches, model, mentor = _pair(cache, teacher, steps)
    config = TrainingConfig(device="cpu", output_dir=out, log_dir=None, ckpt_frequency=1)
    distill = DistillationConfig(temperature=1, hard_label_weight=0, kd_loss_type="mse")

    class Mentor(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = mentor

        def forward(self, teacher_ids: Tensor, mask: Tensor, **_: Tensor) -> Any:
            return self.model(teacher_ids, attention_mask=mask).logits

    class Pupil(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: Tensor, lengths: Tensor, **_: Tensor) -> Any:
            return self.model(ids, lengths)

    def adaptor(batch: Any, outputs: Tensor) -> dict[str, Any]:
        return {"logits": outputs}

    pupil = Pupil()
    distiller = GeneralDistiller(config, distill, Mentor(), pupil, adaptor, adaptor)
    optimizer = torch.optim.AdamW(pupil.parameters(), lr=RATE, weight_decay=0.01)

    class Loader:
        def __iter__(self) -> Iterator[Any]:
            return batches()

        def __len__(self) -> int:
            return steps

    def run() -> dict[str, Any]:
        start = time.perf_counter()
        distiller.train(optimizer, Loader(), num_epochs=1)
        return {"rows": steps * BATCH, "seconds": time.perf_counter() - start}

    return run


def _pair(cache: str, teacher: str, steps: int) -> tuple[Callable[[], Iterator[dict[str, Tensor]]], Straight, Any]:
    """Random batches with both models' ids, the straightforward student and its teacher in float32."""
    from torch.utils.data import DataLoader
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model, rows, (_, _, block) = straight_parts(cache)
    tokenizer = AutoTokenizer.from_pretrained(teacher, local_files_only=True)
    mentor = AutoModelForSequenceClassification.from_pretrained(teacher, dtype=torch.float32, local_files_only=True)
    whole = tokenizer(block.texts, truncation=True, max_length=128)["input_ids"]
    both = [(ids, torch.tensor(teacher_ids)) for (ids, _), teacher_ids in zip(rows, whole, strict=True)]

    def join(rows: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        ids, lengths, _ = collate([(row[0], torch.zeros(1)) for row in rows])
        teacher_ids = pad_sequence([row[1] for row in rows], batch_first=True)
        return {"ids": ids, "lengths": lengths, "teacher_ids": teacher_ids, "mask": (teacher_ids != 0).long()}

    def batches() -> Iterator[dict[str, Tensor]]:
        loader: Any = DataLoader(both, batch_size=BATCH, shuffle=True, collate_fn=join)  # type: ignore[arg-type]
        return (batch for _, batch in zip(range(steps), loader, strict=False))

    return batches, model, mentor.eval()
