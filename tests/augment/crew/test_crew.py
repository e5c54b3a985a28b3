"""Several processes at one directory: whatever runs, late, twice or not to its end, the set is the same."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from augment import expand as module
from augment.config import AugmentConfig
from augment.crew import crew
from augment.crew.crew import in_turn
from augment.crew.work import open_work
from augment.expand import expand
from augment.stages import candidates, seal
from data.errors import STALE, TRY_AGAIN, PotstillError
from data.example import Example, example_id
from data.examples import read_examples
from data.progress import Silent
from data.running.claims import Claim, attending, claim, if_alone
from data.running.share import Share
from data.tasks.task import Task

ROOT = Path(__file__).parents[3]
TASK = Task("classify", ("0", "1"))
TEXTS = [f"the {word} of film {number} is good" for number in range(4) for word in ("plot", "cast", "end")]
ALONE = Share()
CHUNKS = 6  # of two texts each
LEFT = ["MANIFEST.json", "part-00000.parquet"]


class Notes(Silent):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


def run(out, *, share=ALONE, progress=None, **options):
    config = AugmentConfig(**{"tagger": "none", "workers": 1, "chunk_rows": 2, "n_iter": 5} | options)
    originals = [Example(example_id("classify", text), text, label=0) for text in TEXTS]
    return expand(
        config, TASK, originals, [], Path(out), made_from={"train": "1"}, share=share, progress=progress or Silent()
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """One process alone: (root, bytes of its only part)."""
    out = tmp_path_factory.mktemp("whole")
    return run(out).root, (out / "part-00000.parquet").read_bytes()


def same(out, whole):
    names = sorted(path.name for path in out.iterdir())
    return names == LEFT and (out / "part-00000.parquet").read_bytes() == whole[1]


def apart(out, code=""):
    """Start a run in a process of its own; `code` is run before it."""
    start = "import sys; sys.path[:0] = sys.argv[1:3]; import os, signal, test_crew as t"
    line = f"{start}\n{code}\nprint(t.run(sys.argv[3]).root)"
    command = [sys.executable, "-c", line, str(ROOT), str(Path(__file__).parent), str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def dies(name, call):
    """Code that kills the process when it calls `augment.expand.<name>` for the `call`-th time."""
    return (
        f"real, calls = t.module.{name}, []\n"
        f"def killed(job, *more):\n"
        f"    calls.append(1)\n"
        f"    return real(job, *more) if len(calls) < {call} else os.kill(os.getpid(), signal.SIGKILL)\n"
        f"t.module.{name} = killed"
    )


def refused(handle, how):
    raise OSError(errno.ENOTSUP, "no locks here")


def test_a_share_begins_with_its_own_chunks_and_takes_the_others_from_the_end():
    assert in_turn(7, Share(1, 3)) == [1, 4, 6, 5, 3, 2, 0]
    assert in_turn(4, Share()) == [0, 1, 2, 3]
    assert in_turn(1, Share(2, 3)) == [0]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_shares_one_after_the_other_in_any_order_make_the_set_of_one_process(tmp_path, whole, order):
    """The first of a job array is alone and must not wait for the others; these find the directory sealed."""
    for index in order:
        assert run(tmp_path, share=Share(index, 3)).root == whole[0]
        assert same(tmp_path, whole)


def test_more_shares_than_chunks_do_no_harm(tmp_path, whole):
    assert run(tmp_path, share=Share(40, 50)).root == whole[0]


def test_two_processes_at_once_make_the_set_of_one(tmp_path, whole):
    runs = [apart(tmp_path) for _ in range(2)]
    for process in runs:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0 and out.strip() == whole[0], err
    assert same(tmp_path, whole)


@pytest.mark.parametrize(("name", "call"), [("merge_counts", 1), ("find_unique", 1)])
def test_a_killed_process_holds_nothing_and_the_next_one_goes_on(tmp_path, whole, name, call):
    process = apart(tmp_path, dies(name, call))
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").glob("tagged-*")}
    assert len(done) == CHUNKS
    assert run(tmp_path, share=Share(1, 2)).root == whole[0] and same(tmp_path, whole)


def test_a_process_killed_amid_the_chunks_leaves_them_to_another_that_runs(tmp_path, whole):
    """The other one waits for the chunk, and takes it as soon as its holder is gone."""
    stands = "t.module.make_chunk = lambda job: (print('at it', flush=True), signal.pause())"
    process = apart(tmp_path, stands)
    assert process.stdout.readline() == "at it\n"
    progress, made = Notes(), []
    thread = threading.Thread(target=lambda: made.append(run(tmp_path, progress=progress)))
    thread.start()
    deadline = time.monotonic() + 30
    while not progress.notes and time.monotonic() < deadline:
        time.sleep(0.02)
    rows = list((tmp_path / "work").glob("rows-*"))
    process.kill()
    process.communicate()
    thread.join(30)
    assert progress.notes == ["augment: another process computes the remaining chunks; waiting for it"]
    assert len(rows) == CHUNKS - 1  # all but the one that is held
    assert made[0].root == whole[0] and same(tmp_path, whole)


def test_what_is_done_once_is_waited_for(tmp_path, whole):
    work, progress, made = tmp_path / "work", Notes(), []
    with attending(work, lambda: None):
        held = claim(work / "compare", 0)
        thread = threading.Thread(target=lambda: made.append(run(tmp_path, progress=progress)))
        thread.start()
        deadline = time.monotonic() + 30
        while not progress.notes and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not (work / "unique.json").exists()
        held.release()
        thread.join(30)
    assert progress.notes == ["compare: another process computes the remaining chunks; waiting for it"]
    assert made[0].root == whole[0]


def test_without_locks_two_at_once_do_the_same_work_and_make_the_same_set(tmp_path, whole, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", refused)
    made = []
    threads = [threading.Thread(target=lambda n=n: made.append(run(tmp_path, share=Share(n, 2)))) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [manifest.root for manifest in made] == [whole[0]] * 2
    assert (tmp_path / "part-00000.parquet").read_bytes() == whole[1]


@pytest.mark.parametrize("locks", [True, False])
@pytest.mark.parametrize("name", ["gather", "merge_counts", "find_unique", "read_parts"])
def test_a_set_that_another_process_seals_meanwhile_is_returned(tmp_path, whole, monkeypatch, name, locks):
    """Where there are no locks, or they lie; without them what the slower one was reading is gone by then."""
    if not locks:
        monkeypatch.setattr(fcntl, "flock", refused)
    monkeypatch.setattr(crew, "claim", lambda directory, number: Claim(-1))
    monkeypatch.setattr(Claim, "release", lambda self: None)
    real = getattr(module, name)

    def overtaken(*args, **kwargs):
        monkeypatch.setattr(module, name, real)
        run(tmp_path)
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, overtaken)
    assert run(tmp_path).root == whole[0] and same(tmp_path, whole)


LEFTOVER = "part-00000.parquet.tmp-12-0123abcd"


def test_what_a_killed_writer_left_beside_a_finished_set_goes_with_the_next_run(tmp_path, whole):
    run(tmp_path)
    (tmp_path / LEFTOVER).touch()
    (tmp_path / "work/seal").mkdir(parents=True)
    assert run(tmp_path).root == whole[0] and same(tmp_path, whole)


def test_what_a_killed_writer_left_goes_when_another_finishes_the_set(tmp_path, whole, monkeypatch):
    real = module.read_parts
    monkeypatch.setattr(module, "read_parts", lambda *args: ((tmp_path / LEFTOVER).touch(), real(*args))[1])
    assert run(tmp_path).root == whole[0] and same(tmp_path, whole)


def test_beside_a_finished_set_nothing_is_removed_while_another_writes(tmp_path, whole):
    """It does not know yet that the set is finished; it removes all when it leaves."""
    run(tmp_path)
    with attending(tmp_path / "work", lambda: None):
        (tmp_path / LEFTOVER).touch()
        assert run(tmp_path).root == whole[0]
        assert (tmp_path / LEFTOVER).exists() and (tmp_path / "work").exists()
    assert run(tmp_path).root == whole[0] and same(tmp_path, whole)


def test_without_locks_the_work_goes_and_a_temporary_file_that_may_be_anybody_s_stays(tmp_path, monkeypatch):
    run(tmp_path)
    (tmp_path / LEFTOVER).touch()
    monkeypatch.setattr(fcntl, "flock", refused)
    run(tmp_path)
    assert (tmp_path / LEFTOVER).exists() and not (tmp_path / "work").exists()


def test_a_lock_whose_file_another_removed_is_none(tmp_path):
    """Who tidies up last removes the lock, too; who waited for it must not take the old file's lock for its own."""
    path = tmp_path / "claims/present.lock"

    def remove(known):
        path.unlink()
        with attending(tmp_path, lambda: alone.append("first")):
            if_alone(tmp_path, lambda known: alone.append("second"))

    alone = []
    if_alone(tmp_path, remove)
    assert alone == ["first"]


def test_half_an_identity_is_no_obstacle_for_who_comes_alone(tmp_path, whole):
    (tmp_path / "work").mkdir()
    (tmp_path / "work/identity.json").touch()
    assert run(tmp_path).root == whole[0] and same(tmp_path, whole)


def test_half_an_identity_is_no_obstacle_beside_others_either(tmp_path, whole):
    """Of two who begin where there are no hard links the first is killed between the name and its content."""
    with attending(tmp_path / "work", lambda: None):
        (tmp_path / "work/identity.json").touch()
        assert run(tmp_path).root == whole[0]
    assert run(tmp_path).root == whole[0] and same(tmp_path, whole)


def test_a_name_that_another_has_reserved_is_waited_for(tmp_path):
    (tmp_path / "identity.json").touch()
    writer = threading.Timer(0.1, lambda: (tmp_path / "identity.json").write_text('{"config": {"seed": 1}}'))
    writer.start()
    with pytest.raises(PotstillError, match="another run works in") as other:
        open_work(tmp_path, {"config": {"seed": 2}})
    assert other.value.code == STALE


def test_another_set_is_refused_while_a_run_is_at_work(tmp_path, monkeypatch):
    real = module.merge_counts

    def other(*args):
        with pytest.raises(PotstillError, match="seed was 0, is 7; work chunk_rows was 2, is 3") as refused:
            run(tmp_path, seed=7, chunk_rows=3)
        assert refused.value.code == STALE and "end that run" in refused.value.hint
        return real(*args)

    monkeypatch.setattr(module, "merge_counts", other)
    run(tmp_path)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1"])
def test_a_signal_ends_it_with_75_and_finished_chunks_are_kept(tmp_path, whole, monkeypatch, name):
    real, calls = module.make_chunk, Counter()

    def signalled(job):
        calls["n"] += 1
        if calls["n"] == 2:
            os.kill(os.getpid(), getattr(signal, name))
        return real(job)

    with monkeypatch.context() as patch:
        patch.setattr(module, "make_chunk", signalled)
        with pytest.raises(PotstillError, match=f"stopped by {name}; finished chunks are kept") as stopped:
            run(tmp_path)
    assert stopped.value.code == TRY_AGAIN and calls["n"] == 2
    assert len(list((tmp_path / "work").glob("dropped-*"))) == 2
    monkeypatch.setattr(candidates, "synthesise", real_but(candidates.synthesise, calls))
    assert run(tmp_path).root == whole[0] and same(tmp_path, whole)
    assert calls["drawn"] == len(TEXTS) - 4  # two chunks of two texts were there


def real_but(real, calls):
    def counted(originals, *more):
        calls["drawn"] += len(originals)
        return real(originals, *more)

    return counted


def test_a_signal_while_reading_ends_it_too(tmp_path):
    def originals():
        for number in range(100):
            if number == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            assert number < 10
            yield Example(example_id("classify", f"a {number}"), f"a {number}", label=0)

    with pytest.raises(PotstillError, match="SIGTERM") as stopped:
        config = AugmentConfig(tagger="none", workers=1, chunk_rows=2)
        expand(config, TASK, originals, [], tmp_path, made_from={}, progress=Silent())
    assert stopped.value.code == TRY_AGAIN


def test_every_part_can_be_written_by_itself_and_a_damaged_one_is_written_again(tmp_path, whole, monkeypatch):
    monkeypatch.setattr(seal, "PART_ROWS", 16)
    monkeypatch.setattr(module, "parts_of", lambda unique: -(-sum(unique.kept) // 16))
    monkeypatch.setattr(seal, "GROUP_ROWS", 4)
    with monkeypatch.context() as patch:
        patch.setattr(module, "read_parts", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(tmp_path)
    (tmp_path / "part-00001.parquet").write_bytes(b"cut")
    (tmp_path / "part-00002.parquet").unlink()
    manifest = run(tmp_path, share=Share(1, 2))
    assert [part.rows for part in manifest.parts[:-1]] == [16] * (len(manifest.parts) - 1)
    assert len(manifest.parts) > 2 and sum(part.rows for part in manifest.parts) == manifest.report["rows"]
    monkeypatch.undo()
    alone = tmp_path.with_name(f"{tmp_path.name}-alone")  # not within a sealed directory: that is refused
    assert manifest.report["by_op"] == run(alone).report["by_op"]
    assert list(read_examples(tmp_path)[1]) == list(read_examples(alone)[1])


def test_the_share_of_a_job_array_reaches_the_phase(tmp_path, monkeypatch):
    from pipelines import cli, phases

    seen = {}
    monkeypatch.setattr(phases, "augment", lambda **arguments: seen.update(arguments) or 1 / 0)
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "5")
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "4")
    monkeypatch.setenv("SLURM_ARRAY_TASK_MIN", "3")
    for more, share in (((), Share(2, 4)), (("--shard-index", "1", "--num-shards", "3"), Share(1, 3))):
        with pytest.raises(SystemExit):
            cli.main(["augment", "demo:train", "-o", str(tmp_path), *more])
        assert seen["share"] == share


@pytest.mark.parametrize("preload", [None, "augment.stages.preload"])
def test_workers_end_when_their_parent_is_killed(preload):
    code = (
        "import sys, time; sys.path[:0] = sys.argv[1:3]\n"
        "from test_crew import told\nfrom augment.crew.pool import Pool\n"
        "if __name__ == '__main__':\n    print(*Pool(2, preload="
        f"{preload!r}).run(told, [0, 0]), flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(ROOT), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        workers = [int(number) for number in parent.stdout.readline().split()]
        parent.kill()
    assert workers
    deadline = time.monotonic() + 20
    while any(alive(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(alive(worker) for worker in workers)


def told(number):
    return os.getpid()


def alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False
