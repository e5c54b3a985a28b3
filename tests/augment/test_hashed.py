"""Draws from weights: exactly the weights' law, and nobody else's weight moves them."""

import numpy as np
import pytest
from scipy.stats import chisquare

from augment import hashed
from augment.hashed import place

KEYS = np.random.default_rng(7).integers(0, 2**64, 4000, dtype=np.uint64)


def tables(weights, groups=None):
    weights = np.array(weights, np.int64)
    return place(KEYS[: len(weights)], weights, np.zeros(len(weights), np.int64) if groups is None else groups)


def draws(many, count=400_000, group=0):
    return many.pick(np.full(count, group), (np.arange(count) + 0.5) / count)


@pytest.mark.parametrize("largest", [17, 4, 1])
def test_items_come_as_often_as_their_weights_say_whatever_the_size_of_the_blocks(monkeypatch, largest):
    monkeypatch.setattr(hashed, "LARGEST", largest)
    weights = np.array([1, 2, 3, 40, 5, 100, 7, 1, 1])
    found = np.bincount(draws(tables(weights)), minlength=len(weights))
    assert chisquare(found, weights / weights.sum() * found.sum()).pvalue > 0.01


def test_the_law_holds_over_hashes_too():
    """One hash fixes which draw hits what; over many of them nothing is left of it."""
    found = np.zeros(3, np.int64)
    for seed in range(2000):
        keys = np.random.default_rng(seed).integers(0, 2**64, 3, dtype=np.uint64)
        found += np.bincount(place(keys, np.array([1, 2, 5]), np.zeros(3, np.int64)).pick(np.zeros(20, np.int64),
                             np.arange(20) / 20), minlength=3)  # fmt: skip
    assert chisquare(found, np.array([1, 2, 5]) / 8 * found.sum()).pvalue > 0.01


def test_every_group_draws_its_own_items_only():
    groups = np.array([0, 1, 0, 2, 2])
    many = tables([3, 1, 2, 5, 5], groups)
    for group, items in enumerate([{0, 2}, {1}, {3, 4}]):
        assert set(draws(many, 2000, group).tolist()) == items


def test_one_more_of_an_item_changes_the_draws_that_come_to_it_and_hardly_any_other():
    """With a running sum every later item shifts: 362 of 9,268 rows were drawn anew for one changed text."""
    weights = np.random.default_rng(1).zipf(1.5, 3000).clip(1, 2000)
    more = weights.copy()
    more[1234] += 1
    before, after = draws(tables(weights)), draws(tables(more))
    changed = before != after
    share = 1 / weights.sum()
    assert changed.mean() < 3 * share and (after[changed] == 1234).mean() > 0.6


def test_an_item_that_is_new_leaves_the_others_where_they_were():
    """Keys, not numbers, say where an item lies: that words before it are new or gone shifts nothing."""
    weights = np.random.default_rng(1).zipf(1.5, 3000).clip(1, 2000).astype(np.int64)
    rest = np.arange(1, 3000)
    before = draws(place(KEYS[:3000], weights, np.zeros(3000, np.int64)))
    after = rest[draws(place(KEYS[rest], weights[rest], np.zeros(2999, np.int64)))]
    assert (before != after).mean() < 3 * weights[0] / weights.sum()


def test_nothing_can_be_laid_out():
    none = np.zeros(0, np.int64)
    assert len(place(none.astype(np.uint64), none, none).pick(none, none.astype(float))) == 0
