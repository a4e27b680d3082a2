"""What Conv2D and Dense share: a kernel, a bias and an activation, y = f(x · w + b)."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import activations, constraints, initializers, ops, regularizers
from scratchnet.activations import ActivationFunction
from scratchnet.constraints import Constraint
from scratchnet.initializers import Initializer
from scratchnet.layers.layer import Gradients, Layer, Saved, Shape
from scratchnet.regularizers import Regularizer
from scratchnet.variable import Variable


class AffineLayer(Layer):
    """Base of layers that compute y = f(x · w + b), where "·" is what the subclass says it is.

    A subclass defines `kernel_shape(input_shape)`, `multiply(x, w)` and
    `multiply_backward(dy, x, w, needs_dx) -> (dx, dw)`.
    """

    def __init__(
        self,
        units: int,
        *,
        activation: str | ActivationFunction | None = None,
        use_bias: bool = True,
        kernel_initializer: str | dict | Initializer = "glorot_uniform",
        bias_initializer: str | dict | Initializer = "zeros",
        kernel_regularizer: str | dict | Regularizer | None = None,
        bias_regularizer: str | dict | Regularizer | None = None,
        kernel_constraint: str | dict | Constraint | None = None,
        bias_constraint: str | dict | Constraint | None = None,
        **layer_arguments: Any,
    ) -> None:
        super().__init__(**layer_arguments)
        self.outputs = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.kernel: Variable
        self.bias: Variable | None = None

    def kernel_shape(self, input_shape: Shape) -> tuple[int, ...]:
        raise NotImplementedError

    def multiply(self, x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def multiply_backward(
        self, dy: np.ndarray, x: np.ndarray, kernel: np.ndarray, needs_dx: bool
    ) -> tuple[np.ndarray | None, np.ndarray]:
        raise NotImplementedError

    def build(self, input_shape: Shape) -> None:
        shape = self.kernel_shape(input_shape)
        self.kernel = self.add_weight(
            shape,
            self.kernel_initializer,
            "kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                (self.outputs,),
                self.bias_initializer,
                "bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        z, _ = self.forward_logits(x, training)
        y, kept = self.activation.forward(z)
        return y, (x, kept)

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        x, kept = saved
        return self.backward_logits(self.activation.gradient(dy, kept), x, needs_dx)

    @property
    def output_activation(self) -> str | None:  # type: ignore[override]
        return self.activation.name

    def forward_logits(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        """z = x · w + b, before the activation."""
        z = self.multiply(x, self.kernel.value)
        return (z if self.bias is None else ops.bias_add(z, self.bias.value)), x

    def backward_logits(
        self, dz: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        dx, dkernel = self.multiply_backward(dz, saved, self.kernel.value, needs_dx)
        gradients = [dkernel] if self.bias is None else [dkernel, ops.bias_add_backward(dz)]
        return dx, gradients if self.trainable else []

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }
