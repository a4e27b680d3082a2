"""Gradients that are too long are shortened before a step.

    clipnorm          g ← g · c / max(‖g‖, c)    for the gradient of each weight
    global_clipnorm   the same, with one norm over the gradients of all weights
    clipvalue         each entry to [−c, c]

A NaN in a gradient makes its norm NaN and so every entry. With global_clipnorm an infinite norm
makes all entries of all gradients NaN, too: as in Keras, what went wrong is not hidden.

Sources: Pascanu et al., "On the difficulty of training recurrent neural networks" (2013),
algorithm 1; keras/src/optimizers/base_optimizer.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def clip_norms(gradients: Sequence[np.ndarray], bound: float) -> list[np.ndarray]:
    """Each gradient with a norm of at most `bound`.

    >>> clip_norms([np.array([3.0, 4.0]), np.array([1.0])], 2.5)
    [array([1.5, 2. ]), array([1.])]
    """
    return [g * g.dtype.type(bound / np.maximum(_norm(g), bound)) for g in gradients]


def clip_global_norm(gradients: Sequence[np.ndarray], bound: float) -> list[np.ndarray]:
    """All gradients, shortened by one factor to a common norm of at most `bound`.

    >>> clip_global_norm([np.array([3.0]), np.array([4.0])], 2.5)
    [array([1.5]), array([2.])]
    """
    norm = np.sqrt(sum(_norm(g) ** 2 for g in gradients))
    scale = bound / np.maximum(norm, bound) if np.isfinite(norm) else np.nan
    return [g * g.dtype.type(scale) for g in gradients]


def clip_values(gradients: Sequence[np.ndarray], bound: float) -> list[np.ndarray]:
    """Each entry in [−bound, bound]."""
    return [np.clip(g, -bound, bound) for g in gradients]


def _norm(g: np.ndarray) -> np.floating:
    """‖g‖₂; float16 is squared in float32, where it cannot overflow."""
    return np.linalg.norm(g.astype(np.promote_types(g.dtype, np.float32), copy=False))
