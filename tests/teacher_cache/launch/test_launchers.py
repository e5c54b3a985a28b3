"""However the shards are dealt out, the cache is the same: the contract of all launchers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest

from data.errors import BAD_DATA, NO_INPUT, TRY_AGAIN, USAGE, PotstillError
from data.manifest import read_manifest, write_manifest
from data.progress import Silent
from data.running.share import Share
from data.running.stop import Stop
from teacher_cache.build import build
from teacher_cache.config import CacheConfig, Launch, Request
from teacher_cache.shards.plan import Plan
from teacher_cache.shards.shelf import Here
from teacher_cache.shards.status import Status
from tests.teacher_cache.conftest import TEXTS

PLAIN = CacheConfig(dtype="float32", device="cpu", threads=1)
MANY = [f"{text} {number % 7 * 'very '}" for number in range(25) for text in TEXTS]


def shards_of(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.glob("part-*.parquet")}


@pytest.fixture
def alone(teacher: Path, examples: Path, tmp_path: Path) -> Path:
    """The cache that the built-in loop makes."""
    build(PLAIN, examples, teacher, tmp_path / "alone", progress=Silent())
    return tmp_path / "alone"


def assert_same(out: Path, alone: Path) -> None:
    assert read_manifest(out, "cache").root == read_manifest(alone, "cache").root
    assert shards_of(out) == shards_of(alone)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 2, 0)])
def test_shares_in_any_order_make_the_same_cache(order, alone, teacher, examples, tmp_path: Path) -> None:
    for index in order:  # share 3 of 4 has no shard at all
        build(PLAIN, examples, teacher, tmp_path / "out", launch=Launch(share=Share(index, 4)), progress=Silent())
    assert_same(tmp_path / "out", alone)


@pytest.mark.parametrize(
    "tasks",
    [
        [{"SLURM_ARRAY_TASK_ID": str(i), "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_ARRAY_TASK_MIN": "1"} for i in (2, 1)],
        [{"RANK": str(i), "WORLD_SIZE": "2", "LOCAL_RANK": str(i)} for i in (0, 1)],
        [{"JOB_COMPLETION_INDEX": str(i)} for i in (1, 0)],
    ],
    ids=["slurm", "torchrun", "kubernetes"],
)
def test_what_a_scheduler_sets_is_read_by_the_command(
    tasks, alone, teacher, examples, tmp_path: Path, monkeypatch, capsys
) -> None:
    from pipelines import cli

    count = ["--num-shards", "2"] if "JOB_COMPLETION_INDEX" in tasks[0] else []
    asked = ["--set", "cache.threads=1", "--set", "cache.dtype=float32", "--device", "cpu", "--json", "-q", *count]
    sealed = []
    for task in tasks:
        with monkeypatch.context() as patch:
            for name, value in task.items():
                patch.setenv(name, value)
            arguments = ["cache", str(examples), "-t", str(teacher), "-o", str(tmp_path / "out"), *asked]
            assert cli.run(arguments) == 0, capsys.readouterr().err
        sealed.append(json.loads(capsys.readouterr().out.splitlines()[-1])["sealed"])
    assert sealed == [False, True]
    assert_same(tmp_path / "out", alone)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, int]]:
    """What `status.json` said, each time it was written by this process: state, shards done, rows."""
    said: list[tuple[str, int, int]] = []
    write = Status.write

    def note(self: Status, state: str, message: str = "") -> None:
        said.append((state, self.done, self.rows))
        write(self, state, message)

    monkeypatch.setattr(Status, "write", note)
    return said


def assert_counted(written: list[tuple[str, int, int]]) -> None:
    """Three shards of 3, 3 and 2 rows, in any order: each is counted when it is done."""
    assert [(state, done) for state, done, _ in written] == [("running", n) for n in range(4)] + [("sealed", 3)]
    rows = [rows for _, _, rows in written]
    assert sorted(after - before for before, after in pairwise(rows)) == [0, 2, 3, 3]


def test_the_status_counts_each_shard(teacher, examples, written, tmp_path: Path) -> None:
    build(PLAIN, examples, teacher, tmp_path / "out", progress=Silent())
    assert_counted(written)


def test_the_status_counts_no_shard_of_another_share_that_is_not_done(teacher, examples, written, tmp_path) -> None:
    for index in (2, 0):
        build(PLAIN, examples, teacher, tmp_path / "out", launch=Launch(share=Share(index, 3)), progress=Silent())
    first, second = written[:3], written[3:]
    assert [entry[:2] for entry in first] == [("running", 0), ("running", 1), ("waiting", 1)]
    assert [entry[:2] for entry in second] == [("running", 1), ("running", 2), ("waiting", 2)]


def test_who_loses_the_race_for_the_plan_goes_on_with_the_winner_s(teacher, examples, tmp_path, monkeypatch) -> None:
    begin = Here.begin

    def late(self: Here, plan: Plan) -> bool:
        """Another process puts its plan first, with another value for what was left open."""
        assert begin(self, replace(plan, token_budget=512))
        return begin(self, plan)

    monkeypatch.setattr(Here, "begin", late)
    manifest = build(PLAIN, examples, teacher, tmp_path / "out", progress=Silent())
    assert manifest is not None and manifest.config["token_budget"] == 512


def mix_up(examples: Path) -> None:
    """Turn the rows of part 1 around: who reads it finds other ids than its manifest says."""
    manifest = read_manifest(examples, "examples")
    path = examples / manifest.parts[1].name
    table = pq.read_table(path)
    pq.write_table(table.take(list(range(len(table)))[::-1]), path)
    part = replace(manifest.parts[1], bytes=path.stat().st_size)
    write_manifest(examples, replace(manifest, parts=(manifest.parts[0], part, *manifest.parts[2:])))


# Spawned workers: each imports torch, some three seconds.


@pytest.mark.slow
def test_workers_make_the_same_cache(alone, teacher, examples, heard, tmp_path: Path) -> None:
    build(PLAIN, examples, teacher, tmp_path / "out", launch=Launch(workers=2), progress=heard)
    assert_same(tmp_path / "out", alone)
    assert heard.rows == len(TEXTS)


@pytest.mark.slow
def test_the_status_counts_the_shards_of_workers(teacher, examples, written, tmp_path: Path) -> None:
    build(PLAIN, examples, teacher, tmp_path / "out", launch=Launch(workers=2), progress=Silent())
    assert_counted(written)


@pytest.mark.slow
def test_the_error_of_a_worker_is_the_error_of_the_run(teacher, examples, tmp_path: Path) -> None:
    mix_up(examples)
    with pytest.raises(PotstillError) as caught:
        build(PLAIN, examples, teacher, tmp_path / "out", launch=Launch(workers=2), progress=Silent())
    assert caught.value.code == BAD_DATA


def start(examples: Path, teacher: Path, out: Path, *options: str) -> subprocess.Popen[str]:
    """Begin `potstill cache` in a process of its own."""
    asked = ["--set", "cache.threads=1", "--set", "cache.dtype=float32", "--device", "cpu", "--json", "-q", *options]
    command = [sys.executable, "-m", "pipelines.cli", "cache", str(examples), "-t", str(teacher), "-o", str(out)]
    pipe = subprocess.PIPE
    return subprocess.Popen([*command, *asked], stdout=pipe, stderr=pipe, text=True)


def wait_for(what: Any, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def workers_of(process: int) -> list[int]:
    """The spawned workers below a process, by what stands in their command lines."""
    import psutil

    found = psutil.Process(process).children(recursive=True)
    return [child.pid for child in found if "spawn_main" in " ".join(child.cmdline())]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["a worker is killed", "the run is told to stop"])
def test_what_is_finished_stays_and_the_rerun_completes(how, teacher, make_examples, tmp_path: Path) -> None:
    texts = list(dict.fromkeys(MANY))
    examples, out = make_examples(texts, part_rows=1), tmp_path / "out"
    run = start(examples, teacher, out, "--workers", "2")
    wait_for(lambda: len(list(out.glob("commits/*.json"))) >= 2)
    if how == "a worker is killed":
        os.kill(workers_of(run.pid)[0], signal.SIGKILL)
    else:
        run.send_signal(signal.SIGTERM)
    _, said = run.communicate(timeout=90)
    assert run.returncode == TRY_AGAIN, said
    assert "died" in said if how == "a worker is killed" else "SIGTERM" in said
    done = {path.name for path in out.glob("commits/*.json")}
    assert 2 <= len(done) < len(texts)
    manifest = build(PLAIN, examples, teacher, out, progress=Silent())
    fresh = build(PLAIN, examples, teacher, tmp_path / "fresh", progress=Silent())
    assert manifest is not None and fresh is not None and manifest.root == fresh.root


# Ray: one small cluster for all tests of it.


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from teacher_cache.launch.ray_cluster import _cluster

    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))  # Ray keeps the cluster's token there
        with _cluster(ray, Launch(workers=2, ray="local"), 1):
            yield ray


@pytest.mark.slow
def test_ray_makes_the_same_cache(cluster, alone, teacher, examples, heard, tmp_path: Path) -> None:
    launch = Launch(workers=2, ray="local")
    build(PLAIN, examples, teacher, tmp_path / "out", launch=launch, progress=heard)
    assert_same(tmp_path / "out", alone)
    assert heard.rows == len(TEXTS)


@pytest.mark.slow
def test_the_status_counts_the_shards_of_actors(cluster, teacher, examples, written, tmp_path: Path) -> None:
    build(PLAIN, examples, teacher, tmp_path / "out", launch=Launch(workers=2, ray="local"), progress=Silent())
    assert_counted(written)


@pytest.mark.slow
def test_the_error_of_an_actor_is_the_error_of_the_run(cluster, teacher, examples, tmp_path: Path) -> None:
    mix_up(examples)
    with pytest.raises(PotstillError) as caught:
        launch = Launch(workers=2, ray="local")
        build(PLAIN, examples, teacher, tmp_path / "out", launch=launch, progress=Silent())
    assert caught.value.code == BAD_DATA


class AtFirstRows(Silent):
    """Does something once, when the first rows are done."""

    def __init__(self, act: Any) -> None:
        self.act = act

    def advance(self, amount: int, info: str = "") -> None:
        act, self.act = self.act, lambda: None
        act()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["an actor is killed", "the run is told to stop"])
def test_a_ray_run_that_is_broken_off_is_completed_later(how, cluster, teacher, make_examples, tmp_path: Path) -> None:
    texts = list(dict.fromkeys(MANY))
    examples, out, before = make_examples(texts, part_rows=1), tmp_path / "out", signal.getsignal(signal.SIGTERM)

    def act() -> None:
        import psutil

        if how == "the run is told to stop":
            os.kill(os.getpid(), signal.SIGTERM)
            return
        here = psutil.Process().children(recursive=True)
        os.kill(next(child.pid for child in here if "ray::Worker" in " ".join(child.cmdline())), signal.SIGKILL)

    launch = Launch(workers=2, ray="local")
    with pytest.raises(PotstillError, match="died" if "killed" in how else "stopped by SIGTERM") as caught:
        build(PLAIN, examples, teacher, out, launch=launch, progress=AtFirstRows(act))
    assert caught.value.code == TRY_AGAIN and signal.getsignal(signal.SIGTERM) == before
    if how == "the run is told to stop":
        assert len(list(out.glob("commits/*.json"))) < len(texts)
    manifest = build(PLAIN, examples, teacher, out, launch=launch, progress=Silent())
    fresh = build(PLAIN, examples, teacher, tmp_path / "fresh", progress=Silent())
    assert manifest is not None and fresh is not None and manifest.root == fresh.root


# What of Ray needs no cluster.


def test_without_ray_the_hint_says_how_to_get_it(teacher, examples, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(PotstillError, match="needs Ray") as caught:
        build(PLAIN, examples, teacher, tmp_path / "out", launch=Launch(ray="local"), progress=Silent())
    assert caught.value.code == USAGE and "pip install 'potstill[ray]'" in caught.value.hint


@pytest.mark.parametrize(
    ("there", "asked", "device", "threads", "actors"),
    [
        ({"CPU": 8.0}, 0, "auto", 2, (0, 4)),
        ({"CPU": 8.0}, 3, "auto", 2, (0, 3)),
        ({"CPU": 8.0}, 9, "auto", 2, (0, 4)),  # those above what fits would wait forever
        ({"CPU": 1.0}, 0, "cpu", 4, (0, 1)),
        ({"CPU": 64.0, "GPU": 4.0}, 0, "auto", 2, (1, 4)),
        ({"CPU": 64.0, "GPU": 4.0}, 0, "cpu", 16, (0, 4)),
    ],
)
def test_as_many_actors_as_the_cluster_has_places(there, asked, device, threads, actors) -> None:
    from teacher_cache.launch.ray_cluster import _capacity

    ray = SimpleNamespace(cluster_resources=lambda: there)
    assert _capacity(ray, Launch(workers=asked), device, threads) == actors


def test_an_actor_that_never_starts_holds_no_shard() -> None:
    from teacher_cache.launch.ray_cluster import _deal

    class Actor:
        """Answers at once, or never."""

        def __init__(self, name: str, starts: bool) -> None:
            self.done: list[int] = []
            self.ready = SimpleNamespace(remote=lambda: (name, starts, ("done", None)))
            self.process = SimpleNamespace(remote=lambda index: (name, starts, self.work(index)))

        def work(self, index: int) -> tuple[str, int]:
            self.done.append(index)
            return "done", index

    ray = SimpleNamespace(wait=lambda refs, timeout: ([ref for ref in refs if ref[1]], []), get=lambda ref: ref[2])
    ray.exceptions = SimpleNamespace(RayError=RuntimeError)
    quick, absent = Actor("quick", True), Actor("absent", False)
    counted: list[int] = []
    assert _deal(ray, [absent, quick], [3, 1, 2], counted.append, Stop(""), Silent()) == ([], 0)
    assert (quick.done, absent.done) == ([3, 1, 2], [])
    assert counted == [3, 1, 2]


def test_a_worker_on_a_machine_without_the_directory_says_so(teacher, examples, tmp_path: Path) -> None:
    from teacher_cache.launch.worker import join

    with pytest.raises(PotstillError, match="holds no plan on") as caught:
        join(Request(PLAIN, examples, str(teacher), tmp_path / "elsewhere"), Silent())
    assert caught.value.code == NO_INPUT and "shared disk" in caught.value.hint


def test_each_worker_of_each_machine_has_other_shards() -> None:
    shares = [Launch(workers=2, share=Share(index, 3)).worker(number) for index in range(3) for number in range(2)]
    assert sorted(shard for share in shares for shard in range(30) if share.has(shard)) == list(range(30))
