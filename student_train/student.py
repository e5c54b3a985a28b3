"""A finished student: open its directory and ask it. Needs nothing but the directory."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from data.errors import BAD_DATA, PotstillError
from data.guards.model import check_files, check_model
from data.guards.tokenizer import check_tokenizer
from data.guards.untrusted import read_json, refusing
from data.layout import CONFIG, TOKENIZER, VOCABULARY, WEIGHTS
from data.manifest import Manifest, open_sealed
from data.tasks.task import Task
from student_train.directory.sealed import STUDENT_FILES, best_student
from student_train.models.answer import answer
from student_train.models.shape import Shape
from student_train.models.sizes import SHAPE, read_shape
from student_train.models.table import build_model
from student_train.models.weights import check_weights, load_weights
from student_train.vocab.vocabulary import Joint, Subwords, Words, load_vocabulary

MAX_VOCABULARY = 64 << 20
LONGEST = 1 << 20  # words of a text that a student may be asked to read
MODEL_TYPE = "model_type"  # in the config.json of a Hugging Face model


@dataclass(frozen=True)
class Student:
    """A model with its vocabulary and task."""

    model: nn.Module
    vocabulary: Words | Subwords | Joint
    task: Task

    @staticmethod
    def load(directory: str | Path) -> "Student":
        """Open a student directory, or the best seed of several.

        It is not trusted: sizes are checked first. What was changed or damaged after the seal is refused (BAD_DATA).
        """
        with refusing(f"{directory} is no student that can be opened"):
            path = best_student(Path(directory))
            check_files(path)
            manifest = open_sealed(path, "student")
            _check_sealed(path, manifest)
            config = read_json(path / CONFIG)
            if MODEL_TYPE in config:
                check_model(path)
            shape = read_shape(config[SHAPE], config)
            check_weights(path / WEIGHTS, lambda: build_model(shape))
            vocabulary = _vocabulary(path, shape)
            model = build_model(shape)
            load_weights(path / WEIGHTS, model)
        return Student(model.eval(), vocabulary, manifest.task)

    def logits(self, texts: list[str], pairs: list[str] | None = None, *, batch_size: int = 256) -> np.ndarray:
        """Raw scores [N, C] of N texts, or pairs of texts."""
        if self.task.pair != (pairs is not None):
            raise PotstillError("this student reads " + ("two texts: pass pairs=" if self.task.pair else "one text"))
        texts, pairs = _checked(texts, "text"), None if pairs is None else _checked(pairs, "pair")
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
        return self.task.rules.says(self.logits(texts, pairs, batch_size=batch_size), self.task.labels)


def _check_sealed(path: Path, manifest: Manifest) -> None:
    """Refuse a file that answering takes and that the manifest does not speak of: nobody can say whose it is."""
    known = {part.name for part in manifest.parts}
    for name in STUDENT_FILES:
        if (path / name).exists() and name not in known:
            raise PotstillError(f"{path / name} was put there after the student was sealed", code=BAD_DATA)


def _checked(texts: Iterable[str], name: str) -> list[str]:
    """Refuse what is no list of texts: one text alone, and entries that are None, numbers or half characters."""
    if isinstance(texts, str):
        raise PotstillError(f"{name}s is one str, expected a list of them", hint=f"[{texts[:40]!r}]")
    found = list(texts)
    for number, text in enumerate(found):
        if not isinstance(text, str):
            raise PotstillError(
                f"{name} {number} is {text!r:.60} ({type(text).__name__}), expected a str",
                hint="leave such entries out, or give them as empty texts",
                code=BAD_DATA,
            )
        if not text.isascii() and text.encode("utf-8", "ignore").decode("utf-8") != text:
            raise PotstillError(f"{name} {number} holds half a character: {text!r:.60}", code=BAD_DATA)
    return found


def _vocabulary(path: Path, shape: Shape) -> Words | Subwords | Joint:
    """Open a student's vocabulary; its ids must be rows of the student's word table."""
    read_json(path / VOCABULARY, max_bytes=MAX_VOCABULARY)
    if (path / TOKENIZER).exists():
        check_tokenizer(path / TOKENIZER)
    vocabulary = load_vocabulary(path)
    if vocabulary.size != shape.vocabulary or not 0 < vocabulary.longest <= LONGEST:
        raise PotstillError(
            f"{path / VOCABULARY} has {vocabulary.size:,} ids and texts of {vocabulary.longest}, the student has "
            f"{shape.vocabulary:,} word vectors",
            code=BAD_DATA,
        )
    if isinstance(vocabulary, Subwords):
        ids = vocabulary.tokenizer.get_vocab_size(with_added_tokens=True)
        if not all(type(number) is int and 0 <= number < ids for number in vocabulary.kept):
            raise PotstillError(f"{path / VOCABULARY} keeps sub-words that its tokenizer does not have", code=BAD_DATA)
    return vocabulary
