"""Kernels use as many threads as they should, and leave the settings of others as they were."""

from __future__ import annotations

import threading

import numba
import numpy as np
import pytest
from numba import prange
from threadpoolctl import threadpool_info

from scratchnet import config
from scratchnet.blas_threads import is_of_scipy, one_blas_thread
from scratchnet.ops.kernels.jit import jit
from scratchnet.ops.kernels.threads import swap_threads

# A kernel that asks Numba for the number of threads, as no other does, cannot be kept on disk
pytestmark = pytest.mark.filterwarnings("ignore:Cannot cache compiled function")

SMALL, LARGE = np.zeros(4), np.zeros(2**18)

needs_two = pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two threads")


def _count(array, found):  # type: ignore[no-untyped-def]
    if array[0] > 0:
        raise ValueError("planted")
    number = numba.get_num_threads()
    for i in prange(len(found)):
        found[i] = number


count = jit(_count)
count_of_costly = jit(_count, work=2**14)


def threads_of(kernel, array, **options):
    found = np.zeros(1, np.int64)
    kernel(array, found, **options)
    return found[0]


@pytest.fixture
def two_threads():
    before = numba.get_num_threads()
    numba.set_num_threads(2)
    yield
    numba.set_num_threads(before)
    config.set_threads(None)


@needs_two
def test_small_work_stays_on_its_thread_and_large_work_is_shared(two_threads):
    assert threads_of(count, SMALL) == 1
    assert threads_of(count, LARGE) == 2
    assert numba.get_num_threads() == 2


@needs_two
def test_work_that_costs_more_is_shared_from_fewer_bytes_on(two_threads):
    assert threads_of(count_of_costly, SMALL) == 2


@needs_two
def test_a_call_may_say_how_much_work_it_is(two_threads):
    assert threads_of(count, SMALL, size=LARGE.nbytes) == 2
    assert threads_of(count, LARGE, size=SMALL.nbytes) == 1


@needs_two
def test_no_kernel_uses_more_threads_than_the_library_or_numba_allow(two_threads):
    config.set_threads(1)
    assert threads_of(count, LARGE) == 1
    config.set_threads(2)
    assert threads_of(count, LARGE) == 2
    numba.set_num_threads(1)
    assert threads_of(count, LARGE) == 1


@needs_two
def test_a_kernel_that_fails_leaves_the_threads_as_they_were(two_threads):
    for size in (4, 2**18):
        with pytest.raises(ValueError, match="planted"):
            threads_of(count, np.ones(size))
        assert numba.get_num_threads() == 2


@needs_two
def test_swapping_gives_the_number_that_was_before(two_threads):
    assert swap_threads(1) == 2
    assert numba.get_num_threads() == 1
    assert swap_threads(2) == 1


def scipys_blas():
    found = [each for each in threadpool_info() if each["user_api"] == "blas"]
    return [each["num_threads"] for each in found if is_of_scipy(each["filepath"])] or [1]


def test_blas_has_one_thread_in_the_block_and_its_own_number_after_it():
    before = scipys_blas()
    with one_blas_thread():
        assert set(scipys_blas()) == {1}
        with one_blas_thread():
            pass
        assert set(scipys_blas()) == {1}
    assert scipys_blas() == before
    with pytest.raises(ValueError, match="planted"), one_blas_thread():
        raise ValueError("planted")
    assert scipys_blas() == before


def test_blocks_of_several_threads_may_overlap():
    before, first_is_in, second_is_in = scipys_blas(), threading.Event(), threading.Event()
    seen = []

    def first():
        with one_blas_thread():
            first_is_in.set()
            second_is_in.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    first_is_in.wait(10)
    with one_blas_thread():
        second_is_in.set()
        thread.join()
        seen.append(set(scipys_blas()))
    assert seen == [{1}]
    assert scipys_blas() == before
