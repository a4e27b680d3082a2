"""Parallel loops that are run all at once: races are found, and nothing else is."""

from __future__ import annotations

import doctest

import numba
import numpy as np
import pytest
from numba import prange

from scratchnet.course import simultaneous
from scratchnet.course.simultaneous import RaceError, all_at_once

DY = np.arange(42.0).reshape(14, 3) ** 2


def over_rows(dy):
    db = np.zeros(dy.shape[1])
    for r in prange(dy.shape[0]):
        for f in range(dy.shape[1]):
            db[f] += dy[r, f]
    return db


def over_outputs(dy):
    db = np.empty(dy.shape[1])
    for f in numba.prange(dy.shape[1]):
        total = 0.0
        for r in range(dy.shape[0]):
            total += dy[r, f]
        db[f] = total
    return db


def in_parts(dy):
    rows, filters = dy.shape
    partial = np.zeros((4, filters))
    for g in prange(4):
        for r in range(g * rows // 4, (g + 1) * rows // 4):
            partial[g] += dy[r]
    return partial.sum(axis=0)


def by_reduction(dy):
    db = np.zeros(dy.shape[1])
    for r in prange(len(dy)):
        own = np.zeros(dy.shape[1])
        for f in prange(dy.shape[1]):
            own[f] += dy[r, f]
        db += own
    return db


def by_numbers(dy):
    db = np.zeros(dy.shape[1])
    for f in range(dy.shape[1]):
        total = 0.0
        for r in prange(len(dy)):
            total += dy[r, f]
        db[f] = total
    return db


@pytest.mark.parametrize("right", [over_outputs, in_parts, by_reduction, by_numbers])
def test_a_loop_without_a_race_gives_what_it_gives(right):
    expected = DY.sum(axis=0)
    assert np.array_equal(all_at_once(right)(DY), expected)
    assert np.array_equal(all_at_once(right, strict=False)(DY), expected)
    assert np.array_equal(numba.njit(parallel=True)(right)(DY), expected)


def by_rest(dy):
    partial = np.zeros((4, dy.shape[1]))
    for r in prange(len(dy)):
        for f in range(dy.shape[1]):
            partial[r % 4, f] += dy[r, f]
    return partial.sum(axis=0)


def collected_in_parallel(dy):
    rows, filters = dy.shape
    db = np.zeros(filters)
    for g in prange(4):
        own = np.zeros(filters)
        for r in range(g * rows // 4, (g + 1) * rows // 4):
            for f in range(filters):
                own[f] += dy[r, f]
        for f in range(filters):
            db[f] += own[f]
    return db


def through_a_view(dy):
    db = np.zeros((2, dy.shape[1]))
    first = db[0]
    for r in prange(len(dy)):
        first += dy[r]
    return db[0]


def with_a_shared_scratch(dy):
    scratch, db = np.empty(dy.shape[0]), np.empty(dy.shape[1])
    for f in prange(dy.shape[1]):
        scratch[:] = dy[:, f]
        db[f] = scratch.sum()
    return db


RACES = [over_rows, by_rest, collected_in_parallel, through_a_view, with_a_shared_scratch]


@pytest.mark.parametrize("racy", RACES)
def test_a_race_is_found_every_time(racy):
    for function in (racy, numba.njit(parallel=True)(racy)):
        with pytest.raises(RaceError, match="of the loop both write to"):
            all_at_once(function)(DY)


@pytest.mark.parametrize("racy", RACES[:4])
def test_updates_that_race_are_lost(racy):
    assert (all_at_once(racy, strict=False)(DY) < DY.sum(axis=0)).all()


def test_the_first_two_that_meet_are_named():
    with pytest.raises(RaceError, match=r"iterations 0 and 1 .* write to db\[1\]"):
        all_at_once(over_rows)(DY)  # DY[0, 0] is 0, which changes nothing
    with pytest.raises(RaceError, match=r"iterations 0 and 4 .* write to partial\[0, 1\]"):
        all_at_once(by_rest)(DY)


def test_a_loop_that_is_not_shared_out_is_refused():
    with pytest.raises(ValueError, match="nothing is shared out"):
        all_at_once(lambda dy: dy.sum(axis=0))(DY)


def test_what_is_missing_stays_so():
    assert all_at_once(None) is None
    assert all_at_once(...) is ...
    assert all_at_once(lambda dy: ...)(DY) is ...


def test_the_arguments_stay_as_they_are_and_the_result_is_an_array():
    before = DY.copy()
    result = all_at_once(in_parts)(DY)
    assert type(result) is np.ndarray
    assert np.array_equal(DY, before)


def test_the_examples_are_right():
    found = doctest.testmod(simultaneous)
    assert found.attempted
    assert found.failed == 0
