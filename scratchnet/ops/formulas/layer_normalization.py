"""Normalisation of each sample by itself: over chosen axes, or over groups of channels.

With μ and σ² the mean and the biased variance of the m cells that belong together,

    x̂ = (x − μ) / √(σ² + ε),    y = γ·x̂ + β

and with g = γ·dy, the gradient that reaches x̂,

    ∂L/∂γ = Σ dy·x̂,    ∂L/∂β = Σ dy,    ∂L/∂x = (g − mean(g) − x̂·mean(g·x̂)) / √(σ² + ε)

The two means run over the same m cells as μ and σ²: they are what a change of one cell does to μ
and to σ². Layer normalisation takes together the cells along `axes` of one sample; group
normalisation splits the channels into groups and takes together all cells of a group in a sample.
Neither looks at other samples, so training and inference are the same.

Sources: Ba, Kiros and Hinton, "Layer Normalization" (2016), equations 3 and 4; Wu and He, "Group
Normalization" (2018), equations 1 to 7; keras/src/ops/nn.py (_layer_normalization) and
keras/src/layers/normalization/group_normalization.py.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Shaped

Cells = Shaped[np.ndarray, "*cells"]
Weights = Shaped[np.ndarray, "*weights"]
Axes = tuple[int, ...]


def layer_normalization(
    x: Cells,
    gamma: Weights | None,
    beta: Weights | None,
    axes: Axes,
    epsilon: float,
    rms_scaling: bool = False,
) -> Cells:
    """y = γ·x̂ + β.

    Args:
        x: cells of any number of axes.
        gamma, beta: with as many axes as x, of size 1 where `axes` does not name them, so that
            they broadcast; None means γ = 1, β = 0.
        axes: over which μ and σ² are taken, each from 0 to x.ndim − 1.
        epsilon: ε.
        rms_scaling: x̂ = x / √(σ² + ε), without subtracting μ, as Keras's argument of that name
            does it; σ² stays the variance.
    """
    x_hat = _standardized(x, axes, epsilon, rms_scaling)[0]
    return _scaled_and_shifted(x_hat, gamma, beta)


def layer_normalization_backward(
    dy: Cells,
    x: Cells,
    gamma: Weights | None,
    axes: Axes,
    epsilon: float,
    rms_scaling: bool = False,
) -> tuple[Cells, Weights, Weights]:
    """(∂L/∂x, ∂L/∂γ, ∂L/∂β), the last two shaped so that they broadcast against x."""
    x_hat, deviation, root = _standardized(x, axes, epsilon, rms_scaling)
    others = tuple(axis for axis in range(x.ndim) if axis not in axes)
    dgamma = (dy * x_hat).sum(axis=others, keepdims=True)
    dbeta = dy.sum(axis=others, keepdims=True)
    g = dy if gamma is None else dy * gamma
    dx = g - deviation * (g * x_hat).mean(axis=axes, keepdims=True)
    if not rms_scaling:
        dx = dx - g.mean(axis=axes, keepdims=True)
    return dx / root, dgamma, dbeta


def group_normalization(
    x: Cells,
    gamma: Shaped[np.ndarray, " C"] | None,
    beta: Shaped[np.ndarray, " C"] | None,
    groups: int,
    axis: int,
    epsilon: float,
) -> Cells:
    """y = γ·x̂ + β with μ and σ² of each group of C/groups neighbouring channels of a sample.

    Args:
        x: (N, …) with C channels on `axis`.
        gamma, beta: for each channel; None means γ = 1, β = 0.
        groups: their number, which divides C; 1 takes a whole sample together, C one channel.
        axis: of the channels, from 1 to x.ndim − 1.
        epsilon: ε.
    """
    grouped, axes = _grouped(x, groups, axis)
    x_hat = _standardized(grouped, axes, epsilon)[0].reshape(x.shape)
    return _scaled_and_shifted(x_hat, _along(gamma, x, axis), _along(beta, x, axis))


def group_normalization_backward(
    dy: Cells,
    x: Cells,
    gamma: Shaped[np.ndarray, " C"] | None,
    groups: int,
    axis: int,
    epsilon: float,
) -> tuple[Cells, Shaped[np.ndarray, " C"], Shaped[np.ndarray, " C"]]:
    """(∂L/∂x, ∂L/∂γ, ∂L/∂β)."""
    grouped, axes = _grouped(x, groups, axis)
    g = dy if gamma is None else dy * _along(gamma, x, axis)
    dx, _, _ = layer_normalization_backward(g.reshape(grouped.shape), grouped, None, axes, epsilon)
    x_hat = _standardized(grouped, axes, epsilon)[0].reshape(x.shape)
    others = tuple(a for a in range(x.ndim) if a != axis)
    return dx.reshape(x.shape), (dy * x_hat).sum(axis=others), dy.sum(axis=others)


def _standardized(
    x: np.ndarray, axes: Axes, epsilon: float, rms_scaling: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(x̂, (x − μ)/root, root) with root = √(σ² + ε)."""
    deviation = x - x.mean(axis=axes, keepdims=True)
    root = np.sqrt(np.square(deviation).mean(axis=axes, keepdims=True) + epsilon)
    deviation = deviation / root
    return (x / root if rms_scaling else deviation), deviation, root


def _scaled_and_shifted(
    x_hat: np.ndarray, gamma: np.ndarray | None, beta: np.ndarray | None
) -> np.ndarray:
    y = x_hat if gamma is None else gamma * x_hat
    return y if beta is None else y + beta


def _grouped(x: np.ndarray, groups: int, axis: int) -> tuple[np.ndarray, Axes]:
    """x with its C channels as (groups, C/groups), and the axes that belong to one group."""
    shape = (*x.shape[:axis], groups, x.shape[axis] // groups, *x.shape[axis + 1 :])
    return x.reshape(shape), tuple(a for a in range(1, len(shape)) if a != axis)


def _along(weight: np.ndarray | None, x: np.ndarray, axis: int) -> np.ndarray | None:
    """A weight for each channel, shaped so that it broadcasts along `axis` of x."""
    return None if weight is None else weight.reshape(-1, *[1] * (x.ndim - 1 - axis))
