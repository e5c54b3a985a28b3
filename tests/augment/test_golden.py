"""The rows of RECIPE 2, for ever: another digest here means that RECIPE in `augment/draw.py` must rise."""

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
SCRIPTS = ["नमस्ते दुनिया, cafe\u0301 👍🏽 ok!", "สวัสดี เก้าอี้ดี", "映画はホテルで good😀fun (ok)."]
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
    "scripts": (TASK, singles(SCRIPTS), {"tagger": "own", "p_mask": 0.2, "p_pos": 0.4}),
    "Chinese": (TASK, singles(ZH), {"tagger": "jieba", "language": "zh"}),
    "Chinese, none": (TASK, singles(ZH), {"tagger": "none", "language": "zh", "n_iter": 5}),
}
DIGESTS = {
    "none": (108, "aee880d644952b63"),
    "none, one draw": (21, "1d289ee65b4e3da8"),
    "own": (139, "04f6996ab5ba49a8"),
    "own, one draw": (26, "687520e05b8f32ff"),
    "own, many hits": (185, "1e65468cd6460cfc"),
    "pairs, none": (118, "801fc8f24fb62f7f"),
    "pairs, own": (148, "f3f8d6722a55adef"),
    "pairs, own, one draw": (24, "b9523d47bae10a4e"),
    "scripts": (56, "41d2b96bba27d10f"),
    "Chinese": (46, "ca0922823bd06b5e"),
    "Chinese, none": (13, "0fe35d159f6c3f43"),
}


@pytest.mark.parametrize("case", CASES)
def test_ids_texts_and_order_of_the_rows_are_those_of_the_recipe(tmp_path, case):
    task, examples, options = CASES[case]
    config = AugmentConfig(**{"workers": 1, "chunk_rows": 4} | options)
    expand(config, task, examples, singles(LEAKS), tmp_path, made_from={}, progress=Silent())
    digest = hashlib.sha256()
    rows = list(read_examples(tmp_path)[1])
    for row in rows:
        digest.update(repr(astuple(row)).encode("utf-8"))
    assert (RECIPE, len(rows), digest.hexdigest()[:16]) == (2, *DIGESTS[case])
