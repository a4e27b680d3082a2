"""What layers share that end in a bias and an activation, y = f(z + b)."""

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


class BiasedLayer(Layer):
    """Base of layers that compute y = f(z + b), where the subclass makes z from x with kernels.

    A subclass defines `build_kernels(input_shape)`, `apply_kernels(x) -> (z, saved)` with a z that
    is a new array, and `apply_kernels_backward(dz, saved, needs_dx) -> (dx, gradients of the
    kernels)`.
    """

    def __init__(
        self,
        outputs: int,
        *,
        activation: str | ActivationFunction | None = None,
        use_bias: bool = True,
        bias_initializer: str | dict | Initializer = "zeros",
        bias_regularizer: str | dict | Regularizer | None = None,
        bias_constraint: str | dict | Constraint | None = None,
        **layer_arguments: Any,
    ) -> None:
        super().__init__(**layer_arguments)
        self.outputs = outputs
        self.activation = activations.get(activation)
        if self.activation is activations.glu:
            raise ValueError(
                f"{type(self).__name__} received activation='glu', which halves the last axis. "
                f"Expected an activation that keeps the shape: let layers.Activation('glu') follow."
            )
        self.use_bias = use_bias
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias_constraint = constraints.get(bias_constraint)
        self.bias: Variable | None = None

    def build_kernels(self, input_shape: Shape) -> None:
        raise NotImplementedError

    def apply_kernels(self, x: np.ndarray) -> tuple[np.ndarray, Saved]:
        raise NotImplementedError

    def apply_kernels_and_bias(
        self, x: np.ndarray, bias: np.ndarray, activation: str = "linear"
    ) -> tuple[np.ndarray, Saved]:
        """(f(z + b) with f one of `ops.formulas.fused.ACTIVATIONS`, what `apply_kernels` saves)."""
        z, saved = self.apply_kernels(x)
        return ops.bias_add_activation(z, bias, activation, out=z), saved

    def apply_kernels_backward(
        self, dz: np.ndarray, saved: Saved, needs_dx: bool
    ) -> tuple[np.ndarray | None, Gradients]:
        raise NotImplementedError

    def build(self, input_shape: Shape) -> None:
        self.build_kernels(input_shape)
        if self.use_bias:
            self.bias = self.add_weight(
                (self.outputs,),
                self.bias_initializer,
                "bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        if self.bias is None or not self.one_pass:
            z, saved = self.forward_logits(x, training)
            y, kept = self.activation.forward(z)
            return y, (saved, kept)
        y, saved = self.apply_kernels_and_bias(x, self.bias.value, self.activation.name)
        return y, (saved, y)

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        of_kernels, kept = saved
        if self.bias is None or not self.one_pass:
            return self.backward_logits(self.activation.gradient(dy, kept), of_kernels, needs_dx)
        dz, dbias = ops.bias_add_activation_backward(dy, kept, self.activation.name)
        return self._gradients(dz, dbias, of_kernels, needs_dx)

    @property
    def one_pass(self) -> bool:
        """Whether there is one operation for the bias, one number a channel, and f together."""
        return self.activation in (activations.linear, activations.relu, activations.tanh)

    @property
    def output_activation(self) -> str | None:  # type: ignore[override]
        return self.activation.name

    def forward_logits(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        """z + b, before the activation."""
        if self.bias is None:
            return self.apply_kernels(x)
        return self.apply_kernels_and_bias(x, self.bias.value)

    def backward_logits(
        self, dz: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        dbias = None if self.bias is None else ops.bias_add_backward(dz)
        return self._gradients(dz, dbias, saved, needs_dx)

    def _gradients(
        self, dz: np.ndarray, dbias: np.ndarray | None, saved: Saved, needs_dx: bool
    ) -> tuple[np.ndarray | None, Gradients]:
        dx, gradients = self.apply_kernels_backward(dz, saved, needs_dx)
        if dbias is not None:
            gradients = [*gradients, dbias]
        return dx, gradients if self.trainable else []

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }
