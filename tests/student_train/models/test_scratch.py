"""The tokenizer of a teacher from scratch: the same in every process, kept before step 1, agreed on by a resume."""

import dataclasses
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from data.errors import STALE, PotstillError
from data.example import Example, example_id
from data.examples import write_parts
from data.manifest import Manifest, write_manifest
from data.progress import Silent
from student_train.models.encoders.scratch import train_tokenizer
from student_train.teach import teach
from tests.student_train.conftest import SENTIMENT
from tests.student_train.test_teach import QUICK, sources

ROOT = Path(__file__).parents[3]
CODE = """import hashlib, sys; from pathlib import Path
from student_train.models.encoders.scratch import train_tokenizer
print(hashlib.sha256(train_tokenizer(Path(sys.argv[1])).to_str().encode()).hexdigest())"""


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Words of many syllables in equal numbers, so that equal counts decide which are merged."""
    texts = ["".join(chr(0xAC00 + (7 * i * j + j * j) % 900) for j in range(1, 5)) + f" word{i}ly" for i in range(400)]
    rows = [Example(example_id("classify", text, None), text) for text in texts]
    parts = write_parts(tmp_path / "examples", rows, SENTIMENT)
    write_manifest(tmp_path / "examples", Manifest("examples", SENTIMENT, tuple(parts)))
    return tmp_path / "examples"


def test_the_tokenizer_is_the_same_in_every_process(many: Path) -> None:
    here = hashlib.sha256(train_tokenizer(many).to_str().encode()).hexdigest()
    for seed, parallel in (("1", "false"), ("2", "true")):
        env = os.environ | {"PYTHONHASHSEED": seed, "TOKENIZERS_PARALLELISM": parallel, "PYTHONPATH": str(ROOT)}
        told = subprocess.run([sys.executable, "-c", CODE, many], cwd=ROOT, env=env, capture_output=True, text=True)
        assert told.stdout.strip() == here, told.stderr


def test_sub_words_within_a_word_are_no_special_tokens(many: Path) -> None:
    tokenizer = train_tokenizer(many)
    assert tokenizer.token_to_id("##d") is not None and "##d" not in tokenizer.encode("##d").tokens
    assert sorted(token.content for token in tokenizer.get_added_tokens_decoder().values()) == sorted(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    )
    assert tokenizer.token_to_id("[CLS]") == 2 and tokenizer.token_to_id("[SEP]") == 3


class Stop(Silent):
    """Asks the run to end while its third step is reported."""

    done = 0

    def advance(self, amount: int, info: str = "") -> None:
        self.done += amount
        if self.done == 3:
            signal.raise_signal(signal.SIGINT)


def test_a_resume_reads_the_kept_tokenizer_and_refuses_another(
    sentiment_rows: Any, write_source: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, config = sources(tmp_path, sentiment_rows, write_source), dataclasses.replace(QUICK, epochs=2)
    whole = teach(config, SENTIMENT, *files, "scratch:1x32", tmp_path / "whole", progress=Silent())
    out = tmp_path / "broken"
    with pytest.raises(PotstillError, match="stopped by SIGINT"):
        teach(config, SENTIMENT, *files, "scratch:1x32", out, progress=Stop())
    (kept,) = out.glob("scratch-*.json")
    content = kept.read_text()
    kept.write_text(content.replace("[UNK]", "[unk]"))
    with pytest.raises(PotstillError, match="unfinished run of another config or other data") as caught:
        teach(config, SENTIMENT, *files, "scratch:1x32", out, progress=Silent())
    assert caught.value.code == STALE
    kept.write_text(content)
    monkeypatch.delattr("student_train.models.encoders.scratch.train_tokenizer")
    broken = teach(config, SENTIMENT, *files, "scratch:1x32", out, progress=Silent())
    assert broken.root == whole.root
    assert not list(out.glob("scratch-*"))
