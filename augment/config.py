"""Options of the augmenter. No heavy imports: `potstill --help` reads the defaults."""

from dataclasses import dataclass

from data.errors import PotstillError

CYCLES = ("A", "B", "AB")
HOW_ONLY = frozenset({"workers", "chunk_rows"})  # fields that change how rows are made, not which
LEFT_OPEN = {"tagger": "auto"}  # a tagger is chosen by the language and by what is installed


@dataclass(frozen=True)
class AugmentConfig:
    """The rule-based augmenter of Tang et al. 2019; the defaults are the paper's.

    n_iter      draws per original; 0: the originals only. At most so many unique synthetic rows come out of one
    p_mask      probability that a word is masked
    p_pos       probability that a word is replaced by one of the same part of speech
    p_ng        probability that a row is cut down to one n-gram
    ngram_max   longest n-gram; n is uniform from 1 to this
    pair_cycle  which side of a pair the draws k = 0, 1, 2, … change, in turn: "A", "B" or "AB"
    seed        another seed draws other rows
    symmetric   a pair means the same both ways round: exclude also pairs with their texts swapped
    language    language of the texts, such as en or zh. "zh" is cut into words by jieba, anything else at blanks and
                punctuation, and in scripts without blanks by characters
    tagger      part-of-speech tagger: auto, own, spacy:NAME_OR_PATH, nltk, jieba, or none for mask and n-gram only
    workers     processes; 0: one a core. The rows don't depend on it
    chunk_rows  originals per unit of work and of resume. The rows don't depend on it
    """

    n_iter: int = 20
    p_mask: float = 0.1
    p_pos: float = 0.1
    p_ng: float = 0.25
    ngram_max: int = 5
    pair_cycle: tuple[str, ...] = CYCLES
    seed: int = 0
    symmetric: bool = False
    language: str = "en"
    tagger: str = "auto"
    workers: int = 0
    chunk_rows: int = 2048

    def __post_init__(self) -> None:
        for name in ("p_mask", "p_pos", "p_ng"):
            _check(0 <= getattr(self, name) <= 1, f"{name} = {getattr(self, name)}", "a probability from 0 to 1")
        total = self.p_mask + self.p_pos
        _check(total <= 1, f"p_mask + p_pos = {total}", "one draw decides both: together at most 1")
        for name, least in (("n_iter", 0), ("ngram_max", 1), ("workers", 0), ("chunk_rows", 1)):
            _check(getattr(self, name) >= least, f"{name} = {getattr(self, name)}", f"at least {least}")
        known = bool(self.pair_cycle) and set(self.pair_cycle) <= set(CYCLES)
        _check(known, f"pair_cycle = {list(self.pair_cycle)}", f"a list of {', '.join(CYCLES)}")


def _check(good: bool, found: str, wanted: str) -> None:
    if not good:
        raise PotstillError(f"augment: {found}", hint=wanted)
