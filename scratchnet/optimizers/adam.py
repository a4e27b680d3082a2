"""Adam and AdamW.

    m ← m + (1 − β₁)·(g − m)            running mean of the gradient
    v ← v + (1 − β₂)·(g² − v)           and of its square
    α = lr·√(1 − β₂ᵗ) / (1 − β₁ᵗ)       corrects that both start at 0, at step t = 1, 2, …
    p ← p − α·m / (√v + ε)

This is the order of operations at the end of section 2 of the paper: ε stands beside √v, not
beside the corrected √v̂, so it acts a little differently from the paper's algorithm 1. With
`amsgrad`, √v is the root of the largest v so far.

Sources: Kingma and Ba, "Adam" (2015); Reddi et al., "On the Convergence of Adam and Beyond"
(2018); Loshchilov and Hutter, "Decoupled Weight Decay" (2019); keras/src/optimizers/adam.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.optimizers.optimizer import OnePass, Optimizer, as_keras_casts
from scratchnet.optimizers.schedules import LearningRateSchedule


class Adam(Optimizer):
    """Steps scaled by the recent size of each weight's gradient.

    Args:
        learning_rate: lr.
        beta_1, beta_2: β₁, β₂, how slowly the running means forget.
        epsilon: ε, keeps the denominator away from 0.
        amsgrad: whether v never shrinks in the denominator.
        Others: as every optimizer.
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **arguments: Any,
    ) -> None:
        super().__init__(learning_rate, **arguments)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.amsgrad = amsgrad
        self.slot_groups = (("momentum", "velocity"), ("velocity_hat",))[: 2 if amsgrad else 1]

    def update(
        self, p: np.ndarray, g: np.ndarray, lr: np.floating, slots: Sequence[np.ndarray]
    ) -> None:
        (work,) = self.work_arrays(p, 1)
        t, betas = self.iterations + 1, (self.beta_1, self.beta_2)
        adam_step(p, g, lr, slots, t, betas, self.epsilon, work)

    def one_pass(self, dtype: np.dtype, lr: np.floating) -> OnePass:
        betas = (self.beta_1, self.beta_2)
        rests = tuple(dtype.type(1 - beta) for beta in betas)
        alpha = corrected_rate(lr, self.iterations + 1, betas)
        return "amsgrad" if self.amsgrad else "adam", (*rests, alpha, dtype.type(self.epsilon))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }


class AdamW(Adam):
    """Adam whose weight decay acts on the weights directly and not through the gradient.

    Args:
        weight_decay: share of each weight, times lr, that a step takes away.
        Others: as Adam.
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **arguments: Any,
    ) -> None:
        if weight_decay is None:
            raise ValueError("AdamW received weight_decay=None. Expected a number; Adam has none.")
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **arguments
        )


def adam_step(
    p: np.ndarray,
    g: np.ndarray,
    lr: np.floating,
    slots: Sequence[np.ndarray],
    t: int,
    betas: tuple[float, float],
    epsilon: float,
    work: np.ndarray,
) -> None:
    """The formulas at the top of this file, in place.

    Args:
        p, g: weight and gradient.
        lr: learning rate in p's dtype.
        slots: m, v, and with amsgrad the largest v.
        t: number of the step, from 1.
        betas: β₁, β₂.
        epsilon: ε.
        work: like p, is overwritten.
    """
    dtype = p.dtype.type
    m, v, *largest = slots
    follow(m, g, dtype(1 - betas[0]), work)
    follow(v, np.square(g, out=work), dtype(1 - betas[1]), work)
    if largest:
        v = np.maximum(largest[0], v, out=largest[0])
    step = np.sqrt(v, out=work)
    step += dtype(epsilon)
    np.divide(m, step, out=step)
    step *= corrected_rate(lr, t, betas)
    p -= step


def corrected_rate(lr: np.floating, t: int, betas: tuple[float, float]) -> np.floating:
    """α = lr·√(1 − β₂ᵗ) / (1 − β₁ᵗ), in the dtype of lr."""
    dtype = lr.dtype.type
    beta_1, beta_2 = (as_keras_casts(beta, lr.dtype) for beta in betas)
    return lr * np.sqrt(1 - beta_2 ** dtype(t)) / (1 - beta_1 ** dtype(t))


def follow(mean: np.ndarray, x: np.ndarray, share: np.floating, work: np.ndarray) -> None:
    """mean ← mean + share·(x − mean), in place; `work` is overwritten and may be x itself."""
    np.subtract(x, mean, out=work)
    work *= share
    mean += work
