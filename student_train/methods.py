"""Published methods as data: the losses that each of them names, with the weights and options of its paper or code.

Where a method has stages that follow each other (TinyBERT, MiniLM, ERNIE-Tiny), its losses are taken together here.
`potstill cache --for NAME` stores what a method of this name reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Method:
    """losses: as in a recipe; says: what they mean; layer_map: which layers are compared, where the method says so."""

    losses: Mapping[str, Mapping[str, Any]]
    says: str
    layer_map: str = ""


def _kl(weight: float, temperature: float, preset: str) -> dict[str, Any]:
    return {"weight": weight, "temperature": temperature, "preset": preset}


_CE, _PKD = {"weight": 0.5}, {"weight": 100.0, "reduction": "mean"}
METHODS: dict[str, Method] = {
    "tang": Method({"logit_mse": {"weight": 1.0}}, "squared difference of raw logits (Tang et al. 2019)"),
    "hinton": Method(
        {"kl": _kl(0.9, 2.0, "hinton"), "ce": {"weight": 0.1}},
        "soft targets at T = 2 with T², a tenth of the gold labels (Hinton et al. 2015)",
    ),
    "mkd": Method(
        {"logit_mse": {"weight": 0.5}, "ce": _CE}, "raw logits and gold labels, half and half (Liu et al. 2019)"
    ),
    "pkd": Method(
        {"kl": _kl(0.5, 10.0, "pkd_ref"), "ce": _CE, "pkd": _PKD},
        "soft targets at T = 10, gold labels, [CLS] of every second layer at length 1 (Sun et al. 2019, skip)",
        "skip",
    ),
    "pkd_last": Method(
        {"kl": _kl(0.5, 10.0, "pkd_ref"), "ce": _CE, "pkd": _PKD},
        "soft targets at T = 10, gold labels, [CLS] of the upper layers at length 1 (Sun et al. 2019, last)",
        "last",
    ),
    "distilbert": Method(
        {"kl": _kl(5.0, 2.0, "distilbert"), "cos": {"weight": 1.0, "layers": "last"}},
        "soft targets at T = 2 and the angles of the last states (Sanh et al. 2019, its step on a task)",
    ),
    "tinybert": Method(
        {"hidden_mse": {"weight": 1.0}, "attention_mse": {"weight": 1.0}, "kl": _kl(1.0, 1.0, "tinybert_ref")},
        "states, attention scores and soft targets at T = 1 together (Jiao et al. 2020, both stages in one)",
    ),
    "minilm": Method(
        {"relations": {"weight": 1.0, "types": ["qq", "kk", "vv"]}, "kl": _kl(1.0, 1.0, "hinton")},
        "relations of queries, keys and values of the last layer, and soft targets (Wang et al. 2021)",
    ),
    "minilm_v1": Method(
        {"relations": {"weight": 1.0, "types": ["qk", "vv"]}, "kl": _kl(1.0, 1.0, "hinton")},
        "attention and relations of values of the last layer, and soft targets (Wang et al. 2020)",
    ),
    "ernie_tiny": Method(
        {"relations": {"weight": 1.0, "types": ["qk", "vv"]}, "kl": _kl(1.0, 1.0, "hinton"), "ce": {"weight": 1.0}},
        "attention and relations of values of the last layer, soft targets and gold labels 1 : 1 (ERNIE 3.0 Tiny)",
    ),
    "textbrewer": Method(
        {"kl": _kl(1.0, 8.0, "textbrewer"), "hidden_mse": {"weight": 1.0}},
        "soft targets at T = 8 without T², states of the mapped layers (Yang et al. 2020)",
    ),
    "nst": Method(
        {"kl": _kl(1.0, 8.0, "textbrewer"), "nst": {"weight": 1.0}},
        "soft targets at T = 8 without T², products of the states of the mapped layers (TextBrewer's mmd)",
    ),
}


def losses_of(method: str, given: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """A method's losses, under options that are named. given: loss -> options; a further loss is added."""
    theirs = METHODS[method].losses
    return {name: {**theirs.get(name, {}), **given.get(name, {})} for name in dict.fromkeys([*theirs, *given])}
