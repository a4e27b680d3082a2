"""Batch normalisation over the last axis (the channels).

With μ and σ² the mean and the biased variance of one channel over all m other cells,

    x̂ = (x − μ) / √(σ² + ε),    y = γ·x̂ + β

    ∂L/∂γ = Σ dy·x̂,    ∂L/∂β = Σ dy
    ∂L/∂x = γ / √(σ² + ε) · (dy − (∂L/∂β + x̂·∂L/∂γ) / m)      in training: μ, σ² depend on x
    ∂L/∂x = γ / √(σ² + ε) · dy                                 in inference: they are constants

Source: Ioffe and Szegedy, "Batch Normalization" (2015), algorithm 1 and section 3;
keras/src/layers/normalization/batch_normalization.py.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Shaped

Channels = Shaped[np.ndarray, " C"]
Images = Shaped[np.ndarray, "*cells C"]


def moments(x: Images) -> tuple[Channels, Channels]:
    """(μ, σ²) of each channel of x: (…, C), both (C,); σ² is the mean of (x − μ)²."""
    cells = x.reshape(-1, x.shape[-1])
    mean = cells.mean(axis=0)
    return mean, np.square(cells - mean).mean(axis=0)


def batch_normalization(
    x: Images,
    mean: Channels,
    variance: Channels,
    gamma: Channels | None,
    beta: Channels | None,
    epsilon: float,
) -> Images:
    """y = γ·(x − μ)/√(σ² + ε) + β; `gamma` None means γ = 1, `beta` None means β = 0."""
    y = (x - mean) / np.sqrt(variance + epsilon)
    if gamma is not None:
        y = gamma * y
    if beta is not None:
        y = y + beta
    return y


def batch_normalization_backward(
    dy: Images,
    x: Images,
    mean: Channels,
    variance: Channels,
    gamma: Channels | None,
    epsilon: float,
) -> tuple[Images, Channels, Channels]:
    """(∂L/∂x, ∂L/∂γ, ∂L/∂β) where μ and σ² are the moments of x itself.

    A change of one cell moves μ and σ² too: that is the term that is subtracted.
    """
    dx, dgamma, dbeta = batch_normalization_inference_backward(
        dy, x, mean, variance, gamma, epsilon
    )
    m = x.size // x.shape[-1]
    x_hat = (x - mean) / np.sqrt(variance + epsilon)
    scale = _scale(variance, gamma, epsilon)
    return dx - scale * (dbeta + x_hat * dgamma) / m, dgamma, dbeta


def batch_normalization_inference_backward(
    dy: Images,
    x: Images,
    mean: Channels,
    variance: Channels,
    gamma: Channels | None,
    epsilon: float,
) -> tuple[Images, Channels, Channels]:
    """(∂L/∂x, ∂L/∂γ, ∂L/∂β) where μ and σ² are constants, the moving statistics."""
    x_hat = (x - mean) / np.sqrt(variance + epsilon)
    cells = tuple(range(x.ndim - 1))
    return _scale(variance, gamma, epsilon) * dy, (dy * x_hat).sum(axis=cells), dy.sum(axis=cells)


def _scale(variance: np.ndarray, gamma: np.ndarray | None, epsilon: float) -> np.ndarray:
    """γ / √(σ² + ε)."""
    scale = 1 / np.sqrt(variance + epsilon)
    return scale if gamma is None else gamma * scale
