"""Originals -> their unique, clean synthetic rows. Draw k of a pair edits text A, text B or both, in turn."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from augment.config import AugmentConfig
from augment.draw import draw_key
from augment.rows.edit import OP_NAMES, Draws, edit, join, whole
from augment.rows.screen import Rows, screen
from augment.tagged import SIDES, Texts
from augment.vocabulary import Vocabulary
from data.example import example_digests

N_WORDS = "n_words"  # extra column of the candidates: words of the original, for the report by length
COLUMNS = {side.upper(): column for side, column in SIDES.items()}
_SIDES = [[f"{name}:{op}" if op else "" for op in OP_NAMES] for name in COLUMNS]
_PAIR_OPS = ["|".join(filter(None, (a, b))) for b in _SIDES[1] for a in _SIDES[0]]


@dataclass(frozen=True, slots=True)
class Rules:
    """Inputs shared by all originals: config, task kind, vocabulary, and the keys of dev and test texts."""

    config: AugmentConfig
    kind: str
    vocabulary: Vocabulary | None
    guard: frozenset[str]


def synthesise(originals: pa.Table, sides: list[Texts], rules: Rules) -> tuple[pa.Table, Counter[str]]:
    """Return each original followed by its good rows, in order of their draws, and counts of dropped rows by reason.

    originals  N rows of an examples table;  sides: their N tagged texts, or two times N for pairs

    The table has one more column, `N_WORDS`. A synthetic row has no label: the teacher's answer is its target.
    """
    rows = _draw(originals, sides, rules)
    # The original as it is and with single blanks: no synthetic row may equal either.
    standing = [originals[name].combine_chunks() for name, _ in zip(COLUMNS.values(), sides, strict=False)]
    folded = [join(side, whole(side)) for side in sides]
    chosen, dropped = screen(rows, [standing, folded], rules.guard)
    dropped["equals_original"] += len(originals) * rules.config.n_iter - len(rows.op)  # draws that changed nothing
    n_words = sum(side.lengths for side in sides)
    originals = originals.append_column(N_WORDS, pa.array(n_words, pa.int32()))
    synthetic = _table(originals, rows.take(chosen), rules.kind)
    source = np.concatenate([np.arange(len(originals)), rows.source[chosen]])
    table = pa.concat_tables([originals, synthetic]).combine_chunks()
    return table.take(pa.array(np.argsort(source, kind="stable"))), +dropped


def _draw(originals: pa.Table, sides: list[Texts], rules: Rules) -> Rows:
    """Make all draws; those that change nothing are left out.

    The side of a pair that is not edited is the ORIGINAL text, never an earlier edit.
    """
    count, n_iter = len(originals), rules.config.n_iter
    source, k = np.repeat(np.arange(count), n_iter), np.tile(np.arange(n_iter), count)
    cycle = rules.config.pair_cycle if len(sides) > 1 else ("A",)
    op, all_mask, texts = np.zeros(len(k), np.int64), np.zeros(len(k), bool), []
    for i, (name, side) in enumerate(zip(COLUMNS, sides, strict=False)):
        turn = np.array([name in cycle[draw % len(cycle)] for draw in range(n_iter)], bool)
        mine = np.flatnonzero(np.tile(turn, count))
        edited = edit(side, _keyed(originals, name, source[mine], k[mine], rules), rules.config, rules.vocabulary)
        changed = np.flatnonzero(edited.changed)
        op[mine] += edited.changed * len(OP_NAMES) ** i
        all_mask[mine[changed]] |= edited.all_mask[changed]
        at = source.copy()
        at[mine[changed]] = count + changed
        texts.append(pa.concat_arrays([originals[COLUMNS[name]].combine_chunks(), edited.text]).take(pa.array(at)))
    return Rows(source, k, texts, op, all_mask).take(np.flatnonzero(op))


def _keyed(originals: pa.Table, name: str, source: np.ndarray, k: np.ndarray, rules: Rules) -> Draws:
    keys = [draw_key(rules.config.seed, id, name) for id in originals["id"].to_pylist()]
    return Draws(source, np.array(keys, np.uint64)[source], k.astype(np.uint64))


def _table(originals: pa.Table, rows: Rows, kind: str) -> pa.Table:
    """Make the table of synthetic rows: their ids, and the other columns from their originals."""
    source, count = pa.array(rows.source), len(rows.op)
    names = pa.array(OP_NAMES if len(rows.texts) == 1 else _PAIR_OPS)
    known = {
        "id": _ids(kind, rows.texts),
        **dict(zip(COLUMNS.values(), rows.texts, strict=False)),
        "split": originals["split"].take(source),
        "source_id": originals["id"].take(source),
        "op": names.take(pa.array(rows.op)),
        "k": pa.array(rows.k, pa.int32()),
        N_WORDS: originals[N_WORDS].take(source),
    }
    nothing = {field.name: pa.nulls(count, field.type) for field in originals.schema}
    return pa.table(nothing | known, schema=originals.schema)


def _ids(kind: str, texts: list[pa.StringArray]) -> pa.StringArray:
    digits = example_digests(kind, *(text.cast(pa.binary()).to_pylist() for text in texts)).hex()
    ends = np.arange(0, len(digits) + 1, 32, dtype=np.int32)
    return pa.StringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends), pa.py_buffer(digits.encode("ascii")))
