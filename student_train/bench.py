"""How small and how fast: parameters, bytes, latency of one text and throughput of many, text to answer.

Arms are interleaved round by round on the same texts and threads, so a busy machine slows all of them alike.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data import store
from data.manifest import NAME, read_manifest
from data.progress import Progress
from student_train.measure import answer
from student_train.models.table import count_parameters
from student_train.student import Student
from student_train.students import best_student

Answer = Callable[[list[str], list[str] | None], np.ndarray]
ROUNDS = 5
SINGLES = 40  # texts asked one by one in each round


def bench(
    directories: list[Path],
    *,
    texts: list[str],
    pairs: list[str] | None = None,
    threads: int = 0,
    progress: Progress,
) -> list[dict[str, Any]]:
    """Measure students and teachers side by side; one row each.

    parameters, embedding_parameters, megabytes (files needed to answer), p50_ms and p95_ms of single texts,
    rows_per_second in batches of 256. Both times include tokenisation. float32 throughout.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    arms = [_open(directory) for directory in directories]
    times: list[tuple[list[float], list[float]]] = [([], []) for _ in arms]
    progress.start("bench", total=(ROUNDS + 1) * len(arms), unit="rounds")
    for number in range(ROUNDS + 1):
        for (ask, _), (singles, rates) in zip(arms, times, strict=True):
            one, rate = _round(ask, texts, pairs, number)
            if number:  # the first round only warms up
                singles += one
                rates.append(rate)
            progress.advance(1)
    progress.finish()
    used = torch.get_num_threads()
    torch.set_num_threads(before)
    return [
        about
        | {
            "p50_ms": 1e3 * float(np.percentile(singles, 50)),
            "p95_ms": 1e3 * float(np.percentile(singles, 95)),
            "rows_per_second": float(np.median(rates)),
            "threads": used,
        }
        for (_, about), (singles, rates) in zip(arms, times, strict=True)
    ]


def _round(ask: Answer, texts: list[str], pairs: list[str] | None, number: int) -> tuple[list[float], float]:
    """Seconds of single texts, another part of them each round, and rows/s of all of them."""
    singles = []
    for place in range(SINGLES):
        at = (number * SINGLES + place) % len(texts)
        started = time.perf_counter()
        ask([texts[at]], None if pairs is None else [pairs[at]])
        singles.append(time.perf_counter() - started)
    started = time.perf_counter()
    ask(texts, pairs)
    return singles, len(texts) / (time.perf_counter() - started)


def _open(directory: Path) -> tuple[Answer, dict[str, Any]]:
    if store.read_json(directory / NAME, hint="potstill bench takes students and teachers")["kind"] == "encoder":
        return _open_encoder(directory)
    path = best_student(directory)
    student = Student.load(path)
    body, table = count_parameters(student.model)
    size = int(read_manifest(path, "student").report["bytes"])
    return student.logits, _about(directory, body, table, size)


def _open_encoder(directory: Path) -> tuple[Answer, dict[str, Any]]:
    from student_train.encoder import load_encoder
    from student_train.models.transformer import Transformer
    from student_train.vocab import Joint

    manifest = read_manifest(directory, "encoder")
    model, tokenizer = load_encoder(str(directory), manifest.task)
    vocabulary = Joint(tokenizer.backend_tokenizer, int(manifest.config["max_length"]))
    wrapped = Transformer(model).eval()
    body, table = count_parameters(wrapped)

    def ask(texts: list[str], pairs: list[str] | None) -> np.ndarray:
        sides = vocabulary.encode(texts, pairs)
        return answer(wrapped, sides, device=torch.device("cpu"), precision=torch.float32)

    size = sum((directory / name).stat().st_size for name in ("model.safetensors", "config.json", "tokenizer.json"))
    return ask, _about(directory, body, table, size)


def _about(directory: Path, body: int, table: int, size: int) -> dict[str, Any]:
    return {"name": directory.name, "parameters": body, "embedding_parameters": table, "megabytes": size / 1e6}
