"""What can be chosen for a student, and for fine-tuning a teacher. Imports nothing heavy: the command line reads it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from data.config import as_dict
from data.errors import PotstillError
from student_train.methods import METHODS, losses_of, stages_of_method

# What a text is cut into: words, or sub-words, with ids of the student's own; or the row that the teacher itself reads,
# with both texts of a pair and the special tokens in it.
WORDS, SUBWORDS, JOINT = "words", "subwords", "joint"
VOCABULARIES = {"teacher": SUBWORDS, "subwords": SUBWORDS, "words": WORDS}

Sizes = dict[str, Any]  # name -> int, float, bool, str or tuple of int; of a sum also part -> its sizes

PLUS = "+"  # between the students of a sum
BALANCED = "balanced"
MEANS = "means"  # as `vectors`: means of the teacher's cached states
LOSS_DEFAULT = {"logit_mse": 1.0}
# Fields that say where a model is trained, not which one is asked for; files of weights count by their content.
HOW_ONLY = frozenset({"threads", "device", "vectors", "start"})
# Fields with the value in whose place training chooses one, by the task, the optimizer or the machine.
LEFT_OPEN = {"model": "auto", "lr": 0.0, "precision": "auto", "combine": None, "weights": None}
LEFT_OPEN |= {"epochs": None, "steps": None, "patience": None}
# What a student takes of these where neither a config nor its row of `MODELS` says anything.
USUAL: dict[str, Any] = {"lr": 2e-3, "batch_size": 128, "hidden": 150, "dense": 200, "dropout": 0.1}
LEFT_OPEN |= {"batch_size": None, "hidden": None, "dense": None, "dropout": None}  # by the student
ASKED = "asked_precision"  # in a report: the precision asked for, where another one had to be taken
TABLE_DTYPES = ("float32", "float16", "int8")
SCHEDULES = ("constant", "linear", "cosine")
AT_LEAST_ONE = (
    "epochs",
    "steps",
    "batch_size",
    "accumulate",
    "draws",
    "block_groups",
    "hidden",
    "dense",
    "max_words",
    "max_length",
)
MOST_THREADS = 1_024  # a hundred thousand leave no process for anybody on the machine
SHARES = ("warmup", "dropout", "ema")
MOVED = {  # keys of older recipes -> the loss and its option that they are now
    "temperature": ("kl", "temperature"),
    "preset": ("kl", "preset"),
    "mse_reduction": ("logit_mse", "reduction"),
}


@dataclass(frozen=True)
class TrainConfig:
    """How a student is trained. Every field can be set in a recipe's `[train]` table or by `--set`.

    model          student: bilstm, siamese_bilstm, bigru, bi_attention, conv, dan, bag, wide, transformer, sums:
                   conv+dan; auto: a BiLSTM
    method         losses of a method: tang, hinton, pkd, distilbert, tinybert, minilm, … (docs/METHODS.md). Options
                   that `losses` names are laid over them
    losses         loss name -> weight (keys of `LOSSES`). A table in place of the weight gives a loss all its options:
                   `kl = { weight = 0.9, temperature = 4 }`
    combine        several caches: mean_logits (taken where nothing is said) or mean_probabilities. Those are of
                   softmax at the temperature of the `kl` loss
    weights        several caches: the weight of each teacher in their mean; equal where nothing is said
    rows           which rows of the cache: all, original or augmented. In a recipe also auto: whether the augmented
                   ones help is tried on dev first, by a small student
    draws          sets that the augmented rows are dealt into: each pass takes one of them beside all original rows, so
                   that with a large `augment.n_iter` every pass has fresh ones
    seeds          one student is trained for each of these seeds
    epochs         passes over the rows. Where neither these nor steps are named: 3, and over a small set as many as
                   2,000 steps take, 100 at most
    steps          optimizer steps, in as many passes as they take; with epochs named too, whichever is more
    batch_size     rows a step; where nothing is said 128
    accumulate     parts that the rows of a step are computed in, one after the other: less memory, the same gradient
    optimizer      rule of the steps: adamw or adadelta
    lr             peak learning rate; 0 takes the usual one: of adamw the student's (2e-3, of wide 1e-2), 1.0 of
                   adadelta
    embedding_lr   the embedding table's own rate as a multiple of lr
    weight_decay   on matrices other than the word table; decoupled for adamw, plain L2 for adadelta
    schedule       constant, linear (to 0) or cosine (to 0)
    warmup         share of all steps spent warming up
    clip           gradient norm limit over all parameters; 0 is none
    ema            decay of a moving average of the weights, such as 0.999: dev measures the average, and it is what is
                   saved; none where nothing is said
    patience       stop after this many evaluations without a better dev metric; 0 never stops early. Where nothing
                   is said 0, and 15 for a small set whose passes are not named
    evaluations    dev evaluations an epoch; where nothing is said 2, but 40 in all at most, and fewer where the dev
                   set is so large that they would take more than a tenth of the training's time
    best_by        dev metric that the best step is chosen by: accuracy, f1, macro_f1, f1:CLASS, mcc, pearson, spearman
                   or loss. Where nothing is said accuracy, and spearman for scores
    class_weights  how much a row of a class counts in the losses on labels: `balanced`, or class -> number, 1 where
                   none is named
    max_steps      stop after this many steps; 0 is no limit
    hidden         state size of one direction of an LSTM or GRU; where nothing is said 150
    dense          size of the ReLU layer; where nothing is said 200 (dan 256, bag 128)
    dropout        on the embedded or pooled words and before the last layer; where nothing is said 0.1
    shape          further sizes, which one student alone has, by name: `train.shape.NAME`; of a part of a sum
                   `train.shape.PART.NAME`
    stages         trainings that follow each other, each from the weights of the one before: tables of settings
                   such as losses, steps, lr, rows and frozen, `[[train.stages]]` in a recipe. A stage whose losses
                   compare layers alone hands on the weights of its last step, others those of the best one
    frozen         parameters that stay as they are: beginnings of their names
    start          encoder whose layers a transformer starts from, head included: a folder or a hub name. In a recipe
                   also teacher, the run's own, or base, the encoder that it was fine-tuned from
    start_map      which of its layers: spread (the first, the last and even steps between), first, last, skip, or
                   numbers from 1, `1,3,6`
    layer_map      which of the teacher's layers each of the student's is compared with, by losses on layers: skip
                   (even steps up to the last), last, first, spread, or numbers
    vocabulary     teacher (its sub-words and embedding table), subwords (its sub-words, random table) or words
    vectors        where the word vectors come from, if not from the teacher: a word2vec/GloVe file for `words` (text or
                   .bin); for sub-words an encoder, folder or hub name, or means: of the teacher's cached states of
                   each sub-word. In a recipe also base: the encoder that the teacher was fine-tuned from, or random
                   vectors where it is not known
    dimensions     embedding width: 0 keeps the source's (300 for random words); smaller ones take a PCA
    table_dtype    numbers of the word and n-gram tables on disk: float32, float16, or int8 with a scale for each row
    multichannel   a static and a tuned copy of the embedding side by side
    min_count      a word or sub-word seen fewer times in the training rows is left out of the vocabulary; 0 keeps all
                   of the teacher's (a third of SST-2's test texts hold one the training texts do not)
    max_words      longest text, in words or sub-words
    precision      auto, float32 or bfloat16 (matrix products only; weights stay float32)
    block_groups   row groups shuffled together: the shuffle buffer, 8,192 rows each
    threads        torch threads; 0 is all cores
    device         auto, cpu or cuda[:n]
    """

    model: str = "auto"
    method: str = ""
    losses: dict[str, Any] = field(default_factory=lambda: dict(LOSS_DEFAULT))
    combine: str | None = None
    weights: tuple[float, ...] | None = None
    rows: str = "all"
    draws: int = 1
    seeds: tuple[int, ...] = (0,)
    epochs: int | None = None
    steps: int | None = None
    batch_size: int | None = None
    accumulate: int = 1
    optimizer: str = "adamw"
    lr: float = 0.0
    embedding_lr: float = 1.0
    weight_decay: float = 0.01
    schedule: str = "linear"
    warmup: float = 0.02
    clip: float = 5.0
    ema: float | None = None
    patience: int | None = None
    evaluations: int | None = None
    max_steps: int = 0
    best_by: str | None = None
    class_weights: str | dict[str, float] | None = None
    hidden: int | None = None
    dense: int | None = None
    dropout: float | None = None
    shape: Sizes | None = None
    stages: tuple[dict[str, Any], ...] = ()
    frozen: tuple[str, ...] = ()
    start: str = ""
    start_map: str = "spread"
    layer_map: str = "skip"
    vocabulary: str = "teacher"
    vectors: str = ""
    dimensions: int = 0
    table_dtype: str = "float32"
    multichannel: bool = False
    min_count: int = 0
    max_words: int = 128
    precision: str = "auto"
    block_groups: int = 8
    threads: int = 0
    device: str = "auto"

    @property
    def rows_a_step(self) -> int:
        """`batch_size`, or the usual one where nobody names it."""
        return int(self.batch_size or USUAL["batch_size"])

    def __post_init__(self) -> None:
        _check(self)
        if self.table_dtype not in TABLE_DTYPES:
            raise PotstillError(f"no table_dtype {self.table_dtype!r}", hint=f"known: {', '.join(TABLE_DTYPES)}")
        losses = options_of_losses(self.losses)
        if self.method:
            if self.method not in METHODS:
                raise PotstillError(f"no method {self.method!r}", hint=f"methods: {', '.join(METHODS)}")
            given = {} if losses == options_of_losses(LOSS_DEFAULT) else losses
            losses = losses_of(self.method, given)
            object.__setattr__(self, "layer_map", METHODS[self.method].layer_map or self.layer_map)
            object.__setattr__(self, "stages", self.stages or stages_of_method(self.method, given))
        object.__setattr__(self, "losses", losses)

    @staticmethod
    def moved(key: str, values: Mapping[str, Any], where: str) -> str | None:
        """Say how a key that older recipes have is written now; None for one that never was.

        values: the table that the key stands in; where: "recipe demo [arms.distilled]", "potstill train"
        """
        if key not in MOVED:
            return None
        (name, option), losses = MOVED[key], values.get("losses")
        given = options_of_losses(losses).get(name) if isinstance(losses, Mapping) else None
        options = (given or {"weight": 1.0}) | {option: values[key]}
        spelled = ", ".join(f"{key} = {json.dumps(value, default=str)}" for key, value in options.items())
        table = where.partition("[")[2].rstrip("]") or "train"
        return f"losses.{name} = {{ {spelled} }}, or --set {table}.losses.{name}.{option}={values[key]}"


@dataclass(frozen=True)
class TeachConfig:
    """How a teacher is fine-tuned on labels (Hugging Face encoder, cross-entropy or MSE on the gold label).

    epochs         passes over the rows
    patience       stop after this many evaluations without a better dev metric; 0 never stops early
    steps, batch_size, accumulate, weight_decay, schedule, warmup, clip, ema, evaluations, max_steps: as in TrainConfig
    best_by, class_weights: as in TrainConfig
    lr             peak learning rate
    max_length     longest text in sub-words
    seed           seed of the new classification head, the order of rows and dropout
    precision      auto, float32 or bfloat16
    block_groups   row groups shuffled together
    threads        torch threads; 0 is all cores
    device         auto, cpu or cuda[:n]
    """

    epochs: int = 3
    steps: int | None = None
    batch_size: int = 32
    accumulate: int = 1
    lr: float = 5e-5
    weight_decay: float = 0.01
    schedule: str = "linear"
    warmup: float = 0.06
    clip: float = 1.0
    ema: float | None = None
    patience: int = 0
    evaluations: int | None = None
    max_steps: int = 0
    best_by: str | None = None
    class_weights: str | dict[str, float] | None = None
    max_length: int = 128
    seed: int = 0
    precision: str = "auto"
    block_groups: int = 8
    threads: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        _check(self)


def options_of_losses(losses: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Spell the short form `kl = 0.9` as a table of options, `kl = { weight = 0.9 }`; the losses check the values."""
    return {
        name: dict(options) if isinstance(options, Mapping) else {"weight": options} for name, options in losses.items()
    }


def _check(config: TrainConfig | TeachConfig) -> None:
    """Refuse numbers that no run can be made with, before an hour has gone into reading the rows."""
    for name, value in vars(config).items():
        if isinstance(value, int | float):
            least, most = 1 if name in AT_LEAST_ONE else 0, 1 if name in SHARES else math.inf
            if not least <= value <= most:
                above = f"{least} to 1" if name in SHARES else f"{least} or more"
                raise PotstillError(f"{name} = {value} is not {above}")
    if config.threads > MOST_THREADS:
        raise PotstillError(f"threads = {config.threads} is above {MOST_THREADS:,}")
    if isinstance(config.class_weights, dict):
        for name, weight in config.class_weights.items():
            if not 0 <= weight < math.inf:
                raise PotstillError(f"class_weights: {name} = {weight} is not 0 or more")
    if config.schedule not in SCHEDULES:
        raise PotstillError(f"no schedule {config.schedule!r}", hint=f"schedules: {', '.join(SCHEDULES)}")


def what_only(config: "TrainConfig | TeachConfig") -> dict[str, Any]:
    """The fields that decide which model is trained; without device and precision, which a resume may change."""
    return {name: value for name, value in as_dict(config).items() if name not in {*HOW_ONLY, "precision"}}
