import numpy as np

from augment.draw import draw_key, uniforms, uniforms_from

KS = np.arange(20, dtype=np.uint64)


def test_draws_are_uniform_and_independent_of_each_other():
    u = np.stack([uniforms(draw_key(0, f"{i:032x}", "A"), KS, 30) for i in range(500)])  # [500, 20, 30]
    assert u.min() >= 0 and u.max() < 1
    assert abs(u.mean() - 0.5) < 0.002
    assert np.abs(np.histogram(u, 100)[0] / u.size - 0.01).max() < 0.0008
    for a, b in [(u[:-1], u[1:]), (u[:, :-1], u[:, 1:]), (u[..., :-1], u[..., 1:])]:  # sources, draws, slots
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.01


def test_a_draw_is_a_function_of_its_key_and_counters_not_of_what_was_drawn_before():
    key = draw_key(7, "a" * 32, "B")
    assert (uniforms(key, KS, 9)[:10] == uniforms(key, KS[:10], 9)).all()
    assert (uniforms(key, KS, 9)[:, :4] == uniforms(key, KS, 4)).all()
    assert (uniforms(key, KS[[13, 5]], 9) == uniforms(key, KS, 9)[[13, 5]]).all()


def test_rows_of_many_keys_and_lengths_at_once_draw_the_same_numbers_as_each_by_itself():
    keys, ks, counts = np.array([5, 2**64 - 1, 5], np.uint64), KS[[0, 3, 7]], np.array([2, 0, 4])
    flat = uniforms_from(3, keys, ks, counts)
    alone = [uniforms(int(key), ks[i : i + 1], 3 + counts[i])[0, 3:] for i, key in enumerate(keys)]
    assert (flat == np.concatenate(alone)).all()
    assert (uniforms(keys, ks, 2) == [uniforms(int(key), ks[i : i + 1], 2)[0] for i, key in enumerate(keys)]).all()


def test_seed_original_and_side_each_change_the_key():
    keys = {draw_key(seed, source, side) for seed in (0, 1) for source in ("a", "b") for side in ("A", "B")}
    assert len(keys) == 8


def test_the_first_numbers_are_fixed_for_ever_or_the_recipe_number_rises():
    found = uniforms(draw_key(0, "0" * 32, "A"), KS[:2], 2)
    assert np.allclose(found, FIRST, atol=0, rtol=1e-15)


FIRST = [[0.5239419992440155, 0.711238859209264], [0.730265597215633, 0.5158066781553305]]
