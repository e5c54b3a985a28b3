"""What is known of a data set and of its teacher before anything runs: files, encoder → `Facts`."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from statistics import mean, median, quantiles

from data.example import Example, Label
from data.progress import Progress
from data.readers.examples import read
from data.readers.identity import is_scratch
from data.readers.source import Source
from data.text.words import CHINESE, scripts_in, split
from pipelines.inputs.files import Files
from pipelines.inputs.places import locate_teacher, texts_of

SAMPLE = 2_000  # texts whose words are counted
SIZE = re.compile(r"(\d+)x(\d+)")  # of `scratch:4x256`
SUBWORDS = {"zh": 1.0, "en": 1.3, "other": 1.6}  # sub-words a word, of English in a vocabulary of 30,000
# Words that stand in any English text of some length, and seldom in another language.
ENGLISH = frozenset(("the", "and", "of", "to", "is", "was", "it", "that", "this", "with", "for", "you", "are", "not"))
FEWEST_ENGLISH = 0.06  # their share of the words: about 0.2 in English, 0.01 in German


@dataclass(frozen=True)
class Encoder:
    """The size of a teacher. width: hidden size; flops: of a forward pass for one sub-word, without attention.

    finished: it answers already and is not fine-tuned; new: it begins with random weights
    """

    width: int
    flops: float
    finished: bool = False
    new: bool = False


@dataclass(frozen=True)
class Facts:
    """What the numbers are chosen by.

    kind, pair  of the task
    labelled    training rows with a label; unlabelled: all other texts that the teacher will answer
    classes     class -> labelled training rows; empty for scores
    dev, test   labelled rows of these files
    words       median words of a row, mean: their mean, long: what 98 of 100 rows of each file do not exceed;
                both texts of a pair together
    language    en, zh or other
    transfer    about how many rows the students learn from, once the draws of the augmenter are chosen
    """

    kind: str
    labelled: int
    dev: int
    teacher: Encoder
    pair: bool = False
    unlabelled: int = 0
    classes: Mapping[str, int] = field(default_factory=dict)
    words: float = 20.0
    mean: float = 20.0
    long: float = 60.0
    language: str = "en"
    test: int = 0
    transfer: int = 0

    @property
    def originals(self) -> int:
        return self.labelled + self.unlabelled

    @property
    def commonest(self) -> float:
        """The share of the most frequent class; 0 for scores."""
        return max(self.classes.values(), default=0) / max(1, sum(self.classes.values()))

    @property
    def subwords(self) -> float:
        """Mean sub-words of a word."""
        return SUBWORDS[self.language]

    @property
    def tokens(self) -> float:
        """Mean sub-words of a row, special ones included."""
        return self.subwords * self.mean + 2


def facts_of(
    files: Files, model: str, *, test: Source | None = None, finished: bool = False, progress: Progress
) -> Facts:
    """Read the files once and look at the teacher's config. Errors: those of the files and of the model."""
    task = files.reading.task(files.train, progress)
    assert files.dev is not None
    train = _seen(read(files.train, task, split="train"))
    more = _seen(texts_of(files.unlabelled, task, split="unlabelled"))
    dev = _seen(read(files.dev, task, split="dev"))
    counts = train.counts
    return Facts(
        kind=task.kind,
        pair=task.pair,
        labelled=train.labelled,
        unlabelled=train.rows - train.labelled + more.rows,
        classes={name: counts[number] for number, name in enumerate(task.labels)},
        dev=dev.labelled,
        test=_seen(read(test, task, split="test")).labelled if test else 0,
        teacher=encoder_of(model, finished=finished),
        words=median(train.lengths),
        mean=(train.rows * mean(train.lengths) + more.rows * mean(more.lengths)) / max(1, train.rows + more.rows),
        long=max(_most(seen.lengths) for seen in (train, more, dev)),
        language=language_of(train.sample),
    )


@dataclass(frozen=True)
class _Seen:
    """What is seen of a file. counts: label -> rows, None of those without; sample: up to `SAMPLE` rows at equal
    distances; lengths: their words."""

    counts: Counter[Label | None]
    sample: list[Example]
    lengths: list[int]

    @property
    def rows(self) -> int:
        return self.counts.total()

    @property
    def labelled(self) -> int:
        return self.rows - self.counts[None]


def _seen(rows: Iterable[Example]) -> _Seen:
    """Read a stream that may not fit into memory."""
    counts: Counter[Label | None] = Counter()
    kept: list[Example] = []
    step = 1
    for number, row in enumerate(rows):
        counts[row.label] += 1
        if number % step == 0:
            kept.append(row)
        if len(kept) > SAMPLE:
            kept, step = kept[::2], 2 * step
    return _Seen(counts, kept, [len(words) for words in _words_of(kept)] or [0])


def _most(lengths: list[int]) -> float:
    """What 98 of 100 do not exceed."""
    return quantiles(lengths, n=50)[-1] if len(lengths) > 1 else lengths[0]


def sentence(facts: Facts) -> str:
    """The facts for a person: `8,992 labelled and 0 unlabelled texts, 77 classes, 12 words in the median, …`."""
    texts = "pairs of texts" if facts.pair else "texts"
    what = f"{len(facts.classes)} classes" if facts.classes else "scores"
    return (
        f"{facts.labelled:,} labelled and {facts.unlabelled:,} unlabelled {texts}, {what}, "
        f"{facts.words:.0f} words in the median, {facts.dev:,} dev rows"
    )


def encoder_of(model: str, *, finished: bool) -> Encoder:
    """The size of an encoder: by its config and the header of its weights, or by the name of a new one."""
    if is_scratch(model):
        found_size = SIZE.fullmatch(model.partition(":")[2])  # a malformed one is refused by `teach`
        layers, width = map(int, found_size.groups()) if found_size else (2, 128)
        return Encoder(width, 24.0 * layers * width**2, new=True)
    from teacher_cache.estimate import encoder_parameters
    from teacher_cache.teacher.files import inspect_teacher

    found = inspect_teacher(locate_teacher(model))
    return Encoder(found.width, 2.0 * encoder_parameters(found), finished)


def language_of(texts: Iterable[Example]) -> str:
    """Tell Chinese by its characters and English by its commonest words; everything else is `other`."""
    rows = list(texts)
    scripts = Counter(chain.from_iterable(scripts_in(row.text) for row in rows))
    if scripts.total():
        [(name, rows_of)] = scripts.most_common(1)
        if rows_of > len(rows) / 2:
            return "zh" if name == CHINESE else "other"
    words = [word.casefold() for sides in _words_of(rows) for word in sides]
    found = sum(word in ENGLISH for word in words)
    return "en" if found >= FEWEST_ENGLISH * len(words) else "other"


def _words_of(rows: Iterable[Example]) -> Iterator[list[str]]:
    for row in rows:
        yield split(row.text)[0] + (split(row.pair)[0] if row.pair else [])
