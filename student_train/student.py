"""A finished student: open its directory and ask it. Needs nothing but the directory."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from data import store
from data.errors import PotstillError
from data.manifest import read_manifest
from data.tasks.task import Task
from student_train.checkpoint import WEIGHTS, load_weights
from student_train.measure import answer
from student_train.models.shape import Shape
from student_train.models.table import build_model
from student_train.students import CONFIG, best_student
from student_train.vocab import Subwords, Words, load_vocabulary


@dataclass(frozen=True)
class Student:
    """A model with its vocabulary and task."""

    model: nn.Module
    vocabulary: Words | Subwords
    task: Task

    @staticmethod
    def load(directory: str | Path) -> "Student":
        """Open a student directory, or the best seed of several."""
        path = best_student(Path(directory))
        read_manifest(path, "student")
        values = store.read_json(path / CONFIG)
        model = build_model(Shape(**values["shape"]))
        load_weights(path / WEIGHTS, model)
        return Student(model.eval(), load_vocabulary(path), Task.from_dict(values["task"]))

    def logits(self, texts: list[str], pairs: list[str] | None = None, *, batch_size: int = 256) -> np.ndarray:
        """Raw scores [N, C] of N texts, or pairs of texts."""
        if self.task.pair != (pairs is not None):
            raise PotstillError("this student reads " + ("two texts: pass pairs=" if self.task.pair else "one text"))
        if pairs is not None and len(pairs) != len(texts):
            raise PotstillError(f"{len(texts)} texts but {len(pairs)} pairs")
        if not texts:
            return np.zeros((0, self.task.width), np.float32)
        sides = self.vocabulary.encode(texts, pairs)
        cpu = torch.device("cpu")
        return answer(self.model, sides, device=cpu, precision=torch.float32, batch_size=batch_size)

    def predict(
        self, texts: list[str], pairs: list[str] | None = None, *, batch_size: int = 256
    ) -> list[dict[str, Any]]:
        """Answer each text: {"label", "probability", "probabilities"} for classes, {"score"} for scores."""
        logits = self.logits(texts, pairs, batch_size=batch_size)
        values = self.task.rules.probabilities(logits)
        predicted = self.task.rules.predict(logits)
        if not self.task.labels:
            return [{"score": float(score)} for score in predicted]
        return [
            {
                "label": self.task.labels[int(label)],
                "probability": round(float(row[int(label)]), 6),
                "probabilities": {name: round(float(p), 6) for name, p in zip(self.task.labels, row, strict=True)},
            }
            for label, row in zip(predicted, values, strict=True)
        ]
