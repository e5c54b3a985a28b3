"""Ceilings of `benchmarks.teacher`: one part of the cache phase alone, the others away. Same form as its arms."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from benchmarks.arms.teacher import MAX_LENGTH, Round, load_texts


def forward_only(*, examples: str, teacher: str, rows: int, machine: dict[str, Any]) -> Round:
    """A ceiling: our batches, ready as tensors, through the model as the cache phase computes it; nothing is stored."""
    from teacher_cache.inference.forward import Forward
    from teacher_cache.inference.lanes import side_by_side

    batches = [batch for batch, _ in our_batches(examples, teacher, rows, machine)]
    model = our_model(teacher, machine)
    forward = Forward(model, {"logits": model.config.num_labels}, 0, machine["token_budget"])

    @torch.inference_mode()
    def answer(batch: dict[str, torch.Tensor]) -> None:
        model(**batch)

    def run() -> dict[str, Any]:
        with forward.ready(model) as lanes:
            for _ in side_by_side(answer, batches, lanes):
                pass
        return {"rows": rows}

    return run


def tokenise_only(*, examples: str, teacher: str, rows: int) -> Round:
    """A ceiling: texts to flat arrays of sub-words."""
    from data.text.encoding import prepare, tokenise
    from teacher_cache.teacher.files import inspect_teacher
    from teacher_cache.teacher.load import load_tokenizer

    _, texts = load_texts(examples, rows)
    tokeniser = prepare(load_tokenizer(inspect_teacher(teacher)), MAX_LENGTH)

    def run() -> dict[str, Any]:
        for at in range(0, len(texts), 8192):
            tokenise(tokeniser, texts[at : at + 8192])
        return {"rows": rows}

    return run


def write_only(*, cache: str, out: str) -> Round:
    """A ceiling: the columns of a finished cache written, flushed and hashed again."""
    from data import store
    from data.row_groups import parquet_writer

    parts = sorted(Path(cache).glob("part-*.parquet"))
    tables = [pq.read_table(part) for part in parts]
    vectors = tuple(field.name for field in tables[0].schema if pa.types.is_binary(field.type))

    def run() -> dict[str, Any]:
        for number, table in enumerate(tables):
            path = Path(out).with_name(f"{Path(out).name}-{number}")
            with parquet_writer(path, table.schema, vectors=vectors) as writer:
                writer.write_table(table, row_group_size=8192)
            store.sha256_file(path)
        return {"rows": sum(len(table) for table in tables)}

    return run


def our_batches(
    examples: str, teacher: str, rows: int, machine: dict[str, Any]
) -> Iterator[tuple[dict[str, torch.Tensor], np.ndarray]]:
    """The batches the cache phase makes of these rows, and which rows stand in each."""
    from data.text.encoding import pad, prepare, tokenise
    from teacher_cache.inference.batching import plan_batches
    from teacher_cache.teacher.files import inspect_teacher
    from teacher_cache.teacher.load import load_tokenizer

    _, texts = load_texts(examples, rows)
    tokeniser = prepare(load_tokenizer(inspect_teacher(teacher)), MAX_LENGTH)
    tokens = tokenise(tokeniser, texts)
    for chosen in plan_batches(tokens.lengths, machine["token_budget"]):
        yield {name: torch.from_numpy(array) for name, array in pad(tokens, chosen, tokeniser.pad).items()}, chosen


def our_model(teacher: str, machine: dict[str, Any]) -> Any:
    from teacher_cache.launch.machine import bound_caches
    from teacher_cache.teacher.files import inspect_teacher
    from teacher_cache.teacher.load import load_model as load

    bound_caches()
    return load(inspect_teacher(teacher), device="cpu", dtype=machine["dtype"], attention=machine["attention"])
