"""What is stored is what the teacher said of each row alone; nothing passes in silence; memory is bounded."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from data.errors import BAD_DATA, PotstillError
from data.schema import Sizes, cache_schema
from data.tasks.task import Task
from data.text.encoding import Tokens, prepare, tokenise
from teacher_cache.inference import windows
from teacher_cache.inference.answers import answer, answer_windows
from teacher_cache.inference.batching import RULE
from teacher_cache.inference.extract import check_range, mean
from teacher_cache.inference.windows import batching_rule, plan_windows
from teacher_cache.shards.shard import write_shard
from tests.teacher_cache.conftest import load_teacher

TEXTS = ["a good movie", "bad", "the film was very dull"]
SENTIMENT = Task("classify", ("negative", "positive"))
SIZES = Sizes(16, heads=2, key_heads=2, head_size=8)
ALL = {"logits": 2, "input_ids": 1, "cls.3": 16, "hidden.0": 16, "hidden.2": 16, "q.1": 16, "v.3": 16, "gram.1": 1}


@pytest.fixture
def loaded(teacher: Path) -> Any:
    return load_teacher(teacher, task=Task("classify", ("negative", "positive")))


@pytest.fixture
def tokens(loaded: Any) -> Tokens:
    return tokenise(prepare(loaded.tokenizer, 64), TEXTS)


def test_padding_never_leaks(loaded: Any, tokens: Tokens) -> None:
    columns = {**ALL, "mean.3": 16}
    together = answer(loaded.model, tokens, columns, filler=0, budget=10_000)
    single = answer(loaded.model, tokens, columns, filler=0, budget=1)
    assert together.padded > single.padded
    for name in columns:
        np.testing.assert_allclose(together.columns[name], single.columns[name], atol=2e-5, rtol=2**-10)


def test_the_filler_decides_nothing(loaded: Any, tokens: Tokens) -> None:
    first, second = [answer(loaded.model, tokens, {"logits": 2}, filler=id, budget=10_000) for id in (0, 7)]
    np.testing.assert_allclose(first.columns["logits"], second.columns["logits"], atol=1e-5)


def test_a_row_that_is_not_finite_is_marked(loaded: Any, tokens: Tokens) -> None:
    word = int(tokens.values[tokens.starts[1] + 1])  # "bad"
    with torch.no_grad():
        loaded.model.bert.embeddings.word_embeddings.weight[word] = torch.nan
    answers = answer(loaded.model, tokens, {"logits": 2}, filler=0, budget=10_000)
    assert answers.status == ["ok", "nonfinite", "ok"]
    assert np.isfinite(answers.columns["logits"][[0, 2]]).all()


def test_what_overflows_in_float16_is_computed_again_in_float32(loaded: Any, tokens: Tokens) -> None:
    model = loaded.model.half()
    torch.nn.init.constant_(model.bert.embeddings.LayerNorm.weight, 6e4)  # the next layer norm brings it down again
    first = torch.from_numpy(tokens.values[None, : tokens.starts[1]].astype(np.int64))
    assert not model(input_ids=first).logits.isfinite().any()
    answers = answer(model, tokens, {"logits": 2}, filler=0, budget=10_000)
    assert answers.status == ["ok", "ok", "ok"]
    wanted = copy.deepcopy(model).float()(input_ids=first).logits[0].detach()
    np.testing.assert_allclose(answers.columns["logits"][0], wanted, atol=1e-5)
    assert model.dtype == torch.float16


def test_a_vector_too_large_for_float16_stops_the_run(loaded: Any, tokens: Tokens) -> None:
    with torch.no_grad():
        loaded.model.bert.encoder.layer[2].output.LayerNorm.weight.mul_(1e6)
    with pytest.raises(PotstillError, match=r"cls.3 holds .* above 65504") as caught:
        answer(loaded.model, tokens, {"logits": 2, "cls.3": 16}, filler=0, budget=10_000)
    assert caught.value.code == BAD_DATA


@pytest.mark.parametrize("column", ["hidden.3", "mean.3"])
def test_no_column_stores_infinity_for_a_number_too_large(column: str, loaded: Any, tokens: Tokens) -> None:
    with torch.no_grad():
        loaded.model.bert.encoder.layer[2].output.LayerNorm.weight.mul_(1e6)
    with pytest.raises(PotstillError, match=rf"{column} holds .* above 65504"):
        answer(loaded.model, tokens, {"logits": 2, column: 16}, filler=0, budget=10_000)
    answers = answer(loaded.model, tokens, {"logits": 2, "gram.3": 1}, filler=0, budget=10_000)
    assert answers.columns["gram.3"].max() > 1e9 and answers.status == ["ok"] * 3  # float32 holds it


def test_a_row_that_is_not_finite_is_nan_in_every_column_and_its_neighbours_are_whole(
    loaded: Any, tokens: Tokens
) -> None:
    word = int(tokens.values[tokens.starts[1] + 1])  # "bad"
    with torch.no_grad():
        loaded.model.bert.embeddings.word_embeddings.weight[word] = torch.nan
    answers = answer(loaded.model, tokens, ALL, filler=0, budget=10_000)
    start, end = tokens.starts[1], tokens.ends[1]
    assert answers.status == ["ok", "nonfinite", "ok"]
    assert np.isnan(answers.columns["hidden.2"][start:end]).all() and np.isnan(answers.columns["cls.3"][1]).all()
    assert np.isfinite(answers.columns["hidden.2"][:start]).all() and np.isfinite(answers.columns["q.1"][end:]).all()
    assert answers.columns["input_ids"][start:end, 0].tolist() == tokens.values[start:end].tolist()


def test_the_largest_half_still_fits() -> None:
    check_range("cls.1", torch.tensor([65504.0, -65504.0, float("nan")]))
    with pytest.raises(PotstillError, match="65600"):
        check_range("cls.1", torch.tensor([65600.0]))


def test_the_mean_is_over_real_tokens() -> None:
    class Outputs:
        hidden_states = (torch.tensor([[[1.0], [3.0], [100.0]]]),)

    assert mean(Outputs(), torch.tensor([[1, 1, 0]]), 0).item() == 2.0
    assert mean(Outputs(), None, 0).item() == pytest.approx(104 / 3)


def test_hidden_states_are_asked_for_only_when_needed(loaded: Any, tokens: Tokens) -> None:
    asked = []
    loaded.model.register_forward_pre_hook(
        lambda module, args, kwargs: asked.append(kwargs["output_hidden_states"]), with_kwargs=True
    )
    answer(loaded.model, tokens, {"logits": 2}, filler=0, budget=10_000)
    answer(loaded.model, tokens, {"logits": 2, "mean.1": 16}, filler=0, budget=10_000)
    assert asked == [False, True]


# What is on disk.


def ids_of(count: int) -> pa.Array:
    return pa.array([f"{row:032x}" for row in range(count)])


def numbers(row: bytes, width: int) -> np.ndarray:
    return np.frombuffer(row, "<f2").reshape(-1, width)


def test_every_signal_is_read_back_as_it_was_said(loaded: Any, tmp_path: Path) -> None:
    texts = [TEXTS[0], "", *TEXTS[1:]]
    tokens = tokenise(prepare(loaded.tokenizer, 64), texts)
    answers = answer(loaded.model, tokens, ALL, filler=0, budget=10_000)
    schema = cache_schema(SENTIMENT, tuple(ALL), SIZES)
    tally = write_shard(tmp_path / "x.parquet", schema, ids_of(4), [answers], [3, 1])
    assert (tally.status, tally.tokens) == ({"ok": 3, "rejected:empty": 1}, int(tokens.ends[-1]))
    table = pq.read_table(tmp_path / "x.parquet")
    for field in schema:
        assert table.schema.field(field.name).metadata == field.metadata
        assert field.name == "logits" or table.schema.field(field.name).type == field.type
    rows = table.to_pylist()
    assert rows[1]["input_ids"] == [] and rows[1]["hidden.2"] == b"" and rows[1]["gram.1"] == b""
    for row in (0, 2, 3):
        place = slice(tokens.starts[row], tokens.ends[row])
        assert rows[row]["input_ids"] == tokens.values[place].tolist()
        for column in ("hidden.0", "hidden.2", "q.1", "v.3"):
            np.testing.assert_array_equal(numbers(rows[row][column], 16), answers.columns[column][place])
        batch = {"input_ids": torch.tensor([rows[row]["input_ids"]])}
        with torch.inference_mode():
            states = loaded.model(**batch, output_hidden_states=True).hidden_states
        np.testing.assert_allclose(numbers(rows[row]["hidden.2"], 16), states[2][0], atol=1e-5, rtol=2**-10)
        gram = (states[1][0] @ states[1][0].T).numpy()
        np.testing.assert_allclose(
            np.frombuffer(rows[row]["gram.1"], "<f4"), gram[np.tril_indices(len(gram))], rtol=1e-4
        )


def test_the_metadata_says_how_to_unpack_a_column() -> None:
    schema = cache_schema(SENTIMENT, ("logits", "q.1", "k.2", "gram.0", "cls.1"), Sizes(8, 4, 2, 3, (5, 0)))
    about = {name: schema.field(name).metadata for name in schema.names[4:]}
    assert about["q.1"] == {
        b"dtype": b"float16",
        b"shape": b"[T, 12]",
        b"byteorder": b"little",
        b"heads": b"4",
        b"window": b"5",
    }
    assert (about["k.2"][b"shape"], about["k.2"][b"heads"]) == (b"[T, 6]", b"2") and b"window" not in about["k.2"]
    assert (about["gram.0"][b"dtype"], about["gram.0"][b"shape"]) == (b"float32", b"[T(T+1)/2]")
    assert about["cls.1"][b"shape"] == b"[8]" and schema.field("cls.1").type.byte_width == 16


# Windows.


def test_a_shard_of_per_text_answers_is_one_window() -> None:
    assert plan_windows({"logits": 2, "cls.3": 16}, np.full(100, 9), [60, 40]) == [slice(0, 100)]


def test_a_row_group_of_per_token_answers_is_halved_until_its_parts_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "WINDOW_BYTES", 1000)
    columns, lengths = {"logits": 2, "hidden.3": 16}, np.array([10] * 8 + [1] * 4)  # 328 and 40 bytes a row
    cut = plan_windows(columns, lengths, [8, 4])
    assert [(piece.start, piece.stop) for piece in cut] == [(0, 2), (2, 4), (4, 6), (6, 8), (8, 12)]


def test_a_single_row_too_large_goes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "WINDOW_BYTES", 1)
    cut = plan_windows({"hidden.3": 16}, np.array([9, 9, 9]), [3])
    assert [(piece.start, piece.stop) for piece in cut] == [(0, 1), (1, 2), (2, 3)]


def test_the_plan_names_the_windows_where_they_decide_the_batches() -> None:
    assert batching_rule(("logits", "cls.3")) == RULE
    assert batching_rule(("logits", "hidden.3")) == f"{RULE}/windows-128-mib"


def test_windows_are_written_as_they_come_and_row_groups_end_with_them(
    loaded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["a good movie", "bad", "the film was very dull", "", "great", "not good !"]
    tokens = tokenise(prepare(loaded.tokenizer, 64), texts)
    schema, groups = cache_schema(SENTIMENT, tuple(ALL), SIZES), [4, 2]
    whole = answer(loaded.model, tokens, ALL, filler=0, budget=10_000)
    write_shard(tmp_path / "whole.parquet", schema, ids_of(6), [whole], groups)
    monkeypatch.setattr(windows, "WINDOW_BYTES", 2000)
    alive: list[int] = []
    pieces = answer_windows(loaded.model, tokens, ALL, groups, filler=0, budget=10_000)
    watched = (alive.append(len(piece.status)) or piece for piece in pieces)
    tally = write_shard(tmp_path / "windows.parquet", schema, ids_of(6), watched, groups)
    assert alive == [2, 2, 2] and tally.tokens == int(tokens.ends[-1])
    with pq.ParquetFile(tmp_path / "windows.parquet") as file:
        assert [file.metadata.row_group(place).num_rows for place in range(file.num_row_groups)] == alive
    one, two = [pq.read_table(tmp_path / f"{name}.parquet").to_pylist() for name in ("whole", "windows")]
    for ours, theirs in zip(one, two, strict=True):
        assert {**ours, "id": 0}.keys() == {**theirs, "id": 0}.keys() and ours["id"] == theirs["id"]
        assert ours["input_ids"] == theirs["input_ids"] and ours["status"] == theirs["status"]
        np.testing.assert_allclose(
            numbers(ours["hidden.2"], 16), numbers(theirs["hidden.2"], 16), atol=1e-5, rtol=2**-10
        )


def test_the_same_windows_again_are_the_same_bytes(
    loaded: Any, tokens: Tokens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "WINDOW_BYTES", 2000)
    schema = cache_schema(SENTIMENT, tuple(ALL), SIZES)
    for name in "ab":
        pieces = answer_windows(loaded.model, tokens, ALL, [3], filler=0, budget=20)
        write_shard(tmp_path / name, schema, ids_of(3), pieces, [3])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_per_text_windows_keep_the_row_groups_of_the_examples(loaded: Any, tokens: Tokens, tmp_path: Path) -> None:
    columns = {"logits": 2, "cls.3": 16}
    pieces = answer_windows(loaded.model, tokens, columns, [2, 1], filler=0, budget=100)
    write_shard(tmp_path / "x.parquet", cache_schema(SENTIMENT, tuple(columns), Sizes(16)), ids_of(3), pieces, [2, 1])
    with pq.ParquetFile(tmp_path / "x.parquet") as file:
        assert [file.metadata.row_group(place).num_rows for place in range(file.num_row_groups)] == [2, 1]


def test_an_error_of_the_teacher_leaves_no_file(loaded: Any, tokens: Tokens, tmp_path: Path) -> None:
    def broken() -> Any:
        yield answer(loaded.model, tokens, {"logits": 2}, filler=0, budget=100)
        raise ZeroDivisionError

    schema = cache_schema(SENTIMENT, ("logits",), Sizes(16))
    with pytest.raises(ZeroDivisionError):
        write_shard(tmp_path / "x.parquet", schema, ids_of(6), broken(), [3, 3])
    assert not list(tmp_path.iterdir())


def test_one_forward_pass_a_batch_gives_all_columns(loaded: Any, tokens: Tokens) -> None:
    passes = []
    loaded.model.register_forward_pre_hook(lambda module, args: passes.append(1))
    answer(loaded.model, tokens, ALL, filler=0, budget=10_000)
    assert len(passes) == 1
