"""Arms of `benchmarks.augment`: the same original phrases in, new rows out, each on the cores it is given.

Rivals hand out lists of texts. Ours does the whole phase: reads, tags parts of speech, draws, drops duplicates over the
whole set and everything that equals an original, and writes and seals Parquet.
"""

import os
import shutil
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.watch.memory import Peak

Round = Callable[[], dict[str, Any]]
DRAWS = 20  # new rows asked of each original


def on_cores(count: int) -> None:
    """Bind this process, and all it starts, to so many cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def ours(*, examples: str, rows: int, out: str, cores: int, config: dict[str, Any]) -> Round:
    """`augment.expand.expand`, from a stream of originals to the sealed directory."""
    from itertools import islice

    from augment.config import AugmentConfig
    from augment.expand import expand
    from data.examples import read_examples
    from data.progress import Silent

    on_cores(cores)
    settings = AugmentConfig(workers=cores, **{"n_iter": DRAWS, **config})
    manifest, _ = read_examples(Path(examples))

    def run() -> dict[str, Any]:
        shutil.rmtree(out, ignore_errors=True)
        originals = islice(read_examples(Path(examples))[1], rows)
        start = time.perf_counter()
        with Peak() as peak:
            made = expand(settings, manifest.task, originals, [], Path(out), made_from={}, progress=Silent())
        seconds = time.perf_counter() - start
        new = made.rows - rows_of_originals(made)
        return {"rows": new, "seconds": seconds, "originals": rows, "anonymous_mb": peak.megabytes}

    return run


def operations(*, texts: list[str]) -> Round:
    """Our operations alone, in memory as the rivals do it: a list of texts in, a list of new, unique texts out.

    Words masked at their rate, n-grams at ours; words are cut in every round.
    """
    import numpy as np
    import pyarrow as pa

    from augment.config import AugmentConfig
    from augment.draw import draw_key
    from augment.rows.edit import Draws, edit
    from augment.rows.screen import Rows, screen
    from augment.tagged import columns, from_columns
    from augment.taggers.choose import load_tagger

    on_cores(1)
    config = AugmentConfig(p_mask=0.2, p_pos=0.0, tagger="none")
    cut = load_tagger("none", "en")
    source = np.repeat(np.arange(len(texts)), DRAWS)
    ks = np.tile(np.arange(DRAWS), len(texts))

    def run() -> dict[str, Any]:
        start = time.perf_counter()
        words = from_columns(pa.table(columns(cut(texts), "a")), "a")
        keys = np.array([draw_key(0, text, "A") for text in texts], np.uint64)
        edited = edit(words, Draws(source, keys[source], ks.astype(np.uint64)), config, None)
        rows = Rows(source, ks, [edited.text], edited.changed, edited.all_mask).take(np.flatnonzero(edited.changed))
        chosen, _ = screen(rows, [[pa.array(texts)]], frozenset())
        made = rows.texts[0].take(pa.array(chosen)).to_pylist()
        return {"rows": len(made), "seconds": time.perf_counter() - start}

    return run


def rows_of_originals(manifest: Any) -> int:
    return int(manifest.report.get("originals", 0))


def nlpaug(*, texts: list[str], action: str) -> Round:
    """nlpaug's RandomWordAug: delete, crop, swap, or substitute by a mask; it drops what it made twice by itself."""
    import nlpaug.augmenter.word as words

    on_cores(1)
    extra = {"target_words": ["[MASK]"]} if action == "substitute" else {}
    augmenter = words.RandomWordAug(action=action, aug_p=0.2, **extra)

    def run() -> dict[str, Any]:
        start = time.perf_counter()
        rows = sum(len(_made(augmenter, text)) for text in texts)
        return {"rows": rows, "seconds": time.perf_counter() - start}

    return run


def _made(augmenter: Any, text: str) -> list[str]:
    try:
        found = augmenter.augment(text, n=DRAWS)
    except ValueError:  # crop fails on texts of one word
        return []
    return found if isinstance(found, list) else [found]


def textattack(*, texts: list[str], action: str) -> Round:
    """TextAttack's word deletion and word swap, the ops of its EDA that need no downloaded word net."""
    on_cores(1)
    stand_ins()
    from textattack.augmentation.recipes import DeletionAugmenter, SwapAugmenter

    recipe = {"delete": DeletionAugmenter, "swap": SwapAugmenter}[action]
    augmenter = recipe(pct_words_to_swap=0.2, transformations_per_example=DRAWS, fast_augment=True)

    def run() -> dict[str, Any]:
        start = time.perf_counter()
        rows = sum(len(augmenter.augment(text)) for text in texts)
        return {"rows": rows, "seconds": time.perf_counter() - start}

    return run


def stand_ins() -> None:
    """Let textattack import: it wants flair (which wants transformers 4) and NLTK's stop words, a download.

    Nothing measured here calls either: flair tags parts of speech for constraints that are not used, and an empty list
    of stop words only takes away a check.
    """

    class Absent(types.ModuleType):
        __path__ = []  # type: ignore[misc]  # noqa: RUF012  a package, so that its modules can be imported

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            return object

    for name in ("flair", "flair.data", "flair.models"):
        sys.modules[name] = Absent(name)
    sys.modules["flair"].data = sys.modules["flair.data"]  # type: ignore[attr-defined]
    import nltk.corpus

    nltk.corpus.stopwords = types.SimpleNamespace(words=lambda language: [])
