"""Adafactor: Adam's denominator from one mean for each row and one for each column.

    ρ = min(lr, 1/√t),   α = max(ε₂, rms(p))·ρ,   β = 1 − t^beta_2_decay,   t = 1, 2, …
    G = g² + ε₁
    r ← β·r + (1 − β)·mean of G along the last axis
    c ← β·c + (1 − β)·mean of G along the last but one
    v ← r ⊗ c / mean(r)                  for weights of one axis or none v ← β·v + (1 − β)·G
    u = g/√v
    p ← p − α·u / max(1, rms(u)/clip_threshold)

Here r ⊗ c stands in for a slot as large as the weight: it has the same row and column means.
rms(x) = √(mean of x²). In a weight of more than two axes r, c and their product are those of each
matrix of the last two. Keras keeps v
as a slot all the same, so no memory is saved, there or here.

Sources: Shazeer and Stern, "Adafactor" (2018), algorithms 4 and 5;
keras/src/optimizers/adafactor.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.optimizers.optimizer import Optimizer, as_keras_casts
from scratchnet.optimizers.schedules import LearningRateSchedule


class Adafactor(Optimizer):
    """Steps relative to the size of each weight.

    Args:
        learning_rate: lr, the most that ρ can be.
        beta_2_decay: at most 0; how fast β approaches 1.
        epsilon_1: ε₁, keeps the denominator away from 0.
        epsilon_2: ε₂, the size that weights near 0 are taken to have.
        clip_threshold: rms that u may have.
        relative_step: without effect, as in Keras, where ρ is never above 1/√t either way.
        Others: as every optimizer.
    """

    slot_groups = (("row", "column", "velocity"),)

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **arguments: Any,
    ) -> None:
        super().__init__(learning_rate, **arguments)
        self.beta_2_decay = beta_2_decay
        self.epsilon_1, self.epsilon_2 = epsilon_1, epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step

    def initial_slot(self, name: str, p: np.ndarray) -> np.ndarray:
        if name == "velocity":
            return np.zeros_like(p)
        if p.ndim < 2:
            return np.array(0, np.int32)  # Keras's placeholder
        rest = p.shape[:-1] if name == "row" else (*p.shape[:-2], p.shape[-1])
        return np.zeros(rest, p.dtype)

    def update(
        self, p: np.ndarray, g: np.ndarray, lr: np.floating, slots: Sequence[np.ndarray]
    ) -> None:
        if p.size == 0:  # no entries have no mean
            return
        dtype = p.dtype.type
        t = dtype(self.iterations + 1)
        alpha = max(as_keras_casts(self.epsilon_2, p.dtype), _rms(p)) * min(lr, 1 / np.sqrt(t))
        beta = 1 - t ** dtype(self.beta_2_decay)
        r, c, v = slots
        squares, u = self.work_arrays(p, 2)
        np.square(g, out=squares)
        squares += dtype(self.epsilon_1)
        if p.ndim >= 2:
            for mean, axis in ((r, -1), (c, -2)):
                mean *= beta
                mean += (1 - beta) * squares.mean(axis)
            np.multiply((r / r.mean(-1, keepdims=True))[..., None], c[..., None, :], out=v)
        else:
            v *= beta
            v += np.multiply(squares, 1 - beta, out=squares)
        np.divide(g, np.sqrt(v, out=squares), out=u)
        u *= alpha / max(dtype(1), _rms(u) / dtype(self.clip_threshold))
        p -= u

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "beta_2_decay": self.beta_2_decay,
            "epsilon_1": self.epsilon_1,
            "epsilon_2": self.epsilon_2,
            "clip_threshold": self.clip_threshold,
            "relative_step": self.relative_step,
        }


def _rms(x: np.ndarray) -> np.floating:
    """√(mean of x²)."""
    return np.sqrt(np.square(x).mean())
