"""The columns of a shard of a cache: their names, their types, how many numbers a row has."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from data.errors import PotstillError
from data.schema import SIGNALS, Sizes, cache_schema, count_numbers, signal_columns, width_of
from data.tasks import KINDS
from data.tasks.task import Task

TASK = Task("classify", ("no", "yes"))
GROUPED = Sizes(384, heads=6, key_heads=2, head_size=32)


def test_qkv_and_embedding_are_spelled_out() -> None:
    assert signal_columns(("qkv.12", "embedding"), (), depth=12) == ("logits", "q.12", "k.12", "v.12", "hidden.0")
    assert signal_columns(("qkv", "hidden"), (1, 2), depth=2)[1:] == (
        *("q.1", "q.2", "k.1", "k.2", "v.1", "v.2"),
        *("hidden.1", "hidden.2"),
    )
    assert signal_columns(("input_ids", "gram"), (), depth=3) == ("logits", "input_ids", "gram.3")
    assert signal_columns(("embedding", "hidden.0"), (), depth=3) == ("logits", "hidden.0")


def test_there_is_no_attention_before_the_first_layer() -> None:
    with pytest.raises(PotstillError, match="layer 0 has no q") as caught:
        signal_columns(("qkv.0",), (), depth=3)
    assert caught.value.hint == "layers of q: 1 to 3"


@pytest.mark.parametrize("name", ["embedding.1", "input_ids.2", "qkv.x", "hidden.²"])
def test_a_layer_where_none_belongs_is_refused(name: str) -> None:
    with pytest.raises(PotstillError, match="no signal"):
        signal_columns((name,), (), depth=3)


def test_widths_follow_the_heads() -> None:
    widths = {name: width_of(name, TASK, GROUPED) for name in ("logits", "hidden.1", "q.1", "k.1", "v.1", "input_ids")}
    assert widths == {"logits": 2, "hidden.1": 384, "q.1": 192, "k.1": 64, "v.1": 64, "input_ids": 1}


def test_numbers_of_a_row_follow_its_sub_words() -> None:
    tokens = np.array([0, 1, 4])
    assert count_numbers(SIGNALS["cls"], 8, tokens).tolist() == [8, 8, 8]
    assert count_numbers(SIGNALS["hidden"], 8, tokens).tolist() == [0, 8, 32]
    assert count_numbers(SIGNALS["gram"], 1, tokens).tolist() == [0, 1, 10]


def test_columns_of_sub_words_are_ragged() -> None:
    schema = cache_schema(TASK, ("logits", "input_ids", "hidden.3", "q.1"), GROUPED)
    assert schema.field("input_ids").type.value_type == pa.int32()
    assert schema.field("hidden.3").type == schema.field("q.1").type == pa.large_binary()
    assert schema.field("hidden.3").metadata[b"shape"] == b"[T, 384]"
    assert schema.field("q.1").metadata[b"shape"] == b"[T, 192]"


def test_a_kind_that_speaks_of_words_has_scores_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "tag", dataclasses.replace(KINDS["classify"], name="tag", unit="word"))
    logits = cache_schema(Task("tag", ("O", "B", "I")), ("logits",), Sizes(8)).field("logits")
    assert pa.types.is_list(logits.type) and logits.type.value_type.list_size == 3
    assert not logits.nullable
