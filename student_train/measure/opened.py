"""Students and encoders (a teacher, or any Hugging Face classifier) opened through one interface."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from data.errors import BAD_DATA, NO_INPUT, PotstillError
from data.guards.model import read_headers
from data.layout import CONFIG, MANIFEST, TOKENIZER
from data.manifest import open_sealed, read_manifest, seal_of
from data.tasks.task import Task
from data.text.encoding import feed_of
from data.text.families import position_limit
from student_train.directory.sealed import student_directories
from student_train.models.answer import answer
from student_train.student import Student
from student_train.vocab.vocabulary import Joint, Vocabulary

CPU = torch.device("cpu")
LONGEST = 512  # sub-words of a text for an encoder that is not potstill's: what most of them were trained on


@dataclass(frozen=True)
class Opened:
    """A model that answers texts, in float32 on the CPU. bytes: of the files that answering takes."""

    model: nn.Module
    vocabulary: Vocabulary
    task: Task
    bytes: int

    def logits(
        self, texts: list[str], pairs: list[str] | None = None, *, done: Callable[[int], None] = lambda rows: None
    ) -> np.ndarray:
        """Raw scores [N, C] of N texts, or pairs of texts. done: is told of each batch's rows."""
        return answer(self.model, self.vocabulary.encode(texts, pairs), device=CPU, precision=torch.float32, done=done)


def places(directory: Path) -> list[Path]:
    """The model a directory is, or the students of its seeds."""
    return student_directories(directory) if kind_of(directory).startswith("student") else [directory]


def kind_of(directory: Path) -> str:
    """What a directory holds: student, students, or teacher (any encoder, with potstill's manifest or without)."""
    seal = seal_of(directory)
    return "teacher" if seal is None else str(seal["kind"])


def open_model(directory: Path, task: Task | None = None) -> Opened:
    """Open one student or encoder. task: what an encoder without potstill's manifest is for."""
    if kind_of(directory) != "teacher":
        student = Student.load(directory)
        size = int(read_manifest(directory, "student").report["bytes"])
        return Opened(student.model, student.vocabulary, student.task, size)
    if (directory / MANIFEST).is_file():
        manifest = open_sealed(directory, "teacher")
        return _open_encoder(directory, manifest.task, int(manifest.config["max_length"]))
    if task is None:
        raise PotstillError(f"{directory} is no student and no teacher of potstill's", code=NO_INPUT)
    return _open_encoder(directory, task, 0)


def _open_encoder(directory: Path, task: Task, longest: int) -> Opened:
    from student_train.models.encoders.encoder import load_encoder
    from student_train.models.encoders.hugging_face import Transformer

    model, tokenizer = load_encoder(str(directory), task)
    _check_head(directory, model)
    longest = longest or min(LONGEST, position_limit(model.config.to_dict(), tokenizer.model_max_length) or LONGEST)
    feed = feed_of(tokenizer, model, longest)
    files = [*directory.glob("*.safetensors"), directory / CONFIG, directory / TOKENIZER]
    size = sum(file.stat().st_size for file in files if file.is_file())
    return Opened(Transformer(model, feed).eval(), Joint(feed), task, size)


def _check_head(directory: Path, model: nn.Module) -> None:
    """Refuse an encoder without a head of its own: transformers would give it one of random numbers."""
    there = read_headers(directory)
    body = f"{model.base_model_prefix}."
    missing = [name for name in model.state_dict() if not name.startswith(body) and name not in there]
    if missing:
        raise PotstillError(
            f"{directory} is not a trained classifier: its weights lack {', '.join(missing[:4])}",
            hint="fine-tune it first: potstill teach TRAIN --dev DEV -m MODEL -o DIR",
            code=BAD_DATA,
        )
