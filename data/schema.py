"""The columns on disk: those of examples, and the signals (a teacher's outputs) of a cache.

`SIGNALS` is the contract of the cache: docs/CACHE_FORMAT.md explains it, teacher_cache/inference/extract.py fills it,
`student_train` reads it. Shapes: C classes, D hidden width, H heads, T sub-words and W words of a row.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from data.errors import PotstillError
from data.tasks.task import Task

SCHEMA_VERSION = 2  # 1: kind `teacher` was a cache, kind `encoder` a teacher
# Names that stand for columns of another name: the embedding output is the hidden state before layer 1.
ALIASES = {"embedding": ("hidden.0",), "qkv": ("q", "k", "v")}


@dataclass(frozen=True)
class Signal:
    """One kind of output that a cache can store.

    per      "text": `width` numbers a row; "token": [T, width]; "pair": a number for each two sub-words, [T(T+1)/2]
    layered  named `name.<layer>` (Hugging Face index: 0 is the embedding output, l the output of layer l)
    dtype    numpy name of the stored numbers
    doc      what it is
    width    sort of its width: "hidden" (D), "classes" (C), "query" or "key" (heads x head size), "one"
    first    lowest layer that has it
    """

    per: str
    layered: bool
    dtype: str
    doc: str
    width: str = "hidden"
    first: int = 0


SIGNALS: dict[str, Signal] = {
    "logits": Signal("text", False, "float32", "raw class scores [C], per word [W, C]; always stored", "classes"),
    "input_ids": Signal("token", False, "int32", "the teacher's sub-words [T]", "one"),
    "cls": Signal("text", True, "float16", "hidden state of the first token [D]"),
    "mean": Signal("text", True, "float16", "mean of the hidden states over real tokens [D]"),
    "hidden": Signal("token", True, "float16", "hidden states of all real tokens [T, D]"),
    "q": Signal(
        "token", True, "float16", "queries of a layer's attention, heads side by side [T, H x size]", "query", 1
    ),
    "k": Signal("token", True, "float16", "keys, the same way", "key", 1),
    "v": Signal("token", True, "float16", "values, the same way", "key", 1),
    "gram": Signal("pair", True, "float32", "products of the hidden states with each other [T(T+1)/2]", "one"),
}


@dataclass(frozen=True)
class Sizes:
    """Sizes of a teacher, which decide the width of its columns.

    hidden     D
    heads      heads H of the queries; key_heads: of the keys and values (fewer where heads are grouped)
    head_size  numbers of one head
    windows    layer l -> how far its attention looks to either side, in sub-words, at l - 1; 0: over the whole row
    """

    hidden: int
    heads: int = 0
    key_heads: int = 0
    head_size: int = 0
    windows: tuple[int, ...] = ()


def examples_schema(task: Task) -> pa.Schema:
    """Columns of an examples part."""
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("text", pa.string(), nullable=False),
            pa.field("pair", pa.string()),
            pa.field("words", pa.list_(pa.string())),
            pa.field("label", task.rules.label_type),
            pa.field("split", pa.string(), nullable=False),
            pa.field("source_id", pa.string()),
            pa.field("op", pa.string()),
            pa.field("k", pa.int32()),
        ]
    )


def cache_schema(task: Task, signals: tuple[str, ...], sizes: Sizes) -> pa.Schema:
    """Columns of a shard of a cache.

    Vectors are fixed_size_binary of little-endian numbers: read ten times faster than a list of halves, and polars
    turns them into numbers with `bin.reinterpret`. Rows of T vectors are large_binary: T is `n_tokens`.
    """
    fields = [
        pa.field("id", pa.string(), nullable=False),
        pa.field("n_tokens", pa.int32(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("logits", logits_type(task), nullable=False),
    ]
    for column in signals:
        if column == "input_ids":
            fields.append(pa.field(column, pa.list_(pa.field("element", pa.int32(), nullable=False)), nullable=False))
        elif column != "logits":
            fields.append(_binary_field(column, width_of(column, task, sizes), sizes))
    return pa.schema(fields)


def logits_type(task: Task) -> pa.DataType:
    """Arrow type of `logits`: C numbers a row; for kinds whose unit is the word, a list of C numbers for each word."""
    scores = pa.list_(pa.field("item", pa.float32(), nullable=False), task.width)
    return scores if task.rules.unit == "text" else pa.list_(pa.field("element", scores, nullable=False))


def width_of(column: str, task: Task, sizes: Sizes) -> int:
    """Numbers in one vector of a column."""
    widths = {
        "hidden": sizes.hidden,
        "classes": task.width,
        "query": sizes.heads * sizes.head_size,
        "key": sizes.key_heads * sizes.head_size,
        "one": 1,
    }
    return widths[split_signal(column)[0].width]


def count_numbers(signal: Signal, width: int, tokens: np.ndarray) -> np.ndarray:
    """Numbers that each row holds. tokens: sub-words of each row, int [N]; returns int64 [N]."""
    tokens = tokens.astype(np.int64)
    per_row = {"text": np.full_like(tokens, width), "token": tokens * width, "pair": tokens * (tokens + 1) // 2}
    return per_row[signal.per]


def split_signal(column: str) -> tuple[Signal, int | None]:
    """Look up a column name: `cls.6` -> (SIGNALS["cls"], 6), `logits` -> (SIGNALS["logits"], None)."""
    name, dot, layer = column.partition(".")
    signal = SIGNALS.get(name)
    if signal is None or signal.layered != bool(dot) or (dot and not layer.isdecimal()):
        known = ", ".join(f"{key}.<layer>" if value.layered else key for key, value in SIGNALS.items())
        raise PotstillError(f"no signal {column!r}", hint=f"signals: {known}, qkv.<layer>, embedding")
    return signal, int(layer) if dot else None


def signal_columns(signals: tuple[str, ...], layers: tuple[int, ...], *, depth: int) -> tuple[str, ...]:
    """Turn signal names into columns: `("logits", "cls")` with layers (2, 6) -> ("logits", "cls.2", "cls.6").

    A layered name without a layer takes `layers`, or the teacher's last layer (`depth`) where none are given.
    """
    columns = ["logits"]
    for asked in signals:
        for name in _plain_names(asked):
            if name in SIGNALS and SIGNALS[name].layered:
                columns += [f"{name}.{layer}" for layer in (layers or (depth,))]
            else:
                columns.append(name)
    for column in columns:
        signal, layer = split_signal(column)
        if layer is not None and not signal.first <= layer <= depth:
            name = column.partition(".")[0]
            what = (
                f"no layer {layer} in a teacher of {depth} layers" if layer > depth else f"layer {layer} has no {name}"
            )
            raise PotstillError(what, hint=f"layers of {name}: {signal.first} to {depth}")
    return tuple(dict.fromkeys(columns))


def _plain_names(asked: str) -> list[str]:
    """Expand an alias: `qkv.3` -> q.3, k.3, v.3."""
    name, dot, layer = asked.partition(".")
    if name not in ALIASES or (dot and name == "embedding"):
        return [asked]
    return [f"{plain}{dot}{layer}" for plain in ALIASES[name]]


def _binary_field(column: str, width: int, sizes: Sizes) -> pa.Field:
    """A column of packed numbers; the metadata says how to unpack them."""
    signal, layer = split_signal(column)
    shape = {"text": f"[{width}]", "token": f"[T, {width}]", "pair": "[T(T+1)/2]"}[signal.per]
    about = {"dtype": signal.dtype, "shape": shape, "byteorder": "little"}
    if signal.width in ("query", "key"):
        about["heads"] = str(sizes.heads if signal.width == "query" else sizes.key_heads)
        if sizes.windows and (window := sizes.windows[(layer or 0) - 1]):
            about["window"] = str(window)
    one_row = width * np.dtype(signal.dtype).itemsize
    return pa.field(
        column, pa.binary(one_row) if signal.per == "text" else pa.large_binary(), nullable=False, metadata=about
    )
