"""Which signals a distillation method reads, so that a cache can be asked for by the method's name.

Method name + layers of teacher (L) and student (M) -> signals. `skip` and `last` are maps of `data.layer_maps`, for
any L and M; 12 -> 4 takes 3 6 9 12 by `skip`, 9 10 11 12 by `last`. Where sources differ the choice is said here:

hinton, tang, mkd, nlp_architect   logits. T, MSE or KL stay choices of the student
pkd          [CLS] of the layers of `skip`, the last one left out (12 -> 6 takes 2 4 6 8 10)
pkd_last     [CLS] of the layers of `last`, the last one left out (12 -> 6 takes 7 8 9 10 11)
distilbert   all states of the last layer, for the cosine loss; logits for the soft labels of the task step
tinybert     states of 0 and the layers of `skip`, queries and keys of these layers: its attention loss is on scores
             before the softmax, which only q and k give
minilm       q, k and v of one layer: the last, of a teacher of 24 layers and more the layer 21/24 of the way up
minilm_v1    q, k and v of the last layer
ernie_tiny   q, k and v of the last layer, and logits for its last stage
textbrewer   states of 0 and the layers of `skip`: hidden_mse, and mmd or fsp between states of them follow from these
nst          the same layers, as products of the states with each other: all that nst and mmd of one layer need
bert_emd     states of all layers, queries and keys of all layers: any student layer may match any of them
xtremedistil, mukherjee   [CLS] of the last layer, for the stage on representations, and logits

Methods on states of sub-words get `input_ids` too, by which a student is held to the teacher's own sub-words.
"""

from collections.abc import Callable, Iterable

from data.errors import PotstillError
from data.layer_maps import map_of

Signals = Callable[[int, int], tuple[str, ...]]

LARGE, UPPER = 24, 21  # MiniLMv2 takes layer 21 of BERT-large's 24


def _logits(depth: int, layers: int) -> tuple[str, ...]:
    return ("logits",)


def _pkd(depth: int, layers: int) -> tuple[str, ...]:
    return ("logits", *_named("cls", map_of("skip", layers, depth)[:-1]))


def _pkd_last(depth: int, layers: int) -> tuple[str, ...]:
    return ("logits", *_named("cls", map_of("last", layers, depth)[:-1]))


def _distilbert(depth: int, layers: int) -> tuple[str, ...]:
    return ("logits", "input_ids", f"hidden.{depth}")


def _tinybert(depth: int, layers: int) -> tuple[str, ...]:
    mapped = map_of("skip", layers, depth)
    return ("logits", "input_ids", *_named("hidden", [0, *mapped]), *_named("q", mapped), *_named("k", mapped))


def _minilm(depth: int, layers: int) -> tuple[str, ...]:
    layer = depth if depth < LARGE else round(depth * UPPER / LARGE)
    return ("logits", "input_ids", f"qkv.{layer}")


def _last_attention(depth: int, layers: int) -> tuple[str, ...]:
    return ("logits", "input_ids", f"qkv.{depth}")


def _textbrewer(depth: int, layers: int) -> tuple[str, ...]:
    return ("logits", "input_ids", *_named("hidden", [0, *map_of("skip", layers, depth)]))


def _nst(depth: int, layers: int) -> tuple[str, ...]:
    return ("logits", "input_ids", *_named("gram", [0, *map_of("skip", layers, depth)]))


def _bert_emd(depth: int, layers: int) -> tuple[str, ...]:
    every = range(1, depth + 1)
    return ("logits", "input_ids", *_named("hidden", [0, *every]), *_named("q", every), *_named("k", every))


def _representation(depth: int, layers: int) -> tuple[str, ...]:
    return ("logits", f"cls.{depth}")


METHOD_SIGNALS: dict[str, Signals] = {
    "hinton": _logits,
    "tang": _logits,
    "mkd": _logits,
    "nlp_architect": _logits,
    "pkd": _pkd,
    "pkd_last": _pkd_last,
    "distilbert": _distilbert,
    "tinybert": _tinybert,
    "minilm": _minilm,
    "minilm_v1": _last_attention,
    "ernie_tiny": _last_attention,
    "textbrewer": _textbrewer,
    "nst": _nst,
    "bert_emd": _bert_emd,
    "xtremedistil": _representation,
    "mukherjee": _representation,
}


def method_signals(methods: tuple[str, ...], depth: int, student_layers: int = 0) -> tuple[str, ...]:
    """Name the signals of some methods together. student_layers: 0 is half of the teacher's `depth`."""
    for name in methods:
        if name not in METHOD_SIGNALS:
            raise PotstillError(f"no method {name!r}", hint=f"methods: {', '.join(METHOD_SIGNALS)}")
    layers = student_layers or max(1, depth // 2)
    return tuple(dict.fromkeys(signal for name in methods for signal in METHOD_SIGNALS[name](depth, layers)))


def _named(name: str, layers: Iterable[int]) -> list[str]:
    return [f"{name}.{layer}" for layer in layers]
