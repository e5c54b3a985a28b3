"""Hugging Face datasets saved to disk (nothing is fetched here)."""

import sys
from pathlib import Path
from typing import Any

import pytest

from data.errors import NO_INPUT, PotstillError
from data.readers.examples import find_task, read
from data.readers.formats.hub import read_rows, split_name
from data.readers.source import Row, Source


@pytest.fixture
def datasets() -> Any:
    return pytest.importorskip("datasets", reason="needs the extra potstill[hf]")


@pytest.fixture
def saved(datasets: Any, tmp_path: Path) -> Path:
    """Two splits; class labels with names, -1 where there is none."""
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["negative", "positive"])}
    )
    train = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=features)
    test = datasets.Dataset.from_dict({"text": ["c"], "label": [-1]}, features=features)
    datasets.DatasetDict({"train": train, "test": test}).save_to_disk(str(tmp_path / "saved"))
    return tmp_path / "saved"


def test_class_numbers_become_their_names(saved: Path) -> None:
    assert list(read_rows(Source(f"disk:{saved}"))) == [
        Row(1, {"text": "a", "label": "positive"}),
        Row(2, {"text": "b", "label": "negative"}),
    ]


def test_minus_one_is_no_label(saved: Path) -> None:
    task = find_task(Source(f"disk:{saved}"))[0]
    assert task.labels == ("negative", "positive")
    assert [example.label for example in read(Source(f"disk:{saved}@test"), task, split="test")] == [None]


def test_an_unknown_split_lists_the_known_ones(saved: Path) -> None:
    with pytest.raises(PotstillError, match="no split 'dev'") as error:
        list(read_rows(Source(f"disk:{saved}@dev")))
    assert "train, test" in error.value.hint


def test_several_splits_without_train_must_be_chosen_from(datasets: Any, tmp_path: Path) -> None:
    one = datasets.Dataset.from_dict({"text": ["a"]})
    datasets.DatasetDict({"x": one, "y": one}).save_to_disk(str(tmp_path / "s"))
    with pytest.raises(PotstillError, match="several splits"):
        list(read_rows(Source(f"disk:{tmp_path / 's'}")))


def test_a_dataset_without_splits_is_read_whole(datasets: Any, tmp_path: Path) -> None:
    datasets.Dataset.from_dict({"text": ["a"]}).save_to_disk(str(tmp_path / "s"))
    assert [row.values for row in read_rows(Source(f"disk:{tmp_path / 's'}"))] == [{"text": "a"}]


def test_a_directory_that_is_missing_or_no_dataset_is_no_input(datasets: Any, tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(PotstillError) as error:
            list(read_rows(Source(f"disk:{path}")))
        assert error.value.code == NO_INPUT


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(PotstillError, match="needs the package datasets") as error:
        list(read_rows(Source("hf:stanfordnlp/sst2")))
    assert "potstill[hf]" in error.value.hint


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("hf:stanfordnlp/sst2", ("stanfordnlp/sst2", None, None)),
        ("hf:glue:sst2@validation", ("glue", "sst2", "validation")),
        ("hf:imdb@test", ("imdb", None, "test")),
        ("disk:runs/saved", ("runs/saved", None, None)),
        ("disk:/a:b/saved@train", ("/a:b/saved", None, "train")),
    ],
)
def test_an_address_is_name_config_and_split(address: str, parts: tuple[str | None, ...]) -> None:
    assert split_name(address) == parts


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(PotstillError, match="names no dataset"):
        split_name("hf:@train")
