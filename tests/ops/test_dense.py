"""T0 of dense: however a product is cut, integers come out exactly, on one thread and on all."""

from __future__ import annotations

import numpy as np
import pytest

from scratchnet import config
from scratchnet.ops import kernels

# Rows, inputs and outputs: of few nothing is cut, of many rows and columns are; where there is one,
# BLAS must not be told that its neighbour is nearer than it can be
SIZES = [(3, 5, 4), (7, 1100, 130), (33, 515, 3), (600, 40, 33), (520, 130, 300)]
SIZES += [(31, 300, 40), (32, 300, 40), (257, 300, 17)]  # by BLAS, as one line, as many
SIZES += [(1, 1, 1), (1, 300, 1), (300, 1, 1), (1, 1, 300), (1, 7, 200), (200, 7, 1)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("threads", [1, None])
def test_products_are_exact_however_they_are_cut(threads, size, dtype):
    rows, inputs, outputs = size
    rng = np.random.default_rng(0)
    x, w, dy = (
        rng.integers(-9, 10, s) for s in ((rows, inputs), (inputs, outputs), (rows, outputs))
    )
    config.set_threads(threads)
    try:
        y = kernels.dense(x.astype(dtype), w.astype(dtype))
        dx, dw = kernels.dense_backward(dy.astype(dtype), x.astype(dtype), w.astype(dtype))
    finally:
        config.set_threads(None)
    for ours, exact in ((y, x @ w), (dx, dy @ w.T), (dw, x.T @ dy)):
        assert ours.dtype == dtype
        assert np.array_equal(ours, exact)
