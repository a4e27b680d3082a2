"""Softmax of short rows and of long ones, whose largest numbers are found many at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.ops import formulas, kernels
from scratchnet.ops.kernels.reductions import LANES

COLUMNS = st.sampled_from([1, 2, 10, LANES - 1, LANES, LANES + 1, 3 * LANES + 5, 1000])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(seed=st.integers(0, 2**32 - 1), columns=COLUMNS, rows=st.integers(1, 3))
def test_kernels_meet_the_formulas_wherever_the_largest_stands(dtype, seed, columns, rows):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 3, (rows, columns)).astype(dtype)
    x[np.arange(rows), rng.integers(0, columns, rows)] = 1e4  # e^x is ∞ unless that is subtracted
    dy = rng.standard_normal(x.shape).astype(dtype)
    exact = x.astype(np.float64)
    tolerance = 3e-6 if dtype == np.float32 else 1e-14
    for name in ("softmax", "log_softmax"):
        y = getattr(kernels, name)(x)
        np.testing.assert_allclose(y, getattr(formulas, name)(exact), tolerance, tolerance)
    x[x == 1e4] = 4  # or else one output is 1 and all gradients are 0
    y = formulas.softmax(x.astype(np.float64)).astype(dtype)
    dx = formulas.softmax_backward(dy.astype(np.float64), y.astype(np.float64))
    np.testing.assert_allclose(kernels.softmax_backward(dy, y), dx, tolerance, tolerance)


@pytest.mark.parametrize("odd", [np.nan, np.inf])
@given(columns=COLUMNS, place=st.floats(0, 1, exclude_max=True))
def test_a_row_with_a_number_that_is_none_has_no_others(odd, columns, place):
    x = np.zeros((3, columns), np.float32)
    x[1, int(place * columns)] = odd
    for name in ("softmax", "log_softmax"):
        with np.errstate(invalid="ignore"):
            expected = getattr(formulas, name)(x)
        y = getattr(kernels, name)(x)
        assert np.isnan(expected[1, int(place * columns)])
        assert np.array_equal(np.isnan(y), np.isnan(expected))
        assert np.isfinite(y[[0, 2]]).all()
