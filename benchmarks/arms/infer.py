"""Arms of `benchmarks.infer`: texts in, logits out, tokenisation included, float32."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

Round = Callable[[], dict[str, Any]]


def student(*, directory: str, texts: list[str], batch: int, answers: str = "") -> Round:
    """`Student.logits`."""
    from student_train.student import Student

    loaded = Student.load(directory)

    def run() -> dict[str, Any]:
        if batch == 1:
            return singles(texts, lambda text: loaded.logits([text]))
        logits = loaded.logits(texts, batch_size=batch)
        if answers and not Path(answers).exists():
            np.save(answers, logits)
        return {"rows": len(texts)}

    return run


def encoder(*, directory: str, texts: list[str], batch: int, by_length: bool) -> Round:
    """A transformers model as its guide shows it; by_length: texts sorted by their length first."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
    model = AutoModelForSequenceClassification.from_pretrained(directory, dtype=torch.float32, local_files_only=True)
    return asking(model.eval(), tokenizer, sorted(texts, key=len) if by_length else texts, batch)


def large(*, tokenizer: str, texts: list[str], batch: int, layers: int, width: int) -> Round:
    """A BERT of random weights: its speed is that of a trained one."""
    from transformers import AutoTokenizer, BertForSequenceClassification

    from benchmarks.race.material import bert_config

    tok = AutoTokenizer.from_pretrained(tokenizer, local_files_only=True)
    model = BertForSequenceClassification(bert_config(layers, width, len(tok))).eval()
    return asking(model, tok, texts, batch)


def asking(model: Any, tokenizer: Any, texts: list[str], batch: int) -> Round:
    @torch.inference_mode()
    def ask(some: list[str]) -> Any:
        inputs = tokenizer(some, padding=True, truncation=True, max_length=128, return_tensors="pt")
        return model(**inputs).logits.numpy()

    def run() -> dict[str, Any]:
        if batch == 1:
            return singles(texts, lambda text: ask([text]))
        for at in range(0, len(texts), batch):
            ask(texts[at : at + batch])
        return {"rows": len(texts)}

    return run


def singles(texts: list[str], ask: Callable[[str], Any]) -> dict[str, Any]:
    """One text after the other; the median and the 95th percentile are what a caller waits."""
    times = []
    for text in texts:
        start = time.perf_counter()
        ask(text)
        times.append(time.perf_counter() - start)
    return {
        "rows": len(texts),
        "seconds": sum(times),
        "p50_ms": 1e3 * float(np.percentile(times, 50)),
        "p95_ms": 1e3 * float(np.percentile(times, 95)),
    }
