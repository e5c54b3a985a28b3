"""Arms of `benchmarks.teacher`: texts of an examples directory in, answers in a Parquet file out.

Every function loads what it needs and returns one that does a round. Untimed, the first round also leaves its logits
(or sentence vectors) in `answers` for the parity gate.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from data.examples import read_examples

Round = Callable[[], dict[str, Any]]
MAX_LENGTH = 128
EMBEDDED = 512  # rows whose sentence vectors are compared
TRIED = (32, 64, 128, 256)  # batch sizes a tuned arm chooses from


def load_texts(examples: str, rows: int) -> tuple[list[str], list[str]]:
    """Ids and texts of the first rows."""
    _, stream = read_examples(Path(examples))
    chosen = [example for _, example in zip(range(rows), stream, strict=False)]
    return [example.id for example in chosen], [example.text for example in chosen]


def load_model(teacher: str, dtype: str) -> tuple[Any, Any]:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(teacher, local_files_only=True)
    model = AutoModelForSequenceClassification.from_pretrained(
        teacher, dtype=getattr(torch, dtype), local_files_only=True, use_safetensors=True
    )
    return model.eval(), tokenizer


def ours(*, examples: str, teacher: str, out: str, answers: str, config: dict[str, Any]) -> Round:
    """The cache phase as `potstill cache` runs it: from opening and hashing the inputs to the seal."""
    from data.progress import Silent
    from teacher_cache.build import build
    from teacher_cache.config import CacheConfig

    config = {key: tuple(value) if isinstance(value, list) else value for key, value in config.items()}

    def run() -> dict[str, Any]:
        shutil.rmtree(out, ignore_errors=True)
        start = time.perf_counter()
        manifest = build(CacheConfig(**config), Path(examples), Path(teacher), Path(out), progress=Silent())
        seconds = time.perf_counter() - start
        assert manifest is not None, "the only process of a cache seals it"
        if not Path(answers).exists():
            tables = [pq.read_table(Path(out) / part.name, columns=["logits"]) for part in manifest.parts]
            flat = pa.concat_tables(tables)["logits"].combine_chunks().flatten().to_numpy()
            np.save(answers, flat.reshape(manifest.rows, -1))
        keep = ("padding_waste", "tokens", "seconds", "bytes", "peak_memory_bytes")
        report = {key: manifest.report.get(key) for key in keep}
        return {
            "rows": manifest.rows,
            "seconds": seconds,
            "report": report,
            "dtype": manifest.config["dtype"],
            "attention": manifest.config["attention"],
            "token_budget": manifest.config["token_budget"],
        }

    return run


def plain(*, examples: str, teacher: str, out: str, answers: str, rows: int, hidden: bool = False) -> Round:
    """What one writes first: batches of 32 in the order of the file, padded, float32; argmax and logits to Parquet.

    hidden: the last hidden state of every token too, as lists of lists.
    """
    ids, texts = load_texts(examples, rows)
    model, tokenizer = load_model(teacher, "float32")

    def run() -> dict[str, Any]:
        start = time.perf_counter()
        parts, states = [], []
        with torch.no_grad():
            for at in range(0, len(texts), 32):
                batch = tokenizer(
                    texts[at : at + 32], padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt"
                )
                outputs = model(**batch, output_hidden_states=hidden)
                parts.append(outputs.logits)
                if hidden:
                    lengths = batch["attention_mask"].sum(dim=1).tolist()
                    states += [
                        list(row[:length].numpy())
                        for row, length in zip(outputs.hidden_states[-1], lengths, strict=True)
                    ]
        logits = torch.cat(parts).numpy()
        table = {"id": ids, "label": logits.argmax(axis=1), "logits": list(logits)}
        pq.write_table(pa.table(table | ({"hidden": states} if hidden else {})), out)
        seconds = time.perf_counter() - start
        if not Path(answers).exists():
            np.save(answers, logits)
            np.save(Path(answers).with_suffix(".vectors.npy"), mean_vectors(model, tokenizer, texts[:EMBEDDED]))
        return {"rows": rows, "seconds": seconds}

    return run


def mean_vectors(model: Any, tokenizer: Any, texts: list[str]) -> np.ndarray:
    """Mean of the last hidden states over real tokens, which is what sentence-transformers answers with: [N, D]."""
    parts = []
    with torch.no_grad():
        for text in texts:
            batch = tokenizer(text, truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
            parts.append(model.base_model(**batch).last_hidden_state[0].mean(dim=0))
    return torch.stack(parts).float().numpy()


def tuned(*, examples: str, teacher: str, out: str, answers: str, rows: int, dtype: str, hidden: bool = False) -> Round:
    """A careful loop: all texts tokenised at once, the whole corpus sorted by tokens, our precision, best batch size.

    hidden: the last hidden state of every token goes to Parquet too, as the list column one would choose.
    """
    ids, texts = load_texts(examples, rows)
    model, tokenizer = load_model(teacher, dtype)

    def forward(encoded: list[list[int]], chosen: np.ndarray) -> Any:
        batch = tokenizer.pad({"input_ids": [encoded[i] for i in chosen]}, return_tensors="pt")
        return batch["attention_mask"], model(**batch, output_hidden_states=hidden)

    def answer(texts: list[str], size: int) -> tuple[np.ndarray, list[np.ndarray]]:
        encoded = tokenizer(texts, truncation=True, max_length=MAX_LENGTH)["input_ids"]
        order = np.argsort([-len(row) for row in encoded], kind="stable")
        logits = np.empty((len(texts), model.config.num_labels), np.float32)
        states: list[np.ndarray] = [np.empty(0)] * (len(texts) if hidden else 0)
        with torch.inference_mode():
            for at in range(0, len(order), size):
                chosen = order[at : at + size]
                mask, outputs = forward(encoded, chosen)
                logits[chosen] = outputs.logits.float().numpy()
                if hidden:
                    half = outputs.hidden_states[-1].half().numpy()
                    for place, row, length in zip(chosen, half, mask.sum(dim=1).tolist(), strict=True):
                        states[place] = row[:length].reshape(-1)
        return logits, states

    size = fastest_batch(lambda size: answer(texts[: min(rows, 2048)], size))

    def run() -> dict[str, Any]:
        start = time.perf_counter()
        logits, states = answer(texts, size)
        table = {"id": ids, "label": logits.argmax(axis=1), "logits": pa.array(list(logits))}
        if hidden:
            offsets = np.concatenate([[0], np.cumsum([len(row) for row in states])])
            table["hidden"] = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(states)))
        pq.write_table(pa.table(table), out)
        seconds = time.perf_counter() - start
        if not Path(answers).exists():
            np.save(answers, logits)
        return {"rows": rows, "seconds": seconds, "batch_size": size}

    return run


def sentence_transformers(*, examples: str, teacher: str, answers: str, rows: int, dtype: str, tune: bool) -> Round:
    """`SentenceTransformer.encode`: as it comes (float32, 32 a batch), or in our precision at its best batch size."""
    from sentence_transformers import SentenceTransformer

    _, texts = load_texts(examples, rows)
    model = SentenceTransformer(teacher, device="cpu", model_kwargs={"dtype": getattr(torch, dtype)})
    model.max_seq_length = MAX_LENGTH

    def encode(texts: list[str], size: int) -> np.ndarray:
        with torch.inference_mode():
            return model.encode(texts, batch_size=size, show_progress_bar=False, convert_to_tensor=True).float().numpy()

    size = fastest_batch(lambda size: encode(texts[: min(rows, 2048)], size)) if tune else 32

    def run() -> dict[str, Any]:
        start = time.perf_counter()
        vectors = encode(texts, size)
        seconds = time.perf_counter() - start
        if not Path(answers).exists():
            np.save(answers, vectors[:EMBEDDED])
        return {"rows": rows, "seconds": seconds, "batch_size": size}

    return run


def fastest_batch(once: Callable[[int], Any]) -> int:
    """Try the batch sizes once each (after one warm-up) and take the fastest."""
    once(TRIED[0])
    times = {}
    for size in TRIED:
        start = time.perf_counter()
        once(size)
        times[size] = time.perf_counter() - start
    return min(times, key=times.__getitem__)
