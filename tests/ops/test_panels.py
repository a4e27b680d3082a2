"""The order in which blocks read a kernel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.ops.kernels.blocks import lanes
from scratchnet.ops.kernels.panels import pack

SIZES = st.integers(1, 5) | st.sampled_from([15, 16, 17, 32, 40])


def in_panels(matrix):
    """(K, F) as (⌈F/lanes⌉, K, lanes), zeros beyond F."""
    width = lanes(matrix.dtype)
    panels = -(-matrix.shape[1] // width)
    full = np.pad(matrix, ((0, 0), (0, panels * width - matrix.shape[1])))
    return full.reshape(len(matrix), panels, width).transpose(1, 0, 2)


@given(
    size=st.tuples(st.integers(1, 3), st.integers(1, 3), SIZES, SIZES),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_panels_hold_every_number_of_the_kernel(size, dtype):
    kernel = np.arange(1, np.prod(size) + 1, dtype=dtype).reshape(size)
    assert np.array_equal(pack(kernel), in_panels(kernel.reshape(-1, size[3])))


@given(
    size=st.tuples(st.integers(1, 3), st.integers(1, 3), SIZES, SIZES),
    dtype=st.sampled_from([np.float32, np.float64]),
    data=st.data(),
)
def test_turned_panels_hold_the_taps_in_the_order_asked_for(size, dtype, data):
    kernel = np.arange(1, np.prod(size) + 1, dtype=dtype).reshape(size)
    rows, columns = (
        tuple(data.draw(st.lists(st.integers(0, n - 1), min_size=1, unique=True))) for n in size[:2]
    )
    taps = kernel[np.ix_(rows, columns)].reshape(-1, *size[2:])
    matrix = taps.transpose(0, 2, 1).reshape(-1, size[2])  # (tap and filter, channel)
    assert np.array_equal(pack(kernel, (rows, columns)), in_panels(matrix))


@pytest.mark.parametrize("turned", [None, ((0,), (0,))])
def test_large_kernels_are_packed_on_all_threads(turned):
    kernel = np.arange(300 * 500, dtype=np.float32).reshape(1, 1, 300, 500)
    matrix = kernel[0, 0] if turned is None else kernel[0, 0].T
    assert np.array_equal(pack(kernel, turned), in_panels(matrix))
