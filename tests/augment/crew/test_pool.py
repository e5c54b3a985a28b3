import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from augment.crew.pool import ONE_THREAD, ROOT, Pool, cores
from data.errors import TRY_AGAIN, PotstillError


def square(n):
    time.sleep(0.01 * (n % 3))
    return n * n


def die(n):
    os._exit(1)


def refuse(n):
    raise PotstillError("no", hint="do that", code=65)


@pytest.fixture
def pool_of():
    pools = []

    def make(workers):
        pools.append(Pool(workers))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def test_results_come_in_order_with_one_worker_and_with_two(pool_of):
    wanted = [n * n for n in range(9)]
    assert list(pool_of(1).run(square, range(9))) == list(pool_of(2).run(square, range(9))) == wanted
    assert cores() >= 1


def test_an_error_of_a_worker_arrives_whole(pool_of):
    with pytest.raises(PotstillError) as refused:
        list(pool_of(2).run(refuse, range(3)))
    assert (refused.value.message, refused.value.hint, refused.value.code) == ("no", "do that", 65)


def test_a_worker_that_dies_is_reported_and_can_be_tried_again(pool_of):
    with pytest.raises(PotstillError, match="worker process died") as refused:
        list(pool_of(2).run(die, range(3)))
    assert refused.value.code == TRY_AGAIN


FORKED = """
import sys
sys.path[:0] = sys.argv[1:3]
from test_pool import born_with
from augment.crew.pool import Pool
if __name__ == "__main__":
    for _ in range(2):
        pool = Pool(2, preload="augment.stages.preload_own")
        print(*pool.run(born_with, [0, 0]))
        pool.close()
"""


def born_with(n):
    from augment.stages.tag import cached_tagger

    loaded = cached_tagger.cache_info().currsize and sys.modules["torch"] is None
    return bool(loaded and ONE_THREAD.items() <= os.environ.items() and not Path("born").exists())


def test_workers_forked_from_the_server_have_the_tagger_and_our_own_packages(tmp_path):
    """The working directory has packages of the same names, which must not be the ones that are imported."""
    for name in ("data", "augment"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("open('born', 'w')")
    command = [sys.executable, "-P", "-c", FORKED, str(ROOT), str(Path(__file__).parent)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True"] * 4, done.stderr


def test_the_environment_of_this_process_stays_as_it_was(pool_of):
    before = dict(os.environ)
    list(pool_of(2).run(square, range(2)))
    assert dict(os.environ) == before
