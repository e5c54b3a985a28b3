"""The cost is known before the teacher is loaded, and too large a cache is refused."""

from pathlib import Path

import pytest

from data.errors import USAGE, PotstillError
from teacher_cache import estimate as estimates
from teacher_cache.build import build
from teacher_cache.config import CacheConfig
from teacher_cache.estimate import encoder_parameters, estimate, flops_per_token, has_bf16, sample_lengths
from teacher_cache.job import open_job
from teacher_cache.teacher.files import inspect_teacher


def test_bytes_of_every_column_are_counted(teacher: Path, examples: Path) -> None:
    guess = estimate(CacheConfig(signals=("cls",), layers=(1, 3)), examples, teacher)
    assert guess.rows == 8
    assert guess.bytes == {"id": 152, "logits": 8 * 2 * 4, "cls.1": 8 * 16 * 2, "cls.3": 8 * 16 * 2}
    assert guess.seconds > 0 and "8 rows" in str(guess)


def test_the_estimate_is_near_what_is_written(teacher: Path, make_examples, heard, tmp_path: Path) -> None:
    texts = [f"a good movie {number}" for number in range(4000)]
    examples = make_examples(texts, part_rows=4000)
    config = CacheConfig(signals=("cls",), dtype="float32", device="cpu")
    manifest = build(config, examples, teacher, tmp_path / "out", progress=heard)
    guess = estimate(config, examples, teacher)
    assert guess.total == pytest.approx(manifest.report["bytes"], rel=0.1)
    assert guess.tokens * guess.rows == pytest.approx(manifest.report["tokens"], rel=0.05)


def test_columns_of_sub_words_are_counted_by_their_lengths(teacher: Path, examples: Path) -> None:
    signals = ("input_ids", "hidden.0", "qkv.2", "gram.3")
    guess = estimate(CacheConfig(signals=signals), examples, teacher)
    counts = sample_lengths(open_job(CacheConfig(), examples, teacher, Path()))
    assert counts.sum() == guess.tokens * 8
    assert guess.bytes["input_ids"] == pytest.approx(1.3 * counts.sum() + 8 * 4, abs=1)
    for column in ("hidden.0", "q.2", "k.2", "v.2"):
        assert guess.bytes[column] == pytest.approx(16 * 2 * counts.sum() + 8 * 4, abs=1)
    assert guess.bytes["gram.3"] == pytest.approx(4 * (counts * (counts + 1) // 2).sum() + 8 * 4, abs=1)


@pytest.mark.parametrize("signals", [("hidden.3",), ("gram.1", "qkv.2")])
def test_the_estimate_of_sub_words_is_near_what_is_written(
    signals: tuple[str, ...], teacher: Path, make_examples, heard, tmp_path: Path
) -> None:
    examples = make_examples([f"a good movie {number}" for number in range(2000)], part_rows=2000)
    config = CacheConfig(signals=signals, dtype="float32", device="cpu")
    manifest = build(config, examples, teacher, tmp_path / "out", progress=heard)
    assert estimate(config, examples, teacher).total == pytest.approx(manifest.report["bytes"], rel=0.1)


def test_sub_words_are_counted_without_a_tokenizer_json_too(teacher: Path, examples: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((teacher / name).read_bytes())
    assert 4 < estimate(CacheConfig(), examples, tmp_path).tokens < 20


def test_a_cache_above_max_bytes_is_refused_before_the_teacher_is_loaded(
    teacher: Path, examples: Path, heard, tmp_path: Path
) -> None:
    config = CacheConfig(signals=("cls",), max_bytes=300)
    with pytest.raises(PotstillError, match=r"would be 472 B, above max_bytes 300 B") as caught:
        build(config, examples, teacher, tmp_path / "out", progress=heard)
    assert caught.value.code == USAGE and not (tmp_path / "out").exists()


def test_a_forward_pass_costs_twice_its_weights(teacher: Path) -> None:
    files = inspect_teacher(teacher)
    layer = 4 * (16 * 16 + 16) + 2 * 16 * 32 + 32 + 16 + 4 * 16  # attention, feed-forward, two layer norms
    head = 16 * 16 + 16 + 16 * 2 + 2  # pooler and classifier
    assert encoder_parameters(files) == 3 * layer + head
    assert flops_per_token(files, 10.0) == 2 * (3 * layer + head) + 4 * 3 * 16 * 10


def test_a_file_that_is_no_safetensors_is_refused(teacher: Path, examples: Path, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((teacher / name).read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0not json")
    with pytest.raises(PotstillError, match=r"is not a (sound )?safetensors file"):
        estimate(CacheConfig(), examples, tmp_path)


def test_a_processor_with_bfloat16_is_expected_to_be_faster_where_it_will_be_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(estimates, "CPU_SHARE", 0.001)  # so that noise cannot turn the order round
    monkeypatch.setattr(estimates, "has_bf16", lambda: True)
    assert estimates.speed("cpu", "auto") > 10 * estimates.speed("cpu", "float32")


def test_bfloat16_is_read_from_what_the_processor_says(tmp_path: Path) -> None:
    flags = tmp_path / "cpuinfo"
    flags.write_text("flags : fpu avx2 avx512f avx512_bf16\n")
    assert has_bf16(flags)
    flags.write_text("flags : fpu avx2 avx512f\n")
    assert not has_bf16(flags)
    assert not has_bf16(tmp_path / "missing")
