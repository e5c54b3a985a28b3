"""Cut the reviews of UD English EWT into the passages of the demo: treebank, labels.tsv → the files of data/demo/.

A passage is one to three sentences of one document. `labels.tsv` says what a reader found in every passage of the
first documents: positive, negative or unclear. These documents are test, dev or training material in turn; unlabelled
text comes from all that are neither test nor dev. The rows of train.tsv that were written for the demo stay.

    python -m data.demo.passages ../shared/data/ud_english_ewt
"""

import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from data.text.words import normalised

FOLDER = Path(__file__).parent
TREEBANK_FILES = ("en_ewt-ud-train.conllu", "en_ewt-ud-dev.conllu", "en_ewt-ud-test.conllu")
GENRE = "reviews-"
DOCUMENT, TEXT = "# newdoc id = ", "# text = "
SENTENCES = 3  # in a passage at most
FULL = 16  # words after which a passage ends
TAIL = 5  # a last sentence of fewer words joins the passage before it
SHORTEST, LONGEST = 3, 60  # words of an unlabelled text
TURN = ("test", "test", "test", "dev", "train", "train")  # what the labelled documents are for, in turn
UNCLEAR = "unclear"
WRITTEN = 800  # rows of train.tsv that were written for the demo; they come first
HEADER = "text\tlabel"

Documents = dict[str, list[str]]  # id → its sentences


def documents(treebank: Path) -> Documents:
    """Read the reviews of the treebank's three files, in an order that follows from their ids alone."""
    found: Documents = {}
    name = ""
    for file in TREEBANK_FILES:
        for line in (treebank / file).read_text("utf-8").splitlines():
            if line.startswith(DOCUMENT):
                name = line.removeprefix(DOCUMENT).strip()
            elif line.startswith(TEXT) and name.startswith(GENRE):
                found.setdefault(name, []).append(" ".join(line.removeprefix(TEXT).split()))
    return dict(sorted(found.items(), key=lambda item: sha256(item[0].encode()).hexdigest()))


def passages(sentences: list[str]) -> list[str]:
    """Cut a document into passages that follow each other: three sentences, or fewer that hold `FULL` words."""
    cut: list[list[str]] = [[]]
    for number, sentence in enumerate(sentences):
        last = number == len(sentences) - 1 and len(sentence.split()) < TAIL
        if _is_full(cut[-1]) and not (last and len(cut[-1]) < SENTENCES):
            cut.append([])
        cut[-1].append(sentence)
    return [" ".join(passage) for passage in cut if passage]


def labelled(found: Documents, labels: dict[str, str]) -> dict[str, list[str]]:
    """Join passages and labels: split → its lines `text<tab>label`."""
    lines: dict[str, list[str]] = {split: [] for split in dict.fromkeys(TURN)}
    for split, name in _turns(found, labels):
        for number, text in enumerate(passages(found[name]), 1):
            label = labels[f"{name}-{number}"]
            lines[split] += [f"{text}\t{label}"] if label != UNCLEAR else []
    return lines


def unlabelled(found: Documents, labels: dict[str, str]) -> list[str]:
    """List the passages and sentences of documents outside test and dev, without repeats and held-out texts."""
    held = {name for split, name in _turns(found, labels) if split != "train"}
    seen = {normalised(text) for name in held for text in [*found[name], *passages(found[name])]}
    kept: dict[str, str] = {}
    for name, sentences in found.items():
        for text in [*passages(sentences), *sentences] if name not in held else ():
            if normalised(text) not in seen and SHORTEST <= len(text.split()) <= LONGEST:
                kept.setdefault(normalised(text), text)
    return list(kept.values())


def write(treebank: Path, folder: Path = FOLDER) -> None:
    """Write train.tsv, dev.tsv, test.tsv and unlabelled.txt again."""
    labels = dict(line.split("\t") for line in (folder / "labels.tsv").read_text("utf-8").splitlines()[1:])
    found = documents(treebank)
    for split, lines in labelled(found, labels).items():
        path = folder / f"{split}.tsv"
        before = path.read_text("utf-8").splitlines()[1 : WRITTEN + 1] if split == "train" else []
        _write(path, [HEADER, *before, *lines])
    _write(folder / "unlabelled.txt", unlabelled(found, labels))


def _is_full(passage: list[str]) -> bool:
    return len(passage) == SENTENCES or sum(len(sentence.split()) for sentence in passage) >= FULL


def _turns(found: Documents, labels: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The labelled documents and what each of them is for."""
    first = [name for name in found if f"{name}-1" in labels]
    return ((TURN[number % len(TURN)], name) for number, name in enumerate(first))


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
