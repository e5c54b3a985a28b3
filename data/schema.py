"""The columns on disk: what the examples hold and what a teacher can say of one of them.

`SIGNALS` is the contract of the cache: `docs/CACHE_FORMAT.md` explains it, `teacher_cache/extract.py` fills it,
`student_train` reads it.
"""

from dataclasses import dataclass

import pyarrow as pa

from data.errors import PotstillError
from data.tasks.task import Task

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Signal:
    """One kind of teacher answer.

    per      "text": one value a row; "token": one a sub-word
    layered  named `name.<layer>` (Hugging Face index: 0 is the embedding output, l the output of layer l)
    dtype    numpy name of the stored numbers
    doc      what it is
    """

    per: str
    layered: bool
    dtype: str
    doc: str


SIGNALS: dict[str, Signal] = {
    "logits": Signal("text", False, "float32", "raw class scores [C], always stored"),
    "cls": Signal("text", True, "float16", "hidden state of the first token [D]"),
    "mean": Signal("text", True, "float16", "mean of the hidden states over real tokens [D]"),
}


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


def teacher_schema(task: Task, signals: tuple[str, ...], width: int) -> pa.Schema:
    """Columns of a teacher shard; `width` is the teacher's hidden size D.

    Vectors are fixed_size_binary of little-endian float16: read ten times faster than a list of halves, and polars
    turns them into numbers with `bin.reinterpret`.
    """
    fields = [
        pa.field("id", pa.string(), nullable=False),
        pa.field("n_tokens", pa.int32(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("logits", pa.list_(pa.field("item", pa.float32(), nullable=False), task.width), nullable=False),
    ]
    for column in signals:
        if column != "logits":
            dtype = split_signal(column)[0].dtype
            about = {"dtype": dtype, "shape": f"[{width}]", "byteorder": "little"}
            fields.append(pa.field(column, pa.binary(width * 2), nullable=False, metadata=about))
    return pa.schema(fields)


def split_signal(column: str) -> tuple[Signal, int | None]:
    """Look up a column name: `cls.6` -> (SIGNALS["cls"], 6), `logits` -> (SIGNALS["logits"], None)."""
    name, dot, layer = column.partition(".")
    signal = SIGNALS.get(name)
    if signal is None or signal.layered != bool(dot) or (dot and not layer.isdigit()):
        known = ", ".join(f"{key}.<layer>" if value.layered else key for key, value in SIGNALS.items())
        raise PotstillError(f"no signal {column!r}", hint=f"signals: {known}")
    return signal, int(layer) if dot else None


def signal_columns(signals: tuple[str, ...], layers: tuple[int, ...], *, depth: int) -> tuple[str, ...]:
    """Spell out asked signals: `("logits", "cls")` with layers (2, 6) -> ("logits", "cls.2", "cls.6").

    A layered name without a layer takes `layers`, or the teacher's last layer (`depth`) where none are given.
    """
    columns = ["logits"]
    for name in signals:
        if name in SIGNALS and SIGNALS[name].layered:
            columns += [f"{name}.{layer}" for layer in (layers or (depth,))]
        else:
            columns.append(name)
    for column in columns:
        layer = split_signal(column)[1]
        if layer is not None and layer > depth:
            raise PotstillError(f"no layer {layer} in a teacher of {depth} layers", hint=f"layers: 0 to {depth}")
    return tuple(dict.fromkeys(columns))
