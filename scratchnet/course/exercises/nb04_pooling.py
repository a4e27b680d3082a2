"""Exercises of notebook 04: who gets the gradient of a pooled number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from scratchnet.course.exercise import Exercise, Mistake
from scratchnet.ops.formulas import (
    average_pool2d_backward,
    global_max_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)
from scratchnet.ops.geometry import Pair

EXAMPLE = np.array([[1.0, 3, 2, 1], [4, 4, 0, 0], [0, 0, 5, 6], [0, 0, 6, 2]])
_SETTINGS: list[tuple[tuple[int, ...], Pair, Pair]] = [  # shape of x, pool_size, strides
    ((1, 4, 4, 1), (2, 2), (2, 2)),
    ((2, 6, 7, 3), (2, 3), (2, 2)),
    ((3, 5, 7, 2), (3, 2), (1, 3)),
]


def _windows(
    shape: tuple[int, ...], pool_size: Pair, strides: Pair
) -> Iterator[tuple[int, int, slice, slice]]:
    """Each output cell with the rows and columns that it saw."""
    (rows, columns), (down, right) = pool_size, strides
    for p in range((shape[1] - rows) // down + 1):
        for q in range((shape[2] - columns) // right + 1):
            i, j = p * down, q * right
            yield p, q, slice(i, i + rows), slice(j, j + columns)


# The gradient of a maximum


def _ties(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Small whole numbers, so that most windows have several maxima."""
    found: list[dict[str, Any]] = []
    for shape, pool_size, strides in _SETTINGS:
        x = rng.integers(0, 4, shape).astype(float)
        if not found:
            x[0, :, :, 0] = EXAMPLE
        dy = rng.standard_normal(max_pool2d(x, pool_size, strides).shape)
        found.append({"dy": dy, "x": x, "pool_size": pool_size, "strides": strides})
    return found


Shares = Callable[[np.ndarray], np.ndarray]


def _by_shares(shares: Shares, overwrite: bool = False) -> Callable[..., np.ndarray]:
    """What comes of `shares`: (N, PH, PW, C) cells of a window → the parts of dy that they get."""

    def gradient(dy: np.ndarray, x: np.ndarray, pool_size: Pair, strides: Pair) -> np.ndarray:
        dx = np.zeros(x.shape)
        for p, q, rows, columns in _windows(x.shape, pool_size, strides):
            part = shares(x[:, rows, columns]) * dy[:, p, q][:, None, None]
            dx[:, rows, columns] = part if overwrite else dx[:, rows, columns] + part
        return dx

    return gradient


def _winners(cells: np.ndarray) -> np.ndarray:
    return (cells == cells.max(axis=(1, 2), keepdims=True)).astype(float)


def _first(cells: np.ndarray) -> np.ndarray:
    """1 for the first winner in reading order."""
    flat = _winners(cells).reshape(len(cells), -1, cells.shape[-1])
    return (flat * (flat.cumsum(axis=1) == 1)).reshape(cells.shape)


def _last(cells: np.ndarray) -> np.ndarray:
    return _first(cells[:, ::-1, ::-1])[:, ::-1, ::-1]


def _first_by_columns(cells: np.ndarray) -> np.ndarray:
    return _first(cells.swapaxes(1, 2)).swapaxes(1, 2)


def _one_channel_wins(cells: np.ndarray) -> np.ndarray:
    """Only the channel that has the largest number of all takes part."""
    best = cells.max(axis=(1, 2), keepdims=True)
    return _first(cells) * (best == best.max(axis=-1, keepdims=True))


def _winners_overwritten(
    dy: np.ndarray, x: np.ndarray, pool_size: Pair, strides: Pair
) -> np.ndarray:
    """As `=` does it where only the winner is written to."""
    dx = np.zeros(x.shape)
    for p, q, rows, columns in _windows(x.shape, pool_size, strides):
        won = _first(x[:, rows, columns]) == 1
        dx[:, rows, columns] = np.where(won, dy[:, p, q][:, None, None], dx[:, rows, columns])
    return dx


MAX_GRADIENT = Exercise(
    name="max_gradient",
    truth=max_pool2d_backward,
    inputs=_ties,
    mistakes=(
        Mistake(
            "every one of several equals gets the whole gradient: x == maximum is true for all of "
            "them, so take one, the first in reading order (argmax)",
            _by_shares(_winners),
        ),
        Mistake(
            "equals share the gradient: that is the rule of the global maximum; in a window the "
            "first in reading order takes all",
            _by_shares(lambda cells: _winners(cells) / _winners(cells).sum((1, 2), keepdims=True)),
        ),
        Mistake(
            "the last of several equals wins: is there a >= where > belongs?",
            _by_shares(_last),
        ),
        Mistake(
            "the first by columns wins, not the first by rows: look at the order in which the "
            "window is read",
            _by_shares(_first_by_columns),
        ),
        Mistake(
            "later windows overwrite earlier ones: where windows overlap a cell can win several "
            "times, so += and not =",
            _by_shares(_first, overwrite=True),
        ),
        Mistake(
            "later windows overwrite earlier ones: where windows overlap a cell can win several "
            "times, so += and not =",
            _winners_overwritten,
        ),
        Mistake(
            "channels compete with each other: each has its own maximum, so search over rows and "
            "columns only",
            _by_shares(_one_channel_wins),
        ),
        Mistake(
            "every cell of the window gets the gradient: only the one that won made the output",
            _by_shares(np.ones_like),
        ),
    ),
)


# The gradient of a mean


def _mean_by(divisor: Callable[..., float]) -> Callable[..., np.ndarray]:
    """The gradient with another divisor than the number of cells."""

    def gradient(
        dy: np.ndarray, input_shape: tuple[int, ...], pool_size: Pair, strides: Pair
    ) -> np.ndarray:
        dx = average_pool2d_backward(dy, input_shape, pool_size, strides)
        return dx * pool_size[0] * pool_size[1] / divisor(dy, pool_size)

    return gradient


def _overwritten_mean(
    dy: np.ndarray, input_shape: tuple[int, ...], pool_size: Pair, strides: Pair
) -> np.ndarray:
    count = pool_size[0] * pool_size[1]
    equal = _by_shares(lambda cells: np.full(cells.shape, 1 / count), overwrite=True)
    return equal(dy, np.zeros(input_shape), pool_size, strides)


def _without_strides(
    dy: np.ndarray, input_shape: tuple[int, ...], pool_size: Pair, strides: Pair
) -> np.ndarray:
    dx = np.zeros(input_shape)
    rows, columns = pool_size
    for p, q in np.ndindex(dy.shape[1:3]):
        part = dy[:, p, q][:, None, None] / (rows * columns)
        dx[:, p * rows : (p + 1) * rows, q * columns : (q + 1) * columns] += part
    return dx


AVERAGE_GRADIENT = Exercise(
    name="average_gradient",
    truth=average_pool2d_backward,
    inputs=lambda rng: [
        {
            "dy": each["dy"],
            "input_shape": each["x"].shape,
            "pool_size": each["pool_size"],
            "strides": each["strides"],
        }
        for each in _ties(rng)
    ],
    mistakes=(
        Mistake(
            "not divided: the output is the mean of PH·PW cells, so each of them counts for "
            "1/(PH·PW)",
            _mean_by(lambda dy, pool_size: 1),
        ),
        Mistake(
            "divided by the rows of the window only: it has PH·PW cells",
            _mean_by(lambda dy, pool_size: pool_size[0]),
        ),
        Mistake(
            "divided by the number of output cells: the mean is over the cells of one window",
            _mean_by(lambda dy, pool_size: dy.shape[1] * dy.shape[2]),
        ),
        Mistake(
            "averaged over the samples too: the 1/N is the loss's and is in dy already",
            _mean_by(lambda dy, pool_size: len(dy) * pool_size[0] * pool_size[1]),
        ),
        Mistake(
            "later windows overwrite earlier ones: a cell that several windows saw gets the sum, "
            "so += and not =",
            _overwritten_mean,
        ),
        Mistake(
            "the windows are as far apart as they are large: it is the strides that say where the "
            "next one begins",
            _without_strides,
        ),
    ),
    sizes=lambda dy, pool_size, **_: {"(PH·PW)": pool_size[0] * pool_size[1], "N": len(dy)},
)


# The gradient of a maximum over the whole map


def _of_the_map(shares: Shares) -> Callable[..., np.ndarray]:
    return lambda dy, x: shares(x) * dy[:, None, None]


GLOBAL_MAX_GRADIENT = Exercise(
    name="global_max_gradient",
    truth=global_max_pool2d_backward,
    inputs=lambda rng: [
        {
            "dy": rng.standard_normal((shape[0], shape[3])),
            "x": rng.integers(0, 4, shape).astype(float),
        }
        for shape, _, _ in _SETTINGS
    ],
    mistakes=(
        Mistake(
            "the first of several equals takes all: that is the rule of the windows; here equals "
            "share, because Keras computes this layer with a reduction",
            _of_the_map(_first),
        ),
        Mistake(
            "each of several equals gets the whole gradient: divide by how many there are, for "
            "each image and channel",
            _of_the_map(_winners),
        ),
        Mistake(
            "the equals of all images or channels were counted together: each map has its own "
            "maximum, and its own number of equals",
            _of_the_map(lambda x: _winners(x) / _winners(x).sum()),
        ),
        Mistake(
            "every cell gets dy/(H·W): that is the gradient of the mean",
            _of_the_map(lambda x: np.full(x.shape, 1 / (x.shape[1] * x.shape[2]))),
        ),
    ),
    sizes=lambda dy, x: {"N": len(x), "(H·W)": x.shape[1] * x.shape[2]},
)


# What is to be guessed

BLACK_WINDOW = Exercise(
    name="black_window",
    truth="first",
    mistakes=(
        Mistake("the output is one of the four zeros, and it has a gradient: it goes on", "none"),
        Mistake(
            "that would be fair, and you will meet a layer that does so, but not here", "share"
        ),
        Mistake("then four times as much would come out below as went in above", "all"),
        Mistake("a search that keeps the best so far replaces it only by something larger", "last"),
    ),
)

TIMES_WON = Exercise(
    name="times_won",
    truth=4,
    mistakes=(
        Mistake("once for each window that it wins: which windows see the middle?", 1),
        Mistake("there are not so many windows: their corners are at 0 and 2", 9),
        Mistake("rows and columns: windows begin at 0 and at 2 in both", 2),
    ),
)

CORNER = Exercise(
    name="corner",
    truth=(-1, -1),
    mistakes=(
        Mistake("zeros of the padding are no pixels: they take no part in either", (0, -0.25)),
        Mistake("zeros of the padding are no pixels: they can't win", (0, -1)),
        Mistake("zeros of the padding are no pixels: they are not counted either", (-1, -0.25)),
    ),
)

EXERCISES = (
    BLACK_WINDOW,
    TIMES_WON,
    CORNER,
    MAX_GRADIENT,
    AVERAGE_GRADIENT,
    GLOBAL_MAX_GRADIENT,
)
