"""Steps of optimizers in one pass over each weight.

The files of `scratchnet.optimizers` say what the letters mean. There every operation is a pass over
memory of its own; here all of them happen to a cell while it is in a register, in the same order
and with the same rounding, so the result has the same bits. A kernel's arguments are the weight p,
its gradient g, the slots, then (share, lr) of the weight decay p ← p − p·share·lr, where a share
of 0 means none, then numbers of its own.

Traffic: each array is read once, and all but g are written once; 5 to 15 FLOPs a cell.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import prange

from scratchnet.ops.kernels.jit import jit, ready, served


def fits(p: np.ndarray, g: np.ndarray, slots: Sequence[np.ndarray]) -> bool:
    """Whether a kernel may write to the weight and its slots, and all are of one dtype."""
    written = (p, *slots)
    return served(g, *written) and all(
        a.flags.carray and a.dtype.isnative and a.size == g.size for a in written
    )


def update(
    name: str,
    p: np.ndarray,
    g: np.ndarray,
    slots: Sequence[np.ndarray],
    *numbers: np.floating,
) -> None:
    """One step of the kernel of that name, in place."""
    flat = [slot.reshape(-1) for slot in slots]
    KERNELS[name](p.reshape(-1), ready(g).reshape(-1), *flat, *numbers)


def _decayed(w, share, lr):  # type: ignore[no-untyped-def]
    return w - w * share * lr if share != 0 else w


_after_decay = jit(_decayed, parallel=False)


def _sgd(p, g, share, lr):  # type: ignore[no-untyped-def]
    for i in prange(p.size):
        p[i] = _after_decay(p[i], share, lr) - g[i] * lr


def _sgd_with_momentum(p, g, m, share, lr, mu):  # type: ignore[no-untyped-def]
    for i in prange(p.size):
        moved = m[i] * mu - g[i] * lr
        p[i] = _after_decay(p[i], share, lr) + moved
        m[i] = moved


def _nesterov(p, g, m, share, lr, mu):  # type: ignore[no-untyped-def]
    for i in prange(p.size):
        step = g[i] * lr
        moved = m[i] * mu - step
        p[i] = _after_decay(p[i], share, lr) + (moved * mu - step)
        m[i] = moved


def _averaged_momentum(p, g, v, share, lr, beta, rest):  # type: ignore[no-untyped-def]
    for i in prange(p.size):
        mean = v[i] * beta + g[i] * rest
        p[i] = _after_decay(p[i], share, lr) - mean * lr
        v[i] = mean


def _adam(p, g, m, v, share, lr, rest_1, rest_2, alpha, epsilon):  # type: ignore[no-untyped-def]
    for i in prange(p.size):
        mean = m[i] + (g[i] - m[i]) * rest_1
        square = v[i] + (g[i] * g[i] - v[i]) * rest_2
        step = mean / (np.sqrt(square) + epsilon) * alpha
        p[i] = _after_decay(p[i], share, lr) - step
        m[i], v[i] = mean, square


def _amsgrad(p, g, m, v, largest, share, lr, rest_1, rest_2, alpha, epsilon):  # type: ignore[no-untyped-def]
    for i in prange(p.size):
        mean = m[i] + (g[i] - m[i]) * rest_1
        square = v[i] + (g[i] * g[i] - v[i]) * rest_2
        most = largest[i]
        most = most if most > square or most != most else square  # NaN stays, as in np.maximum
        step = mean / (np.sqrt(most) + epsilon) * alpha
        p[i] = _after_decay(p[i], share, lr) - step
        m[i], v[i], largest[i] = mean, square, most


def _nadam(p, g, m, v, share, lr, rest_1, rest_2, of_m, of_g, of_v, epsilon):  # type: ignore[no-untyped-def]
    for i in prange(p.size):
        mean = m[i] + (g[i] - m[i]) * rest_1
        square = v[i] + (g[i] * g[i] - v[i]) * rest_2
        ahead = mean * of_m + g[i] * of_g
        step = ahead * lr / (np.sqrt(square / of_v) + epsilon)
        p[i] = _after_decay(p[i], share, lr) - step
        m[i], v[i] = mean, square


def _adamax(p, g, m, u, share, lr, rest_1, beta_2, correction, epsilon):  # type: ignore[no-untyped-def]
    for i in prange(p.size):
        mean = m[i] + (g[i] - m[i]) * rest_1
        most, size = u[i] * beta_2, abs(g[i])
        most = most if most > size or most != most else size
        step = mean * lr / ((most + epsilon) * correction)
        p[i] = _after_decay(p[i], share, lr) - step
        m[i], u[i] = mean, most


def _adagrad(p, g, total, share, lr, epsilon):  # type: ignore[no-untyped-def]
    for i in prange(p.size):
        squares = total[i] + g[i] * g[i]
        p[i] = _after_decay(p[i], share, lr) - g[i] * lr / np.sqrt(squares + epsilon)
        total[i] = squares


def _rmsprop(p, g, v, share, lr, rho, rest, epsilon):  # type: ignore[no-untyped-def]
    for i in prange(p.size):
        square = v[i] * rho + g[i] * g[i] * rest
        p[i] = _after_decay(p[i], share, lr) - g[i] * lr / np.sqrt(square + epsilon)
        v[i] = square


def _rmsprop_with_momentum(p, g, v, m, share, lr, rho, rest, epsilon, mu):  # type: ignore[no-untyped-def]
    for i in prange(p.size):
        square = v[i] * rho + g[i] * g[i] * rest
        moved = m[i] * mu + g[i] * lr / np.sqrt(square + epsilon)
        p[i] = _after_decay(p[i], share, lr) - moved
        v[i], m[i] = square, moved


def _lion(p, g, m, share, lr, beta_1, rest_1, beta_2, rest_2):  # type: ignore[no-untyped-def]
    for i in prange(p.size):
        direction = np.sign(m[i] * beta_1 + g[i] * rest_1)
        p[i] = _after_decay(p[i], share, lr) - direction * lr
        m[i] = m[i] * beta_2 + g[i] * rest_2


KERNELS = {
    "sgd": jit(_sgd),
    "sgd_with_momentum": jit(_sgd_with_momentum),
    "nesterov": jit(_nesterov),
    "averaged_momentum": jit(_averaged_momentum),
    "adam": jit(_adam),
    "amsgrad": jit(_amsgrad),
    "nadam": jit(_nadam),
    "adamax": jit(_adamax),
    "adagrad": jit(_adagrad),
    "rmsprop": jit(_rmsprop),
    "rmsprop_with_momentum": jit(_rmsprop_with_momentum),
    "lion": jit(_lion),
}
