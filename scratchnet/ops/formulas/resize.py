"""Images in another size: each new cell is a weighted sum of the old cells around its place.

A cell is a square and its value sits in the centre, so new cell o of OUT lies at

    s(o) = (o + ½) · IN / OUT − ½

on the IN old cells ("half-pixel centres"). Rows and columns are resized one after the other,

    y[n, p, q, c] = Σ_i Σ_j  R[p, i] · C[q, j] · x[n, i, j, c]          y = R·x·Cᵀ
    ∂L/∂x = Rᵀ·dy·C                                                    its adjoint

and R and C are banded: each row has weights at the few cells near s(o) only,

    R[o, i] = k((i − s(o)) / κ) / Σ_{i'} k((i' − s(o)) / κ)      over cells that exist, 0 elsewhere

with the kernel k of the interpolation and κ = 1, or with antialias κ = max(1, IN / OUT), which
spreads the kernel over all the old cells that make up one new cell.

    nearest    the cell that s(o) + ½ falls into; on a border between two, the later one
    bilinear   k(t) = 1 − |t|                                          |t| ≤ 1
    bicubic    k(t) = 1.5|t|³ − 2.5|t|² + 1                            |t| ≤ 1
               k(t) = −0.5|t|³ + 2.5|t|² − 4|t| + 2                    1 < |t| ≤ 2
    lanczosR   k(t) = sinc(t) · sinc(t/R), sinc(t) = sin(πt)/(πt)      |t| ≤ R, for R = 3 and 5
    area       R[o, i] = share of the interval [o, o + 1]·IN/OUT that lies in [i, i + 1]

Dividing by the sum at a border does the same to bilinear weights as repeating the border cell.
TensorFlow computes places and weights in float32, whatever the images' dtype is. Its nearest cells
and its bicubic weights, which come from a table with steps of 1/1024 unless antialias is on, would
differ visibly where float32 rounds across a border or a step, so their places are float32 here too.

Sources: Keys, "Cubic Convolution Interpolation" (1981), equation 15; Turkowski, "Filters for Common
Resampling Tasks" (1990) for Lanczos; tf.image.resize; in TensorFlow's core/kernels/image
resize_bicubic_op.cc, resize_area_op.cc, scale_and_translate_op.cc and image_resizer_state.h.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from scratchnet.ops.geometry import Pair

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area")
_RADIUS = {"bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}
_TABLE_STEPS = 1024


class Band(NamedTuple):
    """The rows of a banded matrix: row o has `weights[o]` at the columns `cells[o]`."""

    cells: Shaped[np.ndarray, "OUT T"]
    weights: Shaped[np.ndarray, "OUT T"]


def resize(
    x: Shaped[np.ndarray, "N H W C"],
    size: Pair,
    interpolation: str = "bilinear",
    antialias: bool = False,
) -> Shaped[np.ndarray, "N OH OW C"]:
    """y = R·x·Cᵀ for each image and channel.

    Args:
        x: images (N, H, W, C) with at least one row and one column.
        size: (OH, OW), the new rows and columns.
        interpolation: one of `INTERPOLATIONS`.
        antialias: whether kernels widen when an image shrinks; "nearest" and "area" stay as
            they are.
    """
    for axis in (1, 2):
        x = _resized(x, _band(x.shape[axis], size[axis - 1], interpolation, antialias), axis)
    return x


def resize_backward(
    dy: Shaped[np.ndarray, "N OH OW C"],
    input_size: Pair,
    interpolation: str = "bilinear",
    antialias: bool = False,
) -> Shaped[np.ndarray, "N H W C"]:
    """∂L/∂x = Rᵀ·dy·C for images of `input_size` rows and columns."""
    for axis in (1, 2):
        cells = input_size[axis - 1]
        band = _band(cells, dy.shape[axis], interpolation, antialias)
        dy = _resized_backward(dy, band, cells, axis)
    return dy


def interpolation_matrix(
    cells: int, size: int, interpolation: str, antialias: bool = False
) -> Shaped[np.ndarray, "OUT IN"]:
    """R: (OUT, IN) as the dense matrix, to look at.

    >>> interpolation_matrix(2, 4, "bilinear")
    array([[1.  , 0.  ],
           [0.75, 0.25],
           [0.25, 0.75],
           [0.  , 1.  ]])
    """
    matrix = np.zeros((size, cells))
    band = _band(cells, size, interpolation, antialias)
    np.add.at(matrix, (np.arange(size)[:, None], band.cells), band.weights)
    return matrix


def _resized(x: np.ndarray, band: Band, axis: int) -> np.ndarray:
    """y[o] = Σ_t weights[o, t] · x[cells[o, t]] along `axis`."""
    along = (-1, *[1] * (x.ndim - 1 - axis))
    weights = _cast(band.weights, x.dtype)
    terms = (
        weights[:, t].reshape(along) * x.take(band.cells[:, t], axis)
        for t in range(weights.shape[1])
    )
    return sum(terms, start=next(terms))


def _resized_backward(dy: np.ndarray, band: Band, cells: int, axis: int) -> np.ndarray:
    """dx[i] = Σ weights[o, t] · dy[o] over all o and t with cells[o, t] = i."""
    dy = np.moveaxis(dy, axis, 0)
    dx = np.zeros((cells, *dy.shape[1:]), dy.dtype)
    weights = _cast(band.weights, dy.dtype)
    for o, (row, row_weights) in enumerate(zip(band.cells, weights, strict=True)):
        for i, weight in zip(row, row_weights, strict=True):
            dx[i] += weight * dy[o]
    return np.moveaxis(dx, 0, axis)


def _cast(weights: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return weights.astype(dtype) if np.issubdtype(dtype, np.floating) else weights


@lru_cache(maxsize=256)
def _band(cells: int, size: int, interpolation: str, antialias: bool) -> Band:
    """R: (size, cells), banded."""
    if interpolation == "nearest":
        return _nearest_band(cells, size)
    if interpolation == "area":
        return _area_band(cells, size)
    ratio = cells / size
    place = (np.arange(size) + 0.5) * ratio - 0.5
    if interpolation == "bicubic" and not antialias:
        place = _on_table(cells, size)
    kappa = max(1.0, ratio) if antialias else 1.0
    reach = math.ceil(_RADIUS[interpolation] * kappa)
    column = np.floor(place)[:, None] + np.arange(1 - reach, 1 + reach)
    weights = _kernel(np.abs(column - place[:, None]) / kappa, interpolation)
    return _inside(column, weights, cells)


def _nearest_band(cells: int, size: int) -> Band:
    place = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * _float32_ratio(cells, size)
    column = np.minimum(place.astype(np.int64), cells - 1)
    return Band(column[:, None], np.ones((size, 1), np.int64))


def _area_band(cells: int, size: int) -> Band:
    ratio = cells / size
    start = (np.arange(size) * ratio)[:, None]
    column = np.floor(start) + np.arange(math.ceil(ratio) + 1)
    overlap = np.minimum(column + 1, start + ratio) - np.maximum(column, start)
    return _inside(column, np.maximum(overlap, 0), cells)


def _on_table(cells: int, size: int) -> np.ndarray:
    """The places s(o) in float32, their fractions rounded to steps of 1/1024."""
    half = np.float32(0.5)
    place = (np.arange(size, dtype=np.float32) + half) * _float32_ratio(cells, size) - half
    whole = np.floor(place)
    return whole + np.rint((place - whole) * _TABLE_STEPS).astype(np.float64) / _TABLE_STEPS


def _float32_ratio(cells: int, size: int) -> np.float32:
    return np.float32(cells) / np.float32(size)


def _inside(column: np.ndarray, weights: np.ndarray, cells: int) -> Band:
    """A band whose columns exist and whose rows add up to 1."""
    weights = np.where((column >= 0) & (column < cells), weights, 0)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return Band(np.clip(column, 0, cells - 1).astype(np.int64), weights)


def _kernel(t: np.ndarray, interpolation: str) -> np.ndarray:
    """k(t) for t ≥ 0."""
    radius = _RADIUS[interpolation]
    if interpolation == "bilinear":
        k = 1 - t
    elif interpolation == "bicubic":
        near = (1.5 * t - 2.5) * t**2 + 1
        k = np.where(t <= 1, near, ((-0.5 * t + 2.5) * t - 4) * t + 2)
    else:
        k = np.sinc(t) * np.sinc(t / radius)
    return np.where(t <= radius, k, 0)
