"""Which teacher layer stands for each layer of a student, whatever their depths."""

from itertools import pairwise

import pytest

from data.errors import PotstillError
from data.layer_maps import LAYER_MAPS, map_of

# strategy, layers of the student, layers of the teacher -> the teacher's layers; all but the last two are published
GOLDEN = [
    ("skip", 4, 12, (3, 6, 9, 12)),  # TinyBERT, TextBrewer T4-tiny
    ("skip", 6, 12, (2, 4, 6, 8, 10, 12)),  # PKD, and TextBrewer T6
    ("skip", 3, 12, (4, 8, 12)),  # TextBrewer T3
    ("skip", 3, 6, (2, 4, 6)),  # a student of MiniLM-L6
    ("skip", 2, 6, (3, 6)),
    ("last", 6, 12, (7, 8, 9, 10, 11, 12)),  # PKD-last, XtremeDistil
    ("last", 3, 6, (4, 5, 6)),
    ("first", 6, 12, (1, 2, 3, 4, 5, 6)),  # what Theseus and PKD start from
    ("spread", 6, 12, (1, 3, 5, 8, 10, 12)),  # what DistilBERT starts from: 0 2 4 7 9 11, counted from 0
    ("skip", 4, 22, (6, 11, 16, 22)),  # ModernBERT-base: 5.5 and 16.5 go to the even neighbour
    ("skip", 5, 12, (2, 5, 7, 10, 12)),
]


@pytest.mark.parametrize(("name", "student", "teacher", "layers"), GOLDEN)
def test_maps_are_the_published_ones(name: str, student: int, teacher: int, layers: tuple[int, ...]) -> None:
    assert map_of(name, student, teacher) == layers


@pytest.mark.parametrize("name", LAYER_MAPS)
def test_every_map_climbs_for_any_depths_and_is_the_identity_where_they_agree(name: str) -> None:
    for teacher in range(1, 49):
        for student in range(1, teacher + 1):
            layers = map_of(name, student, teacher)
            assert len(layers) == student and layers[0] >= 1 and layers[-1] <= teacher
            assert all(below < above for below, above in pairwise(layers))
        assert map_of(name, teacher, teacher) == tuple(range(1, teacher + 1))


def test_skip_and_last_end_in_the_last_layer_and_spread_joins_the_first_to_the_last() -> None:
    for teacher in range(2, 49):
        for student in range(2, teacher + 1):
            assert map_of("skip", student, teacher)[-1] == map_of("last", student, teacher)[-1] == teacher
            spread = map_of("spread", student, teacher)
            assert (spread[0], spread[-1]) == (1, teacher)


def test_skip_takes_even_steps_where_the_depths_divide() -> None:
    for teacher in range(1, 49):
        for student in (number for number in range(1, teacher + 1) if teacher % number == 0):
            step = teacher // student
            assert map_of("skip", student, teacher) == tuple(range(step, teacher + 1, step))


@pytest.mark.parametrize("name", LAYER_MAPS)
@pytest.mark.parametrize("student", [0, 13])
def test_a_student_that_is_deeper_than_its_teacher_is_refused(name: str, student: int) -> None:
    with pytest.raises(PotstillError, match=f"a student of {student} layers.* teacher of 12") as caught:
        map_of(name, student, 12)
    assert "1 to 12 layers" in (caught.value.hint or "")


def test_a_map_written_by_hand_is_taken_as_it_is_and_serves_a_deeper_student_too() -> None:
    assert map_of("2, 3,6", 3, 6) == (2, 3, 6)
    assert map_of("1,1,2,2", 4, 2) == (1, 1, 2, 2)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("2,4", "2 layers for a student of 3"),
        ("2,4,7", "names layer 7.* a teacher of 6"),
        ("0,4,6", "names layer 0.* a teacher of 6"),
        ("skp", "no layer map 'skp'"),
        ("2,four,6", "no layer map '2,four,6'"),
        ("", "no layer map ''"),
    ],
)
def test_a_map_that_cannot_be_is_refused(written: str, message: str) -> None:
    with pytest.raises(PotstillError, match=message) as caught:
        map_of(written, 3, 6)
    assert "skip" in str(caught.value) or "2,4,6" in str(caught.value)
