"""Where a student's word vectors start: word2vec/GloVe files, the teacher's own table, or chance; PCA narrows them."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load
from torch import Tensor

from data.errors import BAD_DATA, NO_INPUT, PotstillError
from data.layout import WORD_TABLE
from student_train.vocab.vocabulary import Joint, Subwords, Words

# A table is scaled so that its numbers have this deviation. BERT's have about 0.04 (its layer norm brings them to 1);
# an LSTM fed with 0.04 starts nearly blind.
DEVIATION = 0.3


def teacher_table(files: Path, vocabulary: Subwords | Joint) -> Tensor:
    """Rows of the teacher's word table for the kept sub-words: [V, D] float32, rows 0 and 1 (pad, unknown) their mean.

    For who reads what the teacher reads, the table as it is.

    `files` is the cache's own copy of what a student may start from, so that the teacher need not be there any more.
    """
    path = files / WORD_TABLE
    if not path.is_file():
        raise PotstillError(
            f"{files} has no {WORD_TABLE} to take word vectors from",
            hint="train with --set train.vocabulary=subwords for a random table",
            code=NO_INPUT,
        )
    table = load(path.read_bytes())["weight"].float()
    if isinstance(vocabulary, Joint):
        return table[: vocabulary.size]
    kept = table[list(vocabulary.kept)]
    mean = kept.mean(dim=0, keepdim=True)
    return torch.cat([mean, mean, kept])


def encoder_table(numbers: Mapping[str, int], vectors: Tensor, vocabulary: Subwords, *, name: str) -> Tensor:
    """Rows of another encoder's word table for the kept sub-words, found by their spelling: [V, D] float32.

    numbers: the encoder's sub-words, spelling -> row of `vectors` [N, D]. Rows of pad, unknown and those that it does
    not have are the mean.
    Errors: it has less than half of the sub-words (BAD_DATA).
    """
    spelled = [vocabulary.tokenizer.id_to_token(number) or "" for number in vocabulary.kept]
    found = {row: numbers[token] for row, token in enumerate(spelled, 2) if token in numbers}
    if len(found) < vocabulary.size // 2:
        raise PotstillError(
            f"{name} has {len(found):,} of the teacher's {vocabulary.size - 2:,} sub-words: it is another kind",
            hint="name the encoder that the teacher was fine-tuned from, or leave out train.vectors",
            code=BAD_DATA,
        )
    kept = vectors[list(found.values())].float()
    table = kept.mean(dim=0).repeat(vocabulary.size, 1)
    table[list(found)] = kept
    return table


def vector_table(path: Path, vocabulary: Words, *, seed: int) -> Tensor:
    """Vectors of a word2vec/GloVe file for a word vocabulary: [V, D]; words not in the file start at random.

    Text (`word v1 v2 …`, with or without a `count width` first line) or word2vec's binary form (`.bin`).
    """
    wanted = {word: number for number, word in enumerate(vocabulary.words, 2)}
    rows = _read_binary(path, wanted) if path.suffix == ".bin" else _read_text(path, wanted)
    if not rows:
        raise PotstillError(f"{path} has a vector for none of the {len(wanted)} words", code=BAD_DATA)
    found = torch.from_numpy(np.stack(list(rows.values())))  # [n, D]
    scale = float(found.std(correction=0)) / DEVIATION  # else loud random rows would drown the file's
    table = random_table(vocabulary.size, found.shape[1], seed=seed) * scale
    table[list(rows)] = found
    return table


def random_table(size: int, dimensions: int, *, seed: int) -> Tensor:
    """Normal numbers of deviation `DEVIATION`: [size, dimensions]."""
    return torch.randn(size, dimensions, generator=torch.Generator().manual_seed(seed)) * DEVIATION


def standardise(table: Tensor) -> Tensor:
    """Centre the columns and bring all numbers to one deviation, keeping the vectors' directions: [V, D]."""
    centred = table - table[2:].mean(dim=0, keepdim=True)
    return centred * (DEVIATION / centred[2:].std())


def project(table: Tensor, dimensions: int) -> Tensor:
    """Keep the `dimensions` principal components of a table's rows: [V, D] -> [V, dimensions]."""
    if not 0 < dimensions <= table.shape[1]:
        raise PotstillError(f"dimensions {dimensions} is not between 1 and the table's {table.shape[1]}")
    centred = (table - table[2:].mean(dim=0, keepdim=True)).double()
    _, vectors = torch.linalg.eigh(centred[2:].T @ centred[2:])  # ascending eigenvalues
    return (centred @ vectors.flip(1)[:, :dimensions]).float()


def _read_text(path: Path, wanted: dict[str, int]) -> dict[int, np.ndarray]:
    rows: dict[int, np.ndarray] = {}
    width = 0
    with _open(path).open(encoding="utf-8", errors="replace", newline="\n") as stream:
        for line, text in enumerate(stream, 1):
            word, *numbers = text.rstrip("\r\n ").split(" ")
            if line == 1 and len(numbers) == 1:
                continue  # word2vec's "count width" header
            width = width or len(numbers)
            if len(numbers) > width:
                continue  # "words" with blanks inside (GloVe 840B has some: ". . .") can be none of ours
            if len(numbers) < width:
                raise PotstillError(f"{path} line {line}: {len(numbers)} numbers, not {width}", code=BAD_DATA)
            try:
                _keep(rows, wanted, word, numbers)
            except ValueError as error:
                raise PotstillError(f"{path} line {line}: {error}", code=BAD_DATA) from None
    return rows


def _read_binary(path: Path, wanted: dict[str, int]) -> dict[int, np.ndarray]:
    rows: dict[int, np.ndarray] = {}
    with _open(path).open("rb") as stream:
        try:
            count, width = (int(number) for number in stream.readline().split())
            for _ in range(count):
                word = b""
                while (byte := stream.read(1)) not in (b" ", b""):
                    word += byte
                values = struct.unpack(f"<{width}f", stream.read(4 * width))
                _keep(rows, wanted, word.strip().decode("utf-8", "replace"), values)
        except (ValueError, struct.error) as error:
            raise PotstillError(f"{path} is not a word2vec binary file: {error}", code=BAD_DATA) from None
    return rows


def _keep(rows: dict[int, np.ndarray], wanted: dict[str, int], word: str, numbers: Sequence[object]) -> None:
    """Keep a wanted word's vector; another spelling's ("The") only until the word's own comes."""
    if word in wanted:
        rows[wanted[word]] = np.array(numbers, np.float32)
    elif word.lower() in wanted:
        rows.setdefault(wanted[word.lower()], np.array(numbers, np.float32))


def _open(path: Path) -> Path:
    if not path.is_file():
        raise PotstillError(f"vector file {path} is not there", code=NO_INPUT)
    return path
