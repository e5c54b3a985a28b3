"""What the cache phase is asked to do, and where. No heavy imports: `potstill --help` reads this."""

from dataclasses import dataclass
from pathlib import Path

from data.errors import PotstillError
from data.running.share import ALL, Share

DTYPES = ("auto", "float32", "bfloat16", "float16")
MOST_THREADS = 1_024  # a hundred thousand leave no process for anybody on the machine
ATTENTIONS = ("auto", "sdpa", "eager")
# Fields that change at most the last bits of a stored number: they are not part of a plan's identity.
HOW_ONLY = frozenset({"device", "attention", "threads", "max_bytes", "max_rejected"})
# Field -> the value that means "choose": what is chosen when a cache is begun is kept when it is resumed.
LEFT_OPEN = {"dtype": "auto", "token_budget": 0, "teacher_labels": None}


@dataclass(frozen=True)
class CacheConfig:
    """Options of `potstill cache`.

    signals       what to store: logits (always), input_ids, cls, mean, hidden, q, k, v, gram. qkv stands for q, k
                  and v, embedding for hidden.0; a layer may be named (`cls.6`, `qkv.12`)
    layers        layers of the signals named without one; none: the teacher's last layer
    methods       distillation methods whose signals are stored too: pkd, tinybert, minilm and others. All are in
                  the table `METHOD_SIGNALS` of teacher_cache/methods.py
    student_layers  layers of the student that methods map the teacher's layers to; 0: half of the teacher's
    dtype         the teacher's arithmetic: auto, float32, bfloat16, float16. auto: bfloat16 on a GPU, and on a CPU
                  only where a short self-test shows that it pays
    device        where the teacher computes: auto, cpu, cuda or cuda:N
    attention     the attention kernel: auto, sdpa or eager
    max_length    longest row in sub-words; longer ones are cut and flagged `truncated`
    token_budget  sub-words of one batch, padding included; 0: by device, of a GPU by its free memory
    max_bytes     refuse to start when the cache would be larger; 0: no limit
    max_rejected  highest share of rows without an answer (empty, damaged, not finite) of a cache that is sealed;
                  ten such rows are always allowed
    teacher_labels  names of the teacher's outputs in their order. None: those of its config, else the task's classes
    threads       CPU threads of the teacher; 0: all cores
    """

    signals: tuple[str, ...] = ("logits",)
    layers: tuple[int, ...] = ()
    methods: tuple[str, ...] = ()
    student_layers: int = 0
    dtype: str = "auto"
    device: str = "auto"
    attention: str = "auto"
    max_length: int = 128
    token_budget: int = 0
    max_bytes: int = 0
    max_rejected: float = 0.001
    teacher_labels: tuple[str, ...] | None = None
    threads: int = 0

    def __post_init__(self) -> None:
        _one_of("dtype", self.dtype, DTYPES)
        _one_of("attention", self.attention, ATTENTIONS)
        if self.device not in ("auto", "cpu", "cuda") and not self.device.removeprefix("cuda:").isdecimal():
            raise PotstillError(f"device {self.device!r} is unknown", hint="devices: auto, cpu, cuda, cuda:N")
        if self.max_length < 4:
            raise PotstillError(f"max_length {self.max_length} leaves no room for words", hint="e.g. 128")
        if self.threads > MOST_THREADS:
            raise PotstillError(f"threads = {self.threads} is above {MOST_THREADS:,}")
        for name in ("student_layers", "token_budget", "max_bytes", "max_rejected", "threads"):
            if getattr(self, name) < 0:
                raise PotstillError(f"{name} = {getattr(self, name)} is negative")


@dataclass(frozen=True)
class Launch:
    """Where shards are computed; decides no stored number.

    workers  processes on this machine; 0: one per GPU, or this process alone
    share    which shards are this machine's
    ray      address of a Ray cluster; `local` starts one here. "" uses none
    store    object store that keeps the cache too, such as `s3://bucket/prefix`. "" is none
    reuse    another cache to take unchanged rows from
    """

    workers: int = 0
    share: Share = ALL
    ray: str = ""
    store: str = ""
    reuse: tuple[str, ...] = ()

    def worker(self, number: int) -> Share:
        """The share of one worker of this machine."""
        count = max(1, self.workers)
        return Share(self.share.index + self.share.count * number, self.share.count * count, number)


@dataclass(frozen=True)
class Request:
    """A cache to be made, as a process elsewhere is told of it. Paths are absolute."""

    config: CacheConfig
    examples: Path
    teacher: str
    out: Path
    launch: Launch = Launch()


def _one_of(name: str, value: str, options: tuple[str, ...]) -> None:
    if value not in options:
        raise PotstillError(f"{name} {value!r} is unknown", hint=f"{name}: {', '.join(options)}")
