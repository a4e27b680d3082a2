"""Memory that is used again is never used twice at a time."""

from __future__ import annotations

import gc
import pickle
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from scratchnet.ops.kernels import memory
from scratchnet.ops.kernels.memory import empty, zeros

LARGE = (300, 401)


@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3), LARGE])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.bool_])
def test_an_array_is_what_numpy_would_give(shape, dtype):
    array = zeros(shape, dtype)
    assert np.array_equal(array, np.zeros(shape, dtype))
    assert array.dtype == dtype
    assert array.flags.carray
    assert empty(shape, dtype).shape == shape


def test_memory_comes_back_when_the_array_is_gone():
    first = empty(LARGE, np.float32)
    address = first.ctypes.data
    assert address % 64 == 0
    del first
    gc.collect()
    assert empty(LARGE, np.float32).ctypes.data == address


def test_a_view_keeps_its_memory_from_others():
    array = zeros(LARGE, np.float32)
    view = array.reshape(-1)[7:9].reshape(2, 1).T
    del array
    gc.collect()
    others = [empty(LARGE, np.float32) for _ in range(5)]
    for other in others:
        other.fill(1)
    assert not any(np.shares_memory(view, other) for other in others)
    assert (view == 0).all()


def test_zeros_are_zero_in_used_memory():
    array = empty(LARGE, np.float32)
    array.fill(np.nan)
    del array
    assert not zeros(LARGE, np.float32).any()


def test_an_array_can_be_pickled_and_copied():
    array = zeros(LARGE, np.float32) + 1
    assert np.array_equal(pickle.loads(pickle.dumps(array)), array)


@pytest.fixture
def blocks(monkeypatch):
    """Blocks that keep 100 bytes, and more where more was in use."""
    monkeypatch.setattr(memory, "_KEPT", 100)
    return memory._Blocks()


def kept(blocks):
    return sum(size for size, _ in blocks.free())


def test_what_is_kept_is_bounded(blocks):
    for size in range(10, 60):
        blocks.take(size)  # and is given back at once
        assert kept(blocks) <= 100 + size


def test_those_that_came_first_go_first_and_no_more_than_must(blocks):
    for size in (30, 40, 35):
        blocks.take(size)
    blocks.take(50)
    assert [size for size, _ in blocks.free()] == [40, 35, 50]


def test_a_step_finds_all_the_memory_that_it_used_before(blocks):
    step = [blocks.take(size)[0] for size in (70, 80, 90, 80)]
    addresses = {memory.ctypes.data for memory in step}
    assert len(addresses) == 4
    del step
    again = [blocks.take(size)[0] for size in (80, 80, 90, 70)]
    assert {memory.ctypes.data for memory in again} == addresses
    del again
    assert kept(blocks) == 320
    other = []
    for _ in range(5):
        other.append(blocks.take(64))
        assert kept(blocks) <= max(100, 320 - 64 * len(other))


def test_threads_never_share_memory():
    def fill(number):
        for _ in range(300):
            array = empty(LARGE, np.float32)
            array.fill(number)
            time.sleep(0)
            if not (array == number).all():
                return False
            del array
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(fill, range(8)))
