"""Layers that add or multiply noise in training. Formulas: `ops.formulas.noise`."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.dropout import RandomLayer
from scratchnet.layers.layer import Gradients, Saved


class GaussianNoise(RandomLayer):
    """In training, y = x + stddev · z with a standard normal z for each cell.

    Args:
        stddev: standard deviation of the noise, from 0 to 1.
        seed: of the noise; None draws one.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a standard deviation outside [0, 1].

    >>> GaussianNoise(0.5)([1.0, 2.0])  # not in training
    array([1., 2.], dtype=float32)

    Source: keras/src/layers/regularization/gaussian_noise.py.
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        self._check_share("stddev", stddev)
        super().__init__(seed, **kwargs)
        self.stddev = stddev

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        if not training or self.stddev == 0:
            return x, None
        z = ops.standard_normal(x.shape, self.next_key())
        return ops.gaussian_noise(x, z, self.stddev), None

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return dy, []

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"stddev": self.stddev}


class GaussianDropout(RandomLayer):
    """In training, y = x · (1 + s·z) with s = √(rate / (1 − rate)) and a standard normal z.

    Args:
        rate: a dropout of this rate would have the same variance; from 0 to below 1. Keras takes 1
            too, and fails in the first training step with a division by 0.
        seed: of the noise; None draws one.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a rate outside [0, 1).

    >>> GaussianDropout(0.5)([1.0, 2.0])  # not in training
    array([1., 2.], dtype=float32)

    Source: Srivastava et al., "Dropout" (2014), section 10;
    keras/src/layers/regularization/gaussian_dropout.py.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        self._check_share("rate", rate, below_one=True)
        super().__init__(seed, **kwargs)
        self.rate = rate

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        if not training or self.rate == 0:
            return x, None
        z = ops.standard_normal(x.shape, self.next_key())
        return ops.gaussian_dropout(x, z, self.rate), z

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return (dy if saved is None else ops.gaussian_dropout_backward(dy, saved, self.rate)), []

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rate": self.rate}
