"""What a student starts from: its vocabulary and its table of word vectors."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from data import store
from data.errors import BAD_DATA, PotstillError
from data.layout import FILES
from data.manifest import Manifest, check_seal
from student_train.config import MEANS, VOCABULARIES, TrainConfig
from student_train.vocab.vectors import (
    project,
    random_table,
    standardise,
    teacher_table,
    vector_table,
)
from student_train.vocab.vocabulary import Joint, Subwords, Words, build_joint, build_subwords, build_words

RANDOM_WIDTH = 300  # the width of the paper's word vectors
VECTOR_FILES = (".txt", ".vec", ".bin")  # word2vec and GloVe


def unit_of(vocabulary: str) -> str:
    """What a vocabulary cuts a text into."""
    if vocabulary not in VOCABULARIES:
        raise PotstillError(f"no vocabulary {vocabulary!r}", hint=f"vocabularies: {', '.join(VOCABULARIES)}")
    return VOCABULARIES[vocabulary]


def build_vocabulary(
    config: TrainConfig, files: Path, texts: Iterable[list[str]], *, joint: bool = False, types: bool | None = None
) -> Words | Subwords | Joint:
    """Words of the texts, or the teacher's sub-words from the cache's own copy of its tokenizer.

    files: of the cache, its `files/`. texts: of the chosen rows, in chunks; read only where words are counted.
    joint: rows as the teacher reads them. types: whether these say which text of a pair a sub-word belongs to; where
    nothing is said, if the tokenizer does
    """
    unit_of(config.vocabulary)  # refuses an unknown one
    if joint:
        made = build_joint(files, longest=config.max_words, types=bool(types))
        return made if types is not None else replace(made, feed=replace(made.feed, types=names_texts(made)))
    if config.vocabulary == "words":
        words = (text for chunk in texts for text in chunk)
        return build_words(words, min_count=max(1, config.min_count), longest=config.max_words)
    counted = texts if config.min_count > 0 else None
    return build_subwords(files, counted, min_count=config.min_count, longest=config.max_words)


def names_texts(vocabulary: Joint) -> bool:
    """Whether a tokenizer gives the sub-words of a second text another type than those of the first."""
    return max(vocabulary.feed.backend.encode("a", "a").type_ids, default=0) > 0


def starting_table(
    config: TrainConfig, vocabulary: Words | Subwords | Joint, files: Path, *, seed: int, named: Tensor | None = None
) -> Tensor:
    """The first embedding table [V, D] float32: from vectors, from the teacher, or random; narrowed by PCA.

    files: of the cache, its `files/`; named: the table that `config.vectors` names for sub-words
    """
    if named is not None:
        table = named
    elif config.vectors and isinstance(vocabulary, Words):
        table = vector_table(Path(config.vectors), vocabulary, seed=seed)
    elif config.vocabulary == "teacher" and not isinstance(vocabulary, Words):
        table = teacher_table(files, vocabulary)
    else:
        return random_table(vocabulary.size, config.dimensions or RANDOM_WIDTH, seed=seed)
    if config.dimensions and config.dimensions < table.shape[1]:
        table = project(table, config.dimensions)
    return standardise(table)


def names_sub_words(vectors: str, vocabulary: Words | Subwords | Joint) -> bool:
    """Whether a config names vectors of sub-words: an encoder's, or means.

    Errors: a file of word vectors for sub-words, or vectors of sub-words for words.
    """
    of_words = Path(vectors).is_file() or vectors.endswith(VECTOR_FILES)
    if isinstance(vocabulary, Words):
        if vectors == MEANS or Path(vectors or ".txt").is_dir():
            raise PotstillError(f"{vectors}: vectors of sub-words", hint="leave out train.vocabulary=words")
        return False
    if vectors and of_words:
        raise PotstillError(f"the vectors of {vectors} are for words", hint="add --set train.vocabulary=words")
    return bool(vectors)


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
