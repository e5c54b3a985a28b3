import os
import time

import pytest

from augment.pool import Pool, cores
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
