import os
import time

import pytest

from augment.pool import cores, run_chunks
from data.errors import TRY_AGAIN, PotstillError


def square(n):
    time.sleep(0.01 * (n % 3))
    return n * n


def die(n):
    os._exit(1)


def refuse(n):
    raise PotstillError("no", hint="do that", code=65)


def test_results_come_in_order_with_one_worker_and_with_two():
    wanted = [n * n for n in range(9)]
    assert list(run_chunks(square, range(9), workers=1)) == list(run_chunks(square, range(9), workers=2)) == wanted
    assert cores() >= 1


def test_an_error_of_a_worker_arrives_whole():
    with pytest.raises(PotstillError) as refused:
        list(run_chunks(refuse, range(3), workers=2))
    assert (refused.value.message, refused.value.hint, refused.value.code) == ("no", "do that", 65)


def test_a_worker_that_dies_is_reported_and_can_be_tried_again():
    with pytest.raises(PotstillError, match="worker process died") as refused:
        list(run_chunks(die, range(3), workers=2))
    assert refused.value.code == TRY_AGAIN
