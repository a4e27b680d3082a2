"""Steps of optimizers in one pass over all weights of a dtype.

The files of `scratchnet.optimizers` say what the letters mean. There every operation is a pass over
memory of its own; here all of them happen to a cell while it is in a register, in the same order
and with the same rounding, so the result has the same bits. A kernel's arguments are

    addresses   (arrays, weights), where the weight p, its gradient g and its slots begin
    pieces      (pieces, 3): the number of a weight, and from which of its cells to which
    shares      of the weight decay p ← p − p·share·lr, one for each weight; 0 means none
    lr          and then numbers of the kernel's own

The pieces are what `prange` shares out among threads. `steps` makes all these tables: one call
costs as much as a loop over the weights in Python would cost for each of them.

Traffic: each array is read once, and all but g are written once; 5 to 15 FLOPs a cell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import carray, prange

from scratchnet.ops.kernels.addresses import pointer
from scratchnet.ops.kernels.jit import jit


def _cells_of(addresses, piece, shares):  # type: ignore[no-untyped-def]
    # The cells of a piece, in the arrays that have these addresses
    weight, begin, end = piece[0], piece[1], piece[2]
    return carray(pointer(addresses[weight] + begin * shares.itemsize), end - begin, shares.dtype)


_cells = jit(_cells_of, parallel=False)


def _cells_of_two(addresses, piece, shares):  # type: ignore[no-untyped-def]
    # The share of the weight decay, and the cells of p and g
    return (
        shares[piece[0]],
        _cells(addresses[0], piece, shares),
        _cells(addresses[1], piece, shares),
    )


_two = jit(_cells_of_two, parallel=False)


def _cells_of_three(addresses, piece, shares):  # type: ignore[no-untyped-def]
    # The same of p, g and a slot
    return _two(addresses, piece, shares) + (_cells(addresses[2], piece, shares),)  # noqa: RUF005 - Numba


_three = jit(_cells_of_three, parallel=False)


def _cells_of_four(addresses, piece, shares):  # type: ignore[no-untyped-def]
    # The same of p, g and two slots
    return _three(addresses, piece, shares) + (_cells(addresses[3], piece, shares),)  # noqa: RUF005 - Numba


_four = jit(_cells_of_four, parallel=False)


def _cells_of_five(addresses, piece, shares):  # type: ignore[no-untyped-def]
    # The same of p, g and three slots
    return _four(addresses, piece, shares) + (_cells(addresses[4], piece, shares),)  # noqa: RUF005 - Numba


_five = jit(_cells_of_five, parallel=False)


def _decayed(w, share, lr):  # type: ignore[no-untyped-def]
    return w - w * share * lr if share != 0 else w


_after_decay = jit(_decayed, parallel=False)


def _sgd(addresses, pieces, shares, lr):  # type: ignore[no-untyped-def]
    for k in prange(len(pieces)):
        share, p, g = _two(addresses, pieces[k], shares)
        for i in range(p.size):
            p[i] = _after_decay(p[i], share, lr) - g[i] * lr


def _sgd_with_momentum(addresses, pieces, shares, lr, mu):  # type: ignore[no-untyped-def]
    for k in prange(len(pieces)):
        share, p, g, m = _three(addresses, pieces[k], shares)
        for i in range(p.size):
            moved = m[i] * mu - g[i] * lr
            p[i] = _after_decay(p[i], share, lr) + moved
            m[i] = moved


def _nesterov(addresses, pieces, shares, lr, mu):  # type: ignore[no-untyped-def]
    for k in prange(len(pieces)):
        share, p, g, m = _three(addresses, pieces[k], shares)
        for i in range(p.size):
            step = g[i] * lr
            moved = m[i] * mu - step
            p[i] = _after_decay(p[i], share, lr) + (moved * mu - step)
            m[i] = moved


def _averaged_momentum(addresses, pieces, shares, lr, beta, rest):  # type: ignore[no-untyped-def]
    for k in prange(len(pieces)):
        share, p, g, v = _three(addresses, pieces[k], shares)
        for i in range(p.size):
            mean = v[i] * beta + g[i] * rest
            p[i] = _after_decay(p[i], share, lr) - mean * lr
            v[i] = mean


def _adam(addresses, pieces, shares, lr, rest_1, rest_2, alpha, epsilon):  # type: ignore[no-untyped-def]
    for k in prange(len(pieces)):
        share, p, g, m, v = _four(addresses, pieces[k], shares)
        for i in range(p.size):
            mean = m[i] + (g[i] - m[i]) * rest_1
            square = v[i] + (g[i] * g[i] - v[i]) * rest_2
            step = mean / (np.sqrt(square) + epsilon) * alpha
            p[i] = _after_decay(p[i], share, lr) - step
            m[i], v[i] = mean, square


def _amsgrad(addresses, pieces, shares, lr, rest_1, rest_2, alpha, epsilon):  # type: ignore[no-untyped-def]
    for k in prange(len(pieces)):
        share, p, g, m, v, largest = _five(addresses, pieces[k], shares)
        for i in range(p.size):
            mean = m[i] + (g[i] - m[i]) * rest_1
            square = v[i] + (g[i] * g[i] - v[i]) * rest_2
            most = largest[i]
            most = most if most > square or most != most else square  # NaN stays, as in np.maximum
            step = mean / (np.sqrt(most) + epsilon) * alpha
            p[i] = _after_decay(p[i], share, lr) - step
            m[i], v[i], largest[i] = mean, square, most


def _nadam(addresses, pieces, shares, lr, rest_1, rest_2, of_m, of_g, of_v, epsilon):  # type: ignore[no-untyped-def]
    for k in prange(len(pieces)):
        share, p, g, m, v = _four(addresses, pieces[k], shares)
        for i in range(p.size):
            mean = m[i] + (g[i] - m[i]) * rest_1
            square = v[i] + (g[i] * g[i] - v[i]) * rest_2
            ahead = mean * of_m + g[i] * of_g
            step = ahead * lr / (np.sqrt(square / of_v) + epsilon)
            p[i] = _after_decay(p[i], share, lr) - step
            m[i], v[i] = mean, square


def _adamax(addresses, pieces, shares, lr, rest_1, beta_2, correction, epsilon):  # type: ignore[no-untyped-def]
    for k in prange(len(pieces)):
        share, p, g, m, u = _four(addresses, pieces[k], shares)
        for i in range(p.size):
            mean = m[i] + (g[i] - m[i]) * rest_1
            most, size = u[i] * beta_2, abs(g[i])
            most = most if most > size or most != most else size
            step = mean * lr / ((most + epsilon) * correction)
            p[i] = _after_decay(p[i], share, lr) - step
            m[i], u[i] = mean, most


def _adagrad(addresses, pieces, shares, lr, epsilon):  # type: ignore[no-untyped-def]
    for k in prange(len(pieces)):
        share, p, g, total = _three(addresses, pieces[k], shares)
        for i in range(p.size):
            squares = total[i] + g[i] * g[i]
            p[i] = _after_decay(p[i], share, lr) - g[i] * lr / np.sqrt(squares + epsilon)
            total[i] = squares


def _rmsprop(addresses, pieces, shares, lr, rho, rest, epsilon):  # type: ignore[no-untyped-def]
    for k in prange(len(pieces)):
        share, p, g, v = _three(addresses, pieces[k], shares)
        for i in range(p.size):
            square = v[i] * rho + g[i] * g[i] * rest
            p[i] = _after_decay(p[i], share, lr) - g[i] * lr / np.sqrt(square + epsilon)
            v[i] = square


def _rmsprop_with_momentum(addresses, pieces, shares, lr, rho, rest, epsilon, mu):  # type: ignore[no-untyped-def]
    for k in prange(len(pieces)):
        share, p, g, v, m = _four(addresses, pieces[k], shares)
        for i in range(p.size):
            square = v[i] * rho + g[i] * g[i] * rest
            moved = m[i] * mu + g[i] * lr / np.sqrt(square + epsilon)
            p[i] = _after_decay(p[i], share, lr) - moved
            v[i], m[i] = square, moved


def _lion(addresses, pieces, shares, lr, beta_1, rest_1, beta_2, rest_2):  # type: ignore[no-untyped-def]
    for k in prange(len(pieces)):
        share, p, g, m = _three(addresses, pieces[k], shares)
        for i in range(p.size):
            direction = np.sign(m[i] * beta_1 + g[i] * rest_1)
            p[i] = _after_decay(p[i], share, lr) - direction * lr
            m[i] = m[i] * beta_2 + g[i] * rest_2


class Kernel(NamedTuple):
    """A kernel, and how many slots each weight must have."""

    call: Callable[..., Any]
    slots: int


KERNELS = {
    "sgd": Kernel(jit(_sgd), 0),
    "sgd_with_momentum": Kernel(jit(_sgd_with_momentum), 1),
    "nesterov": Kernel(jit(_nesterov), 1),
    "averaged_momentum": Kernel(jit(_averaged_momentum), 1),
    "adam": Kernel(jit(_adam), 2),
    "amsgrad": Kernel(jit(_amsgrad), 3),
    "nadam": Kernel(jit(_nadam), 2),
    "adamax": Kernel(jit(_adamax), 2),
    "adagrad": Kernel(jit(_adagrad), 1),
    "rmsprop": Kernel(jit(_rmsprop), 1),
    "rmsprop_with_momentum": Kernel(jit(_rmsprop_with_momentum), 2),
    "lion": Kernel(jit(_lion), 1),
}
