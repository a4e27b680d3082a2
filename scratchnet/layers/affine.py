"""What Conv2D and Dense share: a kernel, a bias and an activation, y = f(x · w + b)."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import constraints, initializers, regularizers
from scratchnet.constraints import Constraint
from scratchnet.initializers import Initializer
from scratchnet.layers.biased import BiasedLayer
from scratchnet.layers.layer import Gradients, Saved, Shape
from scratchnet.regularizers import Regularizer
from scratchnet.variable import Variable


class AffineLayer(BiasedLayer):
    """Base of layers that compute y = f(x · w + b), where "·" is what the subclass says it is.

    A subclass defines `kernel_shape(input_shape)`, `multiply(x, w)` and
    `multiply_backward(dy, x, w, needs_dx) -> (dx, dw)`.
    """

    def __init__(
        self,
        units: int,
        *,
        kernel_initializer: str | dict | Initializer = "glorot_uniform",
        kernel_regularizer: str | dict | Regularizer | None = None,
        kernel_constraint: str | dict | Constraint | None = None,
        **biased_arguments: Any,
    ) -> None:
        super().__init__(units, **biased_arguments)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.kernel: Variable

    def kernel_shape(self, input_shape: Shape) -> tuple[int, ...]:
        raise NotImplementedError

    def multiply(self, x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def multiply_backward(
        self, dy: np.ndarray, x: np.ndarray, kernel: np.ndarray, needs_dx: bool
    ) -> tuple[np.ndarray | None, np.ndarray]:
        raise NotImplementedError

    def build_kernels(self, input_shape: Shape) -> None:
        self.kernel = self.add_weight(
            self.kernel_shape(input_shape),
            self.kernel_initializer,
            "kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )

    def apply_kernels(self, x: np.ndarray) -> tuple[np.ndarray, Saved]:
        return self.multiply(x, self.kernel.value), x

    def apply_kernels_backward(
        self, dz: np.ndarray, saved: Saved, needs_dx: bool
    ) -> tuple[np.ndarray | None, Gradients]:
        dx, dkernel = self.multiply_backward(dz, saved, self.kernel.value, needs_dx)
        return dx, [dkernel]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
        }
