"""Published methods as data: the losses that each of them names, with the weights and options of its paper or code.

A method of several stages (TinyBERT, MiniLM, ERNIE-Tiny, XtremeDistil) has them here as `[[train.stages]]` would write
them, all from one cache of the task. `potstill cache --for NAME` stores what a method of this name reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Method:
    """losses: as in a recipe, of a method of stages those of the last one; says: what they mean
    layer_map  which layers are compared, where the method says so
    before     settings of the stages before the last
    """

    losses: Mapping[str, Mapping[str, Any]]
    says: str
    layer_map: str = ""
    before: tuple[Mapping[str, Any], ...] = ()


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
        {"kl": _kl(1.0, 1.0, "tinybert_ref")},
        "states and attention scores, then soft targets at T = 1 (Jiao et al. 2020, its stages on a task)",
        before=({"losses": {"hidden_mse": {"weight": 1.0}, "attention_mse": {"weight": 1.0}}},),
    ),
    "minilm": Method(
        {"kl": _kl(1.0, 1.0, "hinton")},
        "relations of queries, keys and values of the last layer, then soft targets (Wang et al. 2021)",
        before=({"losses": {"relations": {"weight": 1.0, "types": ["qq", "kk", "vv"]}}},),
    ),
    "minilm_v1": Method(
        {"kl": _kl(1.0, 1.0, "hinton")},
        "attention and relations of values of the last layer, then soft targets (Wang et al. 2020)",
        before=({"losses": {"relations": {"weight": 1.0, "types": ["qk", "vv"]}}},),
    ),
    "ernie_tiny": Method(
        {"kl": _kl(1.0, 1.0, "hinton"), "ce": {"weight": 1.0}},
        "attention and relations of values of the last layer, then soft targets and labels 1 : 1 (ERNIE 3.0 Tiny)",
        before=({"losses": {"relations": {"weight": 1.0, "types": ["qk", "vv"]}}},),
    ),
    "xtremedistil": Method(
        {"ce": {"weight": 1.0}},
        "states of [CLS] in the last layer, then raw logits, then gold labels (Mukherjee and Awadallah 2021)",
        before=({"losses": {"cls_mse": {"weight": 1.0}}}, {"losses": {"logit_mse": {"weight": 1.0}}}),
    ),
    "textbrewer": Method(
        {"kl": _kl(1.0, 8.0, "textbrewer"), "hidden_mse": {"weight": 1.0}},
        "soft targets at T = 8 without T², states of the mapped layers (Yang et al. 2020)",
    ),
    "bert_emd": Method(
        {"kl": _kl(1.0, 1.0, "bert_emd_ref"), "emd": {"weight": 0.005}},
        "soft targets at T = 1, states of all layers by optimal transport (Li et al. 2020; extra `emd`)",
    ),
    "nst": Method(
        {"kl": _kl(1.0, 8.0, "textbrewer"), "nst": {"weight": 1.0}},
        "soft targets at T = 8 without T², products of the states of the mapped layers (TextBrewer's mmd)",
    ),
}


Losses = dict[str, dict[str, Any]]


def losses_of(method: str, given: Mapping[str, Mapping[str, Any]]) -> Losses:
    """The losses of a method's only or last stage, under options that are named; a further loss is added there.

    given: loss -> options
    """
    of_others = {name for stage in METHODS[method].before for name in stage["losses"]}
    theirs = METHODS[method].losses
    mine = {name: options for name, options in given.items() if name in theirs or name not in of_others}
    return {name: {**theirs.get(name, {}), **mine.get(name, {})} for name in dict.fromkeys([*theirs, *mine])}


def stages_of_method(method: str, given: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The stages of a method as `[[train.stages]]` writes them, under options that are named; none where it has one."""
    before = METHODS[method].before
    if not before:
        return ()
    found = [
        {**stage, "losses": {name: {**options, **given.get(name, {})} for name, options in stage["losses"].items()}}
        for stage in before
    ]
    return (*found, {"losses": losses_of(method, given)})
