"""Train the project's own small English part-of-speech tagger with spaCy.

The tagger is the no-download default of the rule-based augmenter. This script
turns the Universal Dependencies English Web Treebank (CoNLL-U) into spaCy's
training format, runs ``spacy train`` with ``tagger_en/train.cfg``, writes the
slimmed model to ``tagger_en/model`` and prints its scores on the test set::

    OMP_NUM_THREADS=1 python augment/tagger_en/train.py ../shared/data/ud_english_ewt

``--evaluate-only`` skips the training and scores the model that is there.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

HERE = Path(__file__).resolve().parent
CONFIG = HERE / "train.cfg"
MODEL = HERE / "model"
TREEBANK_FILE = "en_ewt-ud-{split}.conllu"

Sentence = list[tuple[str, str, bool]]  # (word, XPOS tag, followed by a space)


def read_conllu(path: Path) -> Iterator[Sentence]:
    """Yield the sentences of a CoNLL-U file, syntactic words only.

    Range lines (``3-4``) and empty nodes (``3.1``) are skipped; the words of a
    range are joined without a space, and the range's own SpaceAfter counts.
    """
    sentence: Sentence = []
    range_end, range_space = 0, True
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line:
            if sentence:
                yield sentence
            sentence, range_end = [], 0
            continue
        columns = line.split("\t")
        if line.startswith("#") or "." in columns[0]:
            continue
        space = "SpaceAfter=No" not in columns[9]
        if "-" in columns[0]:
            range_end, range_space = int(columns[0].split("-")[1]), space
            continue
        index = int(columns[0])
        if index <= range_end:
            space = range_space and index == range_end
        sentence.append((columns[1], columns[4], space))
    if sentence:
        yield sentence


def convert(source: Path, target: Path) -> None:
    """Write the sentences of a CoNLL-U file as a spaCy DocBin."""
    vocab = Vocab()
    docs = DocBin(attrs=["ORTH", "TAG", "SPACY"])
    for sentence in read_conllu(source):
        words, tags, spaces = (list(column) for column in zip(*sentence, strict=True))
        docs.add(Doc(vocab, words=words, tags=tags, spaces=spaces))
    docs.to_disk(target)


def train(treebank: Path, work: Path) -> Path:
    """Run ``spacy train`` on the treebank; return the best model's folder."""
    command = [sys.executable, "-m", "spacy", "train", str(CONFIG), "--output", str(work)]
    for split in ("train", "dev"):
        target = work / f"{split}.spacy"
        convert(treebank / TREEBANK_FILE.format(split=split), target)
        command += [f"--paths.{split}", str(target)]
    subprocess.run(command, check=True)
    return work / "model-best"


def write_slim(trained: Path, target: Path) -> None:
    """Save the trained model without treebank words and without local paths."""
    source = spacy.load(trained)
    config = source.config.copy()
    config["paths"] = {"train": None, "dev": None}
    slim = type(source).from_config(config)
    for name, component in source.pipeline:
        pipe: Any = slim.get_pipe(name)
        pipe.from_bytes(component.to_bytes(exclude=["vocab"]), exclude=["vocab"])  # type: ignore[attr-defined]
    tagger: Any = slim.get_pipe("tagger")
    for label in tagger.labels:
        slim.vocab.strings.add(label)
    slim.meta.update(
        name="potstill_tagger",
        version="1.0.0",
        description="Small English part-of-speech tagger (PTB tags)",
        license="CC BY-SA 4.0",
        sources=[{"name": "Universal Dependencies English EWT", "license": "CC BY-SA 4.0"}],
    )
    if target.exists():
        shutil.rmtree(target)
    slim.to_disk(target)


def tag(nlp: Language, texts: list[list[str]]) -> Iterator[Doc]:
    """Tag pretokenised texts; the Docs carry no gold tags."""
    return nlp.pipe((Doc(nlp.vocab, words=words) for words in texts), batch_size=1024)


def accuracy(nlp: Language, texts: list[list[str]], tags: list[list[str]]) -> float:
    """Share of the words whose tag is the treebank's."""
    right = total = 0
    for doc, gold in zip(tag(nlp, texts), tags, strict=True):
        right += sum(token.tag_ == label for token, label in zip(doc, gold, strict=True))
        total += len(gold)
    return right / total


def words_per_second(nlp: Language, texts: list[list[str]], repeats: int = 5) -> float:
    """Best speed of some repeats on pretokenised texts, building the Docs included."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        for _doc in tag(nlp, texts):
            pass
        best = min(best, time.perf_counter() - start)
    return sum(map(len, texts)) / best


def evaluate(model: Path, treebank: Path) -> dict[str, float]:
    """Score a model on the treebank's test set."""
    nlp = spacy.load(model)
    sentences = list(read_conllu(treebank / TREEBANK_FILE.format(split="test")))
    texts = [[word for word, _, _ in sentence] for sentence in sentences]
    tags = [[label for _, label, _ in sentence] for sentence in sentences]
    lowered = [[word.lower() for word in words] for words in texts]
    size = sum(path.stat().st_size for path in model.rglob("*") if path.is_file())
    return {
        "test_accuracy": round(accuracy(nlp, texts, tags), 4),
        "test_accuracy_lower_cased": round(accuracy(nlp, lowered, tags), 4),
        "words_per_second": round(words_per_second(nlp, texts)),
        "megabytes": round(size / 1e6, 2),
    }


def main() -> None:
    """Train, write and score the tagger."""
    parser = argparse.ArgumentParser(description="Train the English part-of-speech tagger.")
    parser.add_argument("treebank", type=Path, help="folder of en_ewt-ud-{train,dev,test}.conllu")
    parser.add_argument("--model", type=Path, default=MODEL, help="where the model is written")
    parser.add_argument("--evaluate-only", action="store_true", help="score an existing model")
    arguments = parser.parse_args()
    if not arguments.evaluate_only:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as work:
            write_slim(train(arguments.treebank, Path(work)), arguments.model)
        print(f"training took {time.perf_counter() - start:.0f} s")
    print(json.dumps(evaluate(arguments.model, arguments.treebank), indent=2))


if __name__ == "__main__":
    main()
