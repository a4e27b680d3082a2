"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.affine import AffineLayer
from scratchnet.layers.layer import Saved, Shape


class Dense(AffineLayer):
    """y = f(x · w + b) with x: (…, I), w: (I, units), b: (units,), y: (…, units).

    Args:
        units: size of the last axis of the output.
        activation: f, a name of `scratchnet.activations`; None is the identity.
        use_bias: whether there is a b.
        kernel_initializer, bias_initializer: first values of w and b.
        kernel_regularizer, bias_regularizer: penalties on w and b in the loss.
        kernel_constraint, bias_constraint: bounds that w and b are put back into after a step.
        activity_regularizer: penalty on y, divided by the batch size.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: units below 1, unknown names; later, an input whose last axis differs from
            the one that the kernel was built for.

    >>> Dense(2, kernel_initializer="ones")([[1.0, 2.0, 3.0]])
    array([[6., 6.]], dtype=float32)

    Source: keras/src/layers/core/dense.py.
    """

    min_rank = 2

    def __init__(self, units: int, activation: Any = None, use_bias: bool = True, **kwargs: Any):
        if not isinstance(units, (int, np.integer)) or units < 1:
            raise ValueError(
                f"Dense received units={units!r}. Expected a positive integer, the size of the "
                f"last axis of its output."
            )
        super().__init__(int(units), activation=activation, use_bias=use_bias, **kwargs)
        self.units = int(units)

    def kernel_shape(self, input_shape: Shape) -> tuple[int, ...]:
        inputs = input_shape[-1]
        if inputs is None:
            raise ValueError(
                f"{self._label()} received an input of shape {input_shape}, whose last axis is "
                f"not known. Expected a number there, since it is the height of the kernel."
            )
        return inputs, self.units

    def multiply(self, x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        return ops.dense(x, kernel)

    def apply_kernels_and_bias(
        self, x: np.ndarray, bias: np.ndarray, activation: str = "linear"
    ) -> tuple[np.ndarray, Saved]:
        kind = type(self)
        if (kind.multiply, kind.apply_kernels) != (Dense.multiply, Dense.apply_kernels):
            return super().apply_kernels_and_bias(x, bias, activation)  # a subclass has its own
        return ops.dense_bias(x, self.kernel.value, bias, activation), x

    def multiply_backward(
        self, dy: np.ndarray, x: np.ndarray, kernel: np.ndarray, needs_dx: bool
    ) -> tuple[np.ndarray | None, np.ndarray]:
        return ops.dense_backward(dy, x, kernel)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units}
