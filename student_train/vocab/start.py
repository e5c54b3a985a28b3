"""What a student starts from: its vocabulary and its table of word vectors."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from data import store
from data.errors import BAD_DATA, PotstillError
from data.manifest import Manifest, check_seal
from data.progress import Progress
from student_train.config import TrainConfig
from student_train.feed.reader import Reader
from student_train.vocab.vectors import project, random_table, standardise, teacher_table, vector_table
from student_train.vocab.vocabulary import Subwords, Words, build_subwords, build_words

FILES = "files"  # the cache's copy of the teacher's tokenizer and word table
VOCABULARIES = ("teacher", "subwords", "words")
RANDOM_WIDTH = 300  # the width of the paper's word vectors


def build_vocabulary(config: TrainConfig, reader: Reader, *, progress: Progress) -> Words | Subwords:
    """Words of the chosen rows, or the teacher's sub-words from the cache's own copy of its tokenizer."""
    if config.vocabulary not in VOCABULARIES:
        raise PotstillError(f"no vocabulary {config.vocabulary!r}", hint=f"vocabularies: {', '.join(VOCABULARIES)}")
    texts = _texts(reader, progress) if config.min_count > 0 or config.vocabulary == "words" else None
    if config.vocabulary == "words":
        assert texts is not None
        words = (text for chunk in texts for text in chunk)
        return build_words(words, min_count=max(1, config.min_count), longest=config.max_words)
    return build_subwords(_files(reader), texts, min_count=config.min_count, longest=config.max_words)


def starting_table(config: TrainConfig, vocabulary: Words | Subwords, reader: Reader, *, seed: int) -> Tensor:
    """The first embedding table [V, D] float32: from vectors, from the teacher, or random; narrowed by PCA."""
    if config.vectors and not isinstance(vocabulary, Words):
        raise PotstillError("vectors are for words", hint="add --set train.vocabulary=words")
    if config.vectors and isinstance(vocabulary, Words):
        table = vector_table(Path(config.vectors), vocabulary, seed=seed)
    elif config.vocabulary == "teacher" and isinstance(vocabulary, Subwords):
        table = teacher_table(_files(reader), vocabulary)
    else:
        return random_table(vocabulary.size, config.dimensions or RANDOM_WIDTH, seed=seed)
    if config.dimensions and config.dimensions < table.shape[1]:
        table = project(table, config.dimensions)
    return standardise(table)


def refuse_damaged_files(config: TrainConfig, cache: Path, manifest: Manifest) -> None:
    """Refuse (BAD_DATA) a cache's tokenizer or word table that is not the one whose hash stands in its manifest."""
    if config.vocabulary == "words":
        return
    check_seal(cache)
    for name, sha256 in dict(manifest.config.get("files") or {}).items():
        path = cache / FILES / name
        if not path.is_file() or store.sha256_file(path) != sha256:
            raise PotstillError(
                f"{path} is {'damaged' if path.is_file() else 'missing'}: its sha256 is not the one in the manifest",
                hint=f"potstill repair {cache}",
                code=BAD_DATA,
            )


def _files(reader: Reader) -> Path:
    assert reader.teacher is not None
    return reader.teacher / FILES


def _texts(reader: Reader, progress: Progress) -> Iterator[list[str]]:
    progress.start("count words", total=reader.count, unit="rows")
    reader = replace(reader, columns=())  # only texts are needed
    for number in range(len(reader.groups)):
        block = reader.read([number])
        yield block.texts + (block.pairs or [])
        progress.advance(len(block))
    progress.finish()
