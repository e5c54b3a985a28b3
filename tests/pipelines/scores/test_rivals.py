"""What a student must beat, measured in seconds: the most frequent class and TF-IDF on labels and teacher's labels."""

from pathlib import Path

import numpy as np
import pytest

from data.example import Example, example_id
from data.examples import write_parts
from data.manifest import Manifest, write_manifest
from data.progress import Silent
from data.readers.source import Source
from data.tasks.task import Task
from data.text.words import normalised
from pipelines.scores import rivals

CLASSES = Task("classify", ("bad", "good"))


def make_examples(out: Path, rows: list[tuple[str, str | None, object]], task: Task) -> Path:
    made = [Example(example_id(task.kind, text, pair), text, pair, label=label) for text, pair, label in rows]
    twin = Example(
        example_id(task.kind, "good good good"), "good good good", made[0].pair, source_id=made[0].id, op="mask", k=0
    )
    parts = write_parts(out, [*made, twin], task)
    write_manifest(out, Manifest("examples", task, tuple(parts)))
    return out


def test_the_most_frequent_class_scores_its_share_and_tfidf_reads_the_words(tmp_path: Path) -> None:
    rows = [(f"a good film {number}", None, 1) for number in range(6)]
    rows += [(f"a bad film {number}", None, 0) for number in range(4)]
    examples = make_examples(tmp_path / "examples", rows, CLASSES)
    test = tmp_path / "test.tsv"
    test.write_text("text\tlabel\ngood\tgood\nbad\tbad\nso bad\tbad\nvery bad\tbad\n")
    found = rivals.measure(examples, None, {"test": Source(test)}, progress=Silent())
    assert list(found) == [rivals.MOST, rivals.ON_LABELS]
    assert found[rivals.MOST]["test"].mean("accuracy") == 0.25  # three of four are not "good"
    assert found[rivals.ON_LABELS]["test"].mean("accuracy") == 1.0


def test_scores_are_compared_with_their_mean_and_a_ridge_over_words(tmp_path: Path) -> None:
    rows = [(f"rain {number}", "rain", 5.0) for number in range(5)] + [
        (f"snow {number}", "sun", 1.0) for number in range(5)
    ]
    examples = make_examples(tmp_path / "examples", rows, Task("regress", pair=True))
    test = tmp_path / "test.tsv"
    test.write_text("sentence1\tsentence2\tscore\nrain\train\t5.0\nsnow\tsun\t1.5\nrain 2\train\t4.5\n")
    found = rivals.measure(examples, None, {"test": Source(test)}, progress=Silent())
    assert found[rivals.MEAN]["test"].mean("spearman") == 0.0
    assert found[rivals.ON_LABELS]["test"].mean("pearson") > 0.9


def test_without_labels_there_is_nothing_to_learn_from_labels(tmp_path: Path) -> None:
    examples = make_examples(tmp_path / "examples", [("a film", None, None)], CLASSES)
    test = tmp_path / "test.tsv"
    test.write_text("text\tlabel\ngood\tgood\n")
    assert rivals.measure(examples, None, {"test": Source(test)}, progress=Silent()) == {}


def test_a_class_that_the_rows_never_show_comes_last() -> None:
    spread = rivals._spread_out(np.log([[0.2, 0.8]]), np.array([0, 2]), 3)
    assert spread.argmax() == 2
    assert spread[0, 1] == spread.min()


@pytest.mark.parametrize("text", ["日本語", "ไทย", "ਗੁਰ", "no words: !!"])
def test_scripts_without_blanks_and_texts_without_words_are_read(tmp_path: Path, text: str) -> None:
    features = rivals._Features(rivals.Texts([text], None, np.zeros(1)))
    assert features(rivals.Texts([text], None, np.zeros(1))).shape[0] == 1


def test_a_word_of_another_script_or_form_is_one_word() -> None:
    words = [rivals.WORDS.findall(normalised(text)) for text in ("नमस्ते Cafe\u0301, isn't", "สวัสดี", "映画！")]
    assert words == [["नमस्ते", "café", "isn", "t"], ["ส", "วั", "ส", "ดี"], ["映", "画"]]
