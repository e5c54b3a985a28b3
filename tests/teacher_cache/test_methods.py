"""A method's name stands for the signals of its sheet."""

from pathlib import Path

import pytest

from data.errors import PotstillError
from data.schema import signal_columns
from teacher_cache.config import CacheConfig
from teacher_cache.job import open_job
from teacher_cache.methods import METHOD_SIGNALS, method_signals


def columns(*methods: str, depth: int = 12, layers: int = 0) -> list[str]:
    """Columns besides logits and input_ids, spelled out."""
    spelled = signal_columns(method_signals(methods, depth, layers), (), depth=depth)
    return [name for name in spelled if name not in ("logits", "input_ids")]


def test_pkd_takes_the_cls_of_every_second_layer_but_the_last() -> None:
    assert columns("pkd", layers=6) == ["cls.2", "cls.4", "cls.6", "cls.8", "cls.10"]
    assert columns("pkd", layers=3) == ["cls.4", "cls.8"]
    assert columns("pkd_last", layers=6) == ["cls.7", "cls.8", "cls.9", "cls.10", "cls.11"]


def test_tinybert_takes_states_from_the_embeddings_up_and_attention_of_the_mapped_layers() -> None:
    states, attention = columns("tinybert", layers=4)[:5], columns("tinybert", layers=4)[5:]
    assert states == ["hidden.0", "hidden.3", "hidden.6", "hidden.9", "hidden.12"]
    assert attention == ["q.3", "q.6", "q.9", "q.12", "k.3", "k.6", "k.9", "k.12"]


def test_minilm_takes_one_layer_the_last_or_of_a_large_teacher_one_below() -> None:
    assert columns("minilm") == ["q.12", "k.12", "v.12"]
    assert columns("minilm", depth=24) == ["q.21", "k.21", "v.21"]
    assert columns("minilm_v1", "ernie_tiny", depth=24) == ["q.24", "k.24", "v.24"]


def test_the_others_are_those_of_their_sheets() -> None:
    for name in ("hinton", "tang", "mkd", "nlp_architect"):
        assert columns(name) == []
    assert columns("distilbert") == ["hidden.12"]
    assert columns("xtremedistil") == columns("mukherjee") == ["cls.12"]
    assert columns("textbrewer", layers=3) == ["hidden.0", "hidden.4", "hidden.8", "hidden.12"]
    assert columns("nst", layers=3) == ["gram.0", "gram.4", "gram.8", "gram.12"]
    assert len(columns("bert_emd")) == 13 + 12 + 12


def test_every_method_gives_columns_that_exist_and_ids_beside_states_of_sub_words() -> None:
    for name in METHOD_SIGNALS:
        spelled = signal_columns(method_signals((name,), 12), (), depth=12)
        states = any(column.startswith(("hidden.", "q.", "gram.")) for column in spelled)
        assert ("input_ids" in spelled) == states, name


def test_a_student_is_half_of_its_teacher_if_nothing_is_said() -> None:
    assert columns("pkd") == columns("pkd", layers=6)


def test_a_student_whose_depth_does_not_divide_the_teachers_takes_the_nearest_layers() -> None:
    assert columns("pkd", layers=5) == ["cls.2", "cls.5", "cls.7", "cls.10"]
    assert columns("pkd_last", layers=5) == ["cls.8", "cls.9", "cls.10", "cls.11"]
    assert columns("textbrewer", depth=22, layers=4) == ["hidden.0", "hidden.6", "hidden.11", "hidden.16", "hidden.22"]
    assert columns("nst", layers=5)[1:] == ["gram.2", "gram.5", "gram.7", "gram.10", "gram.12"]
    assert columns("tinybert", layers=5)[6:11] == ["q.2", "q.5", "q.7", "q.10", "q.12"]


def test_a_student_that_is_deeper_than_the_teacher_is_refused_where_layers_are_mapped() -> None:
    for name in ("pkd", "pkd_last", "tinybert", "textbrewer", "nst"):
        with pytest.raises(PotstillError, match="a student of 13 layers cannot be mapped to a teacher of 12"):
            columns(name, layers=13)
    assert columns("minilm", layers=13)  # needs no map


def test_an_unknown_method_lists_the_known_ones() -> None:
    with pytest.raises(PotstillError, match="no method 'tinybret'") as caught:
        method_signals(("tinybret",), 12)
    assert "tinybert" in (caught.value.hint or "")


def test_methods_and_signals_add_up_in_a_job(teacher: Path, examples: Path) -> None:
    config = CacheConfig(signals=("cls",), methods=("tinybert", "hinton"), student_layers=3)
    job = open_job(config, examples, teacher, Path())
    assert job.columns[:4] == ("logits", "cls.3", "input_ids", "hidden.0")
    assert job.widths["q.3"] == 16 and job.schema.field("q.3").metadata[b"heads"] == b"2"


def test_the_command_line_asks_by_method() -> None:
    from pipelines.options import Defaults
    from pipelines.recipes.settings import resolve

    typed = {"methods": "pkd,tinybert", "student_layers": 4, "signals": "logits,qkv.12", "layers": None}
    config = resolve(CacheConfig, "cache", Defaults(), typed)
    assert (config.methods, config.student_layers) == (("pkd", "tinybert"), 4)
    assert config.signals == ("logits", "qkv.12")
