"""The rows of RECIPE 1, for ever: another digest here means that RECIPE in `augment/draw.py` must rise."""

import hashlib
from dataclasses import astuple
from itertools import pairwise

import pytest

from augment.config import AugmentConfig
from augment.draw import RECIPE
from augment.expand import expand
from data.example import MASK, Example, example_id
from data.examples import read_examples
from data.progress import Silent
from data.tasks.task import Task

TASK = Task("classify", ("0", "1"))
PAIRS = Task("classify", ("0", "1"), pair=True)
TEXTS = [
    *(
        "a gripping film with a wonderful cast .",
        "dull",
        "wonderful cast",
        "the cast is wasted",
        "It's good, isn't it?",
    ),
    *("the plot never wakes up , and neither did i !", "far too long for so thin a story", "it is not bad at all"),
    *("  two  blanks ", f"one {MASK} word", "Straße in GROSS", "a a a a", "ab c abc", "...", "it is NOT bad at all ."),
]
ZH = ["酒店的服务很好，房间也很干净。", "房间太小，早餐也不好吃。", "下次还会再来，Wi-Fi 很快。"]
LEAKS = ["Wonderful", "the plot", "strasse", "a  a", "房间", "cast"]


def singles(texts):
    return [Example(example_id("classify", text), text, label=i % 2) for i, text in enumerate(texts)]


def pairs(texts):
    return [Example(example_id("classify", a, b), a, b, label=0) for a, b in pairwise(texts)]


CASES = {
    "none": (TASK, singles(TEXTS), {"tagger": "none"}),
    "none, one draw": (TASK, singles(TEXTS), {"tagger": "none", "n_iter": 1}),
    "own": (TASK, singles(TEXTS), {"tagger": "own"}),
    "own, one draw": (TASK, singles(TEXTS), {"tagger": "own", "n_iter": 1, "seed": 5}),
    "own, many hits": (TASK, singles(TEXTS), {"tagger": "own", "p_mask": 0.4, "p_pos": 0.6, "p_ng": 0.9}),
    "pairs, none": (PAIRS, pairs(TEXTS), {"tagger": "none"}),
    "pairs, own": (PAIRS, pairs(TEXTS), {"tagger": "own"}),
    "pairs, own, one draw": (PAIRS, pairs(TEXTS), {"tagger": "own", "n_iter": 1, "pair_cycle": ("AB",)}),
    "Chinese": (TASK, singles(ZH), {"tagger": "jieba", "language": "zh"}),
    "Chinese, none": (TASK, singles(ZH), {"tagger": "none", "language": "zh", "n_iter": 5}),
}
DIGESTS = {
    "none": (95, "3125cb3e8d7d5ea9"),
    "none, one draw": (19, "16e6d1267e2d663d"),
    "own": (147, "3faf51358fda6667"),
    "own, one draw": (20, "fc68bac431303172"),
    "own, many hits": (208, "04249b1e6feb223a"),
    "pairs, none": (120, "a15b30e66c392929"),
    "pairs, own": (157, "e95da4fefc2f12bc"),
    "pairs, own, one draw": (24, "e9b53c3fdad8b35a"),
    "Chinese": (48, "c4073a1db0215e48"),
    "Chinese, none": (13, "7a340f60410a8cd3"),
}


@pytest.mark.parametrize("case", CASES)
def test_ids_texts_and_order_of_the_rows_are_those_of_the_first_release(tmp_path, case):
    task, examples, options = CASES[case]
    config = AugmentConfig(**{"workers": 1, "chunk_rows": 4} | options)
    expand(config, task, examples, singles(LEAKS), tmp_path, made_from={}, progress=Silent())
    digest = hashlib.sha256()
    rows = list(read_examples(tmp_path)[1])
    for row in rows:
        digest.update(repr(astuple(row)).encode("utf-8"))
    assert (RECIPE, len(rows), digest.hexdigest()[:16]) == (1, *DIGESTS[case])
