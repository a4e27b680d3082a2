"""Dense layers: a matrix product and a bias.

    y = x · w,    ∂L/∂x = dy · wᵀ,    ∂L/∂w = xᵀ · dy
    y = x + b,    ∂L/∂b = Σ dy over every axis but the last

Source: Goodfellow, Bengio, Courville, "Deep Learning" (2016), section 6.5.6; keras.layers.Dense.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Shaped


def dense(
    x: Shaped[np.ndarray, "*batch I"], kernel: Shaped[np.ndarray, "I O"]
) -> Shaped[np.ndarray, "*batch O"]:
    """y = x · w with x: (…, I) and w: (I, O)."""
    return x @ kernel


def dense_backward(
    dy: Shaped[np.ndarray, "*batch O"],
    x: Shaped[np.ndarray, "*batch I"],
    kernel: Shaped[np.ndarray, "I O"],
) -> tuple[Shaped[np.ndarray, "*batch I"], Shaped[np.ndarray, "I O"]]:
    """(∂L/∂x, ∂L/∂w) from `dy` = ∂L/∂y: (…, O)."""
    inputs, outputs = kernel.shape
    return dy @ kernel.T, x.reshape(-1, inputs).T @ dy.reshape(-1, outputs)


def bias_add(
    x: Shaped[np.ndarray, "*batch C"],
    bias: Shaped[np.ndarray, " C"],
    out: Shaped[np.ndarray, "*batch C"] | None = None,
) -> Shaped[np.ndarray, "*batch C"]:
    """y = x + b with x: (…, C) and b: (C,); written to `out`, which may be x, or to a new array."""
    return np.add(x, bias, out=out)


def bias_add_backward(dy: Shaped[np.ndarray, "*batch C"]) -> Shaped[np.ndarray, " C"]:
    """∂L/∂b = Σ dy over all axes but the last: each bias was added everywhere."""
    return dy.reshape(-1, dy.shape[-1]).sum(axis=0)
