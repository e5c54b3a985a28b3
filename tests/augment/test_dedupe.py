import numpy as np
import pyarrow as pa
import pytest

from augment.dedupe import LABELLED, SYNTHETIC, UNLABELLED, Deduper, kept_rows


def ids(*numbers):
    return pa.chunked_array(
        [pa.array([f"{n * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128):032x}" for n in numbers])]
    )


def stay(deduper):
    bits, kept, conflicts = deduper.finish()
    rows = np.flatnonzero(kept_rows(bits, 0, deduper.rows)).tolist()
    assert len(rows) == kept
    return rows, conflicts


def test_the_first_of_equal_rows_stays(tmp_path):
    deduper = Deduper(tmp_path)
    deduper.add(ids(1, 2, 1, 3, 2, 1), np.full(6, LABELLED))
    assert stay(deduper) == ([0, 1, 3], 0)


def test_an_original_beats_a_synthetic_row_and_a_labelled_one_beats_an_unlabelled_one_wherever_they_stand(tmp_path):
    deduper = Deduper(tmp_path)
    deduper.add(ids(1, 1, 2, 2), np.array([SYNTHETIC, LABELLED, UNLABELLED, LABELLED]))
    assert stay(deduper)[0] == [1, 3]


def test_a_repeated_row_with_another_label_is_a_conflict(tmp_path):
    deduper = Deduper(tmp_path)
    deduper.add(ids(1, 1, 1, 2, 2), np.full(5, LABELLED), np.array([5, 5, 6, 7, 0]))
    assert stay(deduper) == ([0, 3], 1)


@pytest.mark.parametrize("limit", [1, 100, 1000])
def test_spilling_to_disk_gives_the_same_rows_as_memory(tmp_path, limit):
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, 900, 2_000)
    ranks = rng.integers(0, 3, 2_000)
    values = rng.integers(0, 3, 2_000)
    results = []
    for name, some in (("memory", 1 << 20), ("disk", limit)):
        deduper = Deduper(tmp_path / name, limit=some)
        for start in range(0, 2_000, 130):
            part = slice(start, start + 130)
            deduper.add(ids(*numbers[part].tolist()), ranks[part], values[part])
        results.append(stay(deduper))
    assert results[0] == results[1] and len(results[0][0]) == len(set(numbers.tolist()))
    assert list((tmp_path / "disk").iterdir()) == []


def test_what_an_interrupted_run_spilled_is_not_counted(tmp_path):
    for _ in range(2):
        deduper = Deduper(tmp_path, limit=1)
        deduper.add(ids(1, 2, 3), np.full(3, LABELLED))
    assert stay(deduper)[0] == [0, 1, 2]


def test_bits_are_read_from_any_start():
    bits = np.packbits([1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0], bitorder="little")
    assert kept_rows(bits, 3, 10).tolist() == [True, False, False, True, False, True, True]


def test_no_rows_are_no_trouble(tmp_path):
    assert stay(Deduper(tmp_path)) == ([], 0)
