"""Batch normalisation in few passes over memory. Meaning: `ops.formulas.normalization`.

Forward reads x twice, for the moments and to normalise with them; backward reads dy and x twice.
A rectifier behind it costs no pass of its own: `batch_normalization_relu`.

Sums run in float64, of a few numbers added before (`_TERMS`), over a fixed number of chunks: they
do not depend on the threads. Numbers of a channel lie apart: loops run over rows of several cells,
as long as a core likes (`repeated`).
"""

from __future__ import annotations

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.kernels.jit import CHUNKS, jit, ready, served
from scratchnet.ops.kernels.memory import empty
from scratchnet.ops.kernels.reductions import add_lanes, repeated, sum_cells

_FIRST = 2**13  # numbers whose mean is near that of all
_TERMS = 8  # numbers of a sum that are added before they become float64, which takes longer


def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `formulas.moments`."""
    if not (served(x) and x.ndim):
        return formulas.moments(x)
    cells, channels = ready(x).reshape(-1), x.shape[-1]
    mean, variance = np.empty((2, channels), cells.dtype)
    _moments(cells, -(-_FIRST // channels), mean, variance)
    return mean, variance


def batch_normalization(
    x: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    gamma: np.ndarray | None,
    beta: np.ndarray | None,
    epsilon: float,
) -> np.ndarray:
    """As `formulas.batch_normalization`."""
    if not _served(x, None, mean, variance, gamma, beta):
        return formulas.batch_normalization(x, mean, variance, gamma, beta, epsilon)
    return _forward(x, mean, variance, gamma, beta, epsilon, relu=False)


def batch_normalization_relu(
    x: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    gamma: np.ndarray | None,
    beta: np.ndarray | None,
    epsilon: float,
) -> np.ndarray:
    """As `formulas.batch_normalization_relu`."""
    if not _served(x, None, mean, variance, gamma, beta):
        return formulas.batch_normalization_relu(x, mean, variance, gamma, beta, epsilon)
    return _forward(x, mean, variance, gamma, beta, epsilon, relu=True)


def batch_normalization_backward(
    dy: np.ndarray,
    x: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    gamma: np.ndarray | None,
    epsilon: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `formulas.batch_normalization_backward`."""
    if not _served(x, dy, mean, variance, gamma):
        return formulas.batch_normalization_backward(dy, x, mean, variance, gamma, epsilon)
    return _backward(dy, x, mean, variance, gamma, None, epsilon)


def batch_normalization_relu_backward(
    dy: np.ndarray,
    x: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    gamma: np.ndarray | None,
    beta: np.ndarray | None,
    epsilon: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `formulas.batch_normalization_relu_backward`."""
    if not _served(x, dy, mean, variance, gamma, beta):
        return formulas.batch_normalization_relu_backward(
            dy, x, mean, variance, gamma, beta, epsilon
        )
    return _backward(dy, x, mean, variance, gamma, beta, epsilon, relu=True)


def batch_normalization_inference_backward(
    dy: np.ndarray,
    x: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    gamma: np.ndarray | None,
    epsilon: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `formulas.batch_normalization_inference_backward`."""
    if not _served(x, dy, mean, variance, gamma):
        return formulas.batch_normalization_inference_backward(
            dy, x, mean, variance, gamma, epsilon
        )
    return _backward(dy, x, mean, variance, gamma, None, epsilon, through_statistics=False)


def _forward(
    x: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    gamma: np.ndarray | None,
    beta: np.ndarray | None,
    epsilon: float,
    relu: bool,
) -> np.ndarray:
    cells = ready(x).reshape(-1)
    y = empty(cells.shape, cells.dtype)
    weights = _weights(mean, variance, gamma, beta, epsilon)
    _affine(cells, *weights, relu, y)
    return y.reshape(x.shape)


def _backward(
    dy: np.ndarray,
    x: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    gamma: np.ndarray | None,
    beta: np.ndarray | None,
    epsilon: float,
    through_statistics: bool = True,
    relu: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    cells = ready(x).reshape(-1)
    dx, (dgamma, dbeta) = empty(cells.shape, cells.dtype), np.empty((2, len(mean)), cells.dtype)
    weights = _weights(mean, variance, gamma, beta, epsilon)
    _gradients(ready(dy).reshape(-1), cells, *weights, through_statistics, relu, dx, dgamma, dbeta)
    return dx.reshape(x.shape), dgamma, dbeta


def _weights(
    mean: np.ndarray,
    variance: np.ndarray,
    gamma: np.ndarray | None,
    beta: np.ndarray | None,
    epsilon: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.floating]:
    """(μ, σ², γ, β, ε) as kernels take them."""
    mean = ready(mean)
    return (
        mean,
        ready(variance),
        np.ones_like(mean) if gamma is None else ready(gamma),
        np.zeros_like(mean) if beta is None else ready(beta),
        mean.dtype.type(epsilon),
    )


def _served(x: np.ndarray, dy: np.ndarray | None, *channels: np.ndarray | None) -> bool:
    """Whether all have one dtype that kernels are made for, and the shapes that belong together."""
    of_channels = x.shape[-1:]
    each = [x] if dy is None else [x, dy]
    for array in channels:
        if array is not None:
            if array.shape != of_channels:
                return False
            each.append(array)
    return served(*each) and x.ndim > 0 and (dy is None or dy.shape == x.shape)


def _factors_of_channels(variance, gamma, epsilon):  # type: ignore[no-untyped-def]
    # 1/√(σ² + ε), and γ times that
    one = variance.dtype.type(1)
    inverse, scale = np.empty_like(variance), np.empty_like(variance)
    for c in range(len(variance)):
        inverse[c] = one / np.sqrt(variance[c] + epsilon)
        scale[c] = gamma[c] * inverse[c]
    return inverse, scale


def _moments_of_cells(cells, size, mean, variance):  # type: ignore[no-untyped-def]
    # In one pass σ² = Σ (x − c)²/m − (Σ (x − c)/m)², with c the mean of the first rows. That loses
    # no more digits than a part of `size` rows is smaller than the whole: were c far from μ for
    # the spread of x, the first rows would be far from the others, and the spread be large.
    channels = len(mean)
    rows, nothing = len(cells) // channels, np.zeros(channels)
    near, first_rows = nothing.copy(), min(size, rows)
    sum_cells(cells[: first_rows * channels], near)
    for c in range(channels):
        near[c] /= first_rows
    sums, center = np.zeros((3, CHUNKS, channels)), repeated(near, cells)
    width = len(center)
    for g in prange(CHUNKS):
        first, end = g * rows // CHUNKS * channels, (g + 1) * rows // CHUNKS * channels
        of_x, of_apart, of_squares = np.zeros(width), np.zeros(width), np.zeros(width)
        some_x, some_apart = np.empty_like(center), np.empty_like(center)
        some_squares = np.empty_like(center)
        for few in range(first, end, _TERMS * width):
            some_x[:] = 0
            some_apart[:] = 0
            some_squares[:] = 0
            for start in range(few, min(end, few + _TERMS * width), width):
                row = cells[start : min(end, start + width)]
                for k in range(len(row)):
                    apart = row[k] - center[k]
                    some_x[k] += row[k]
                    some_apart[k] += apart
                    some_squares[k] += apart * apart
            for k in range(width):
                of_x[k] += some_x[k]
                of_apart[k] += some_apart[k]
                of_squares[k] += some_squares[k]
        add_lanes(of_x, sums[0, g])
        add_lanes(of_apart, sums[1, g])
        add_lanes(of_squares, sums[2, g])
    for c in range(channels):
        total = total_apart = total_squares = 0.0
        for g in range(CHUNKS):
            total += sums[0, g, c]
            total_apart += sums[1, g, c]
            total_squares += sums[2, g, c]
        squared = total_squares / rows - (total_apart / rows) ** 2
        mean[c] = total / rows
        variance[c] = 0 if squared < 0 else squared  # by rounding


def _scale_and_shift(x, mean, variance, gamma, beta, epsilon, relu, y):  # type: ignore[no-untyped-def]
    channels = len(mean)
    rows = len(x) // channels
    _, scale = _factors(variance, gamma, epsilon)
    center, factor, more = repeated(mean, x), repeated(scale, x), repeated(beta, x)
    for g in prange(CHUNKS):
        first, end = g * rows // CHUNKS * channels, (g + 1) * rows // CHUNKS * channels
        for start in range(first, end, len(center)):
            row = x[start : min(end, start + len(center))]
            into = y[start : start + len(row)]
            for k in range(len(row)):
                z = (row[k] - center[k]) * factor[k] + more[k]
                into[k] = 0 if relu & (z <= 0) else z


def _batch_norm_gradients(  # type: ignore[no-untyped-def]
    dy, x, mean, variance, gamma, beta, epsilon, through_statistics, relu, dx, dgamma, dbeta
):
    # With `inverse` = 1/√(σ² + ε), and where `relu` says so without the dy of cells whose output is
    # not positive:
    #     dβ = Σ dy,  dγ = Σ dy·(x − μ)·inverse,  dx = scale·dy − (x − μ)·slope − constant
    channels = len(mean)
    inverse, scale = _factors(variance, gamma, epsilon)
    rows, nothing = len(x) // channels, x.dtype.type(0)
    center, factor, more = repeated(mean, x), repeated(scale, x), repeated(beta, x)
    sums, width = np.zeros((2, CHUNKS, channels)), len(center)
    for g in prange(CHUNKS):
        first, end = g * rows // CHUNKS * channels, (g + 1) * rows // CHUNKS * channels
        of_dy, of_both = np.zeros(width), np.zeros(width)
        some_dy, some_both = np.empty_like(center), np.empty_like(center)
        for few in range(first, end, _TERMS * width):
            some_dy[:] = 0
            some_both[:] = 0
            for start in range(few, min(end, few + _TERMS * width), width):
                row = x[start : min(end, start + width)]
                d_row = dy[start : start + len(row)]
                for k in range(len(row)):
                    apart = row[k] - center[k]
                    passes = (not relu) | (apart * factor[k] + more[k] > 0)
                    d = d_row[k] if passes else nothing
                    some_dy[k] += d
                    some_both[k] += d * apart
            for k in range(width):
                of_dy[k] += some_dy[k]
                of_both[k] += some_both[k]
        add_lanes(of_dy, sums[0, g])
        add_lanes(of_both, sums[1, g])
    slope, constant = np.zeros_like(mean), np.zeros_like(mean)
    for c in range(channels):
        of_gamma = of_beta = 0.0
        for g in range(CHUNKS):
            of_beta += sums[0, g, c]
            of_gamma += sums[1, g, c]
        dbeta[c] = of_beta
        dgamma[c] = of_gamma * inverse[c]
        if through_statistics:
            slope[c] = scale[c] * of_gamma * inverse[c] * inverse[c] / rows
            constant[c] = scale[c] * of_beta / rows
    slopes, constants = repeated(slope, x), repeated(constant, x)
    for g in prange(CHUNKS):
        first, end = g * rows // CHUNKS * channels, (g + 1) * rows // CHUNKS * channels
        for start in range(first, end, len(center)):
            row = x[start : min(end, start + len(center))]
            d_row, into = dy[start : start + len(row)], dx[start : start + len(row)]
            for k in range(len(row)):
                apart = row[k] - center[k]
                passes = (not relu) | (apart * factor[k] + more[k] > 0)
                d = d_row[k] if passes else nothing
                into[k] = factor[k] * d - apart * slopes[k] - constants[k]


_factors = jit(_factors_of_channels, parallel=False)
_moments = jit(_moments_of_cells)
_affine = jit(_scale_and_shift)
_gradients = jit(_batch_norm_gradients)
