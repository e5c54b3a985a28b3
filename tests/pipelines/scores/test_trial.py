"""Whether augmented rows help: two short trainings from one cache, and the rule that decides."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data import store
from data.progress import Silent
from pipelines.scores import trial
from pipelines.scores.trial import Verdict, judged, read_verdict, trial_config, try_rows
from student_train.config import TrainConfig
from tests.student_train.conftest import (  # noqa: F401  fixtures
    make_cache,
    one_thread,
    sentiment,
    sentiment_rows,
    small,
    tokenizer,
    write_source,
)

ABOUT: dict[str, Any] = {"metric": "accuracy", "steps": 500, "model": "dan"}


@pytest.mark.parametrize(
    ("without", "with_them", "rows"), [(0.80, 0.85, "all"), (0.88, 0.85, "all"), (0.90, 0.85, "original")]
)
def test_the_originals_alone_are_taken_where_they_are_clearly_better(
    without: float, with_them: float, rows: str
) -> None:
    assert judged({"original": without, "all": with_them}, 0.02, **ABOUT).rows == rows


def test_the_verdict_is_a_sentence_with_its_numbers() -> None:
    assert judged({"original": 0.845, "all": 0.858}, 0.009, **ABOUT).sentence == (
        "dev accuracy of dan after 500 steps: 84.5 without augmented rows, 85.8 with them (standard error of the "
        "difference 0.9), so students learn from all rows"
    )


def test_gold_labels_are_taken_where_they_are_better_and_laid_under_the_losses_of_a_student() -> None:
    alone = judged({"original": 0.50, "all": 0.52}, 0.02, **ABOUT)
    found = trial.with_gold(alone, alone.scores | {"gold": 0.55}, 0.01)
    assert found.gold and found.sentence.endswith("; with gold labels 55.0 (1.0), so they learn from these too")
    kept = trial.with_gold(alone, alone.scores | {"gold": 0.525}, 0.01)
    assert kept.gold is False and kept.sentence.endswith("52.5 (1.0), so they learn from the teacher alone")
    config = TrainConfig(losses={"kl": {"weight": 1.0, "temperature": 2.0}}, rows="auto")
    assert found.of(config).losses == {"ce": {"weight": 1.0}, "kl": {"weight": 1.0, "temperature": 2.0}}
    assert found.of(config).rows == "all" and kept.of(config).losses == config.losses == alone.of(config).losses


def test_the_trial_is_short_and_by_the_cheapest_student() -> None:
    waiting = TrainConfig(model="bilstm", steps=2_000, hidden=300, rows="auto", seeds=(3, 4), dropout=0.2)
    found = trial_config({"first": waiting, "other": TrainConfig(model="conv")})
    assert (found.model, found.hidden, found.dimensions, found.steps, found.seeds) == ("dan", None, 64, 500, (3,))
    assert (found.rows, found.dropout) == ("all", 0.2)
    steps = [trial_config({"a": replace(waiting, steps=steps)}).steps for steps in (100, 1_000, 4_000)]
    assert steps == [100, 400, 1_000]


def test_both_are_trained_compared_and_removed(
    sentiment: Any,  # noqa: F811
    small: TrainConfig,  # noqa: F811
    tmp_path: Path,
) -> None:
    caches, dev = sentiment
    config = replace(small, steps=20, epochs=None)
    found = try_rows(config, caches, dev, tmp_path / "trial", progress=Silent())
    assert found.scores.keys() == {"original", "all", "gold"} and found.rows in ("original", "all")
    assert found.steps == 20 and found.gold is not None and 0 <= found.gold_error < 0.5
    assert 0 <= found.error < 0.5 and not (tmp_path / "trial").exists()
    store.write_json(tmp_path / "trial.json", vars(found))
    assert read_verdict(tmp_path / "trial.json") == found


def test_an_interrupted_trial_goes_on_with_what_is_trained(
    sentiment: Any,  # noqa: F811
    small: TrainConfig,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caches, dev = sentiment
    config = replace(small, steps=20, epochs=None)
    with monkeypatch.context() as patch:
        patch.setattr(trial, "drawn_scores", lambda *about: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            try_rows(config, caches, dev, tmp_path / "trial", progress=Silent())
    [seal] = (tmp_path / "trial").glob("*/original/MANIFEST.json")
    before = seal.stat().st_mtime_ns
    removed: list[int] = []
    monkeypatch.setattr(trial.shutil, "rmtree", lambda path, **how: removed.append(seal.stat().st_mtime_ns))
    assert isinstance(try_rows(config, caches, dev, tmp_path / "trial", progress=Silent()), Verdict)
    assert removed and set(removed) == {before}
