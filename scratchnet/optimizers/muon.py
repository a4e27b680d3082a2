"""Muon: matrices move along their momentum made orthogonal; other weights by Adam.

    m ← m + g + (μ − 1)·m                            that is, m ← μ·m + g
    d = g + μ·m with `nesterov`, m without
    X ← d / (‖d‖ + 1e-7)                             with rows ≤ columns: transposed if need be
    ns_steps times:  A = X·Xᵀ,   X ← a·X + (b·A + c·A·A)·X
    p ← p − lr·X·√max(rows, columns)·rms_rate        with rms_rate None p ← p − lr·X

With X = UΣVᵀ each round maps every singular value σ to a·σ + b·σ³ + c·σ⁵. After five rounds all of
them lie about 1, so X is near UVᵀ: every direction of the matrix takes a step of the same size.

Weights that are no matrices, embeddings, and layers named in `exclude_layers` take a step of Adam
with the rate lr·adam_lr_ratio (`optimizers.adam`) and their own decay.

Sources: Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024); Liu et
al., "Muon is Scalable for LLM Training" (2025), section 2.2, for rms_rate;
keras/src/optimizers/muon.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.optimizers.adam import adam_step
from scratchnet.optimizers.optimizer import Optimizer
from scratchnet.optimizers.schedules import LearningRateSchedule
from scratchnet.variable import Variable


class Muon(Optimizer):
    """Orthogonal steps for the matrices between the first and the last layer.

    The last layer should be named in `exclude_layers`: orthogonal steps suit hidden layers.

    Args:
        learning_rate: lr.
        adam_beta_1, adam_beta_2, epsilon: β₁, β₂ and ε of Adam.
        adam_weight_decay, weight_decay: of the weights that Adam moves, of the matrices.
        exclude_layers: regular expressions; a weight whose path matches one is moved by Adam.
        exclude_embeddings: whether Adam moves weights with "embedding" in their path.
        muon_a, muon_b, muon_c: a, b, c.
        adam_lr_ratio: of Adam's learning rate to lr.
        momentum: μ.
        ns_steps: rounds.
        nesterov: whether to look ahead.
        rms_rate: rms of a step at lr = 1; None leaves the step as it is.
        Others: as every optimizer.
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        *,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **arguments: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, **arguments)
        self.adam_beta_1, self.adam_beta_2, self.epsilon = adam_beta_1, adam_beta_2, epsilon
        self.adam_weight_decay = adam_weight_decay
        self.exclude_layers = list(exclude_layers or [])
        self.exclude_embeddings = exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = ns_steps
        self.nesterov = nesterov
        self.rms_rate = rms_rate

    def slot_groups_of(self, variable: Variable) -> tuple[tuple[str, ...], ...]:
        return (("momentum", "velocity"),) if self._is_adam_s(variable) else (("momentum",),)

    def weight_decay_of(self, variable: Variable) -> float | None:
        return self.adam_weight_decay if self._is_adam_s(variable) else self.weight_decay

    def _is_adam_s(self, variable: Variable) -> bool:
        embedded = self.exclude_embeddings and "embedding" in variable.path.lower()
        excluded = any(re.search(layer, variable.path) for layer in self.exclude_layers)
        return len(variable.shape) != 2 or embedded or excluded

    def update(
        self, p: np.ndarray, g: np.ndarray, lr: np.floating, slots: Sequence[np.ndarray]
    ) -> None:
        if len(slots) == 1:
            self._muon(p, g, lr, slots[0])
            return
        (work,) = self.work_arrays(p, 1)
        lr = lr * p.dtype.type(self.adam_lr_ratio)
        t, betas = self.iterations + 1, (self.adam_beta_1, self.adam_beta_2)
        adam_step(p, g, lr, slots, t, betas, self.epsilon, work)

    def _muon(self, p: np.ndarray, g: np.ndarray, lr: np.floating, m: np.ndarray) -> None:
        dtype = p.dtype.type
        m += g + m * dtype(self.momentum - 1)
        d = g + m * dtype(self.momentum) if self.nesterov else m
        step = lr * self._orthogonal(d)
        if self.rms_rate is not None:
            step *= dtype(np.sqrt(max(p.shape)) * self.rms_rate)
        p -= step

    def _orthogonal(self, d: np.ndarray) -> np.ndarray:
        """d with all its singular values moved to about 1."""
        a, b, c = (d.dtype.type(each) for each in (self.muon_a, self.muon_b, self.muon_c))
        tall = d.shape[0] > d.shape[1]
        x = d.T if tall else d
        x = x / (np.linalg.norm(x) + x.dtype.type(1e-7))
        for _ in range(self.ns_steps):
            products = x @ x.T
            x = a * x + (b * products + c * products @ products) @ x
        return x.T if tall else x

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "adam_beta_1": self.adam_beta_1,
            "adam_beta_2": self.adam_beta_2,
            "epsilon": self.epsilon,
            "exclude_layers": self.exclude_layers,
            "muon_a": self.muon_a,
            "muon_b": self.muon_b,
            "muon_c": self.muon_c,
            "adam_lr_ratio": self.adam_lr_ratio,
            "momentum": self.momentum,
            "ns_steps": self.ns_steps,
            "nesterov": self.nesterov,
            "exclude_embeddings": self.exclude_embeddings,
            "adam_weight_decay": self.adam_weight_decay,
            "rms_rate": self.rms_rate,
        }
