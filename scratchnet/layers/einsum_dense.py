"""A dense layer whose product is an equation of axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.initializers import Initializer, VarianceScaling
from scratchnet.layers.affine import AffineLayer
from scratchnet.layers.einsum_equation import EinsumShapes, check_equation, einsum_shapes
from scratchnet.layers.layer import Gradients, Saved, Shape
from scratchnet.layers.low_rank import refuse_adapters


class EinsumDense(AffineLayer):
    """y = f(x · w + b), where the equation says which axes x, w and y have and which are summed.

    Args:
        equation: "x,w->y" with a letter for each axis; a letter that y does not have is summed
            over. "..." on the same side of x and of y stands for any further axes. The first axis
            counts the samples.
        output_shape: sizes of y's letters but the samples'; of all letters where "..." holds the
            samples. None where x has the same letter.
        activation: f, a name of `scratchnet.activations`; None is the identity.
        bias_axes: the letters of y along which b differs; None is no b. Keras on TensorFlow adds a
            b of one letter along the last axis or the second instead, where sizes are equal.
        kernel_initializer, bias_initializer: first values of w and b.
        kernel_regularizer, bias_regularizer: penalties on w and b in the loss.
        kernel_constraint, bias_constraint: bounds that w and b are put back into after a step.
        lora_rank, lora_alpha, gptq_unpacked_column_size, quantization_config: must stay None.
        activity_regularizer, trainable, dtype, name: as every layer.

    Raises:
        ValueError: an equation of another form, a letter twice in one term, a letter of w or of
            bias_axes that belongs nowhere; later, inputs that do not fit.

    The dense layer of two axes, and one that gives each of 3 heads a product of its own:

    >>> EinsumDense("ab,bc->ac", 2, kernel_initializer="ones")([[1.0, 2.0, 3.0]])
    array([[6., 6.]], dtype=float32)
    >>> EinsumDense("abc,cde->abde", (None, 3, 4)).compute_output_shape((None, 5, 8))
    (None, 5, 3, 4)

    Source: keras/src/layers/core/einsum_dense.py.
    """

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Any = None,
        bias_axes: str | None = None,
        *,
        lora_rank: None = None,
        lora_alpha: None = None,
        gptq_unpacked_column_size: None = None,
        quantization_config: None = None,
        **kwargs: Any,
    ) -> None:
        refuse_adapters(
            "EinsumDense",
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            gptq_unpacked_column_size=gptq_unpacked_column_size,
            quantization_config=quantization_config,
        )
        check_equation(equation, bias_axes)
        sizes = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        units = sizes[-1] or 0  # AffineLayer's bias is not used here
        super().__init__(units, activation=activation, use_bias=bias_axes is not None, **kwargs)
        self.equation = equation
        self.partial_output_shape = sizes
        self.bias_axes = bias_axes

    def build(self, input_shape: Shape) -> None:
        shapes = self._shapes(input_shape)
        initializer = self.kernel_initializer
        if isinstance(initializer, VarianceScaling):
            initializer = _WithFans(initializer, shapes.fan_in, shapes.fan_out)
        self.kernel = self.add_weight(
            shapes.kernel,
            initializer,
            "kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if shapes.bias is not None:
            self.bias = self.add_weight(
                shapes.bias,
                self.bias_initializer,
                "bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def check_input(self, shape: Any) -> None:
        if isinstance(shape, list):
            super().check_input(shape)
        try:
            needed = self._shapes(shape).kernel
        except ValueError as error:
            raise ValueError(f"{self._label()}: {error}") from None
        if self.built and needed != self.kernel.shape:
            raise ValueError(
                f"{self._label()} received an input of shape {shape}, for which {self.equation!r} "
                f"needs a kernel of shape {needed}. Expected an input that fits the kernel of "
                f"shape {self.kernel.shape}, as when that was created."
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self._shapes(input_shape).output

    def multiply(self, x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        return ops.einsum(x, kernel, self.equation)

    def multiply_backward(
        self, dy: np.ndarray, x: np.ndarray, kernel: np.ndarray, needs_dx: bool
    ) -> tuple[np.ndarray | None, np.ndarray]:
        return ops.einsum_backward(dy, x, kernel, self.equation)

    # The bias may lack axes of y or have some of size 1, unlike that of other layers
    one_pass = False

    def forward_logits(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        z = self.multiply(x, self.kernel.value)
        return (z if self.bias is None else ops.add([z, self.bias.value])), x

    def backward_logits(
        self, dz: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        dx, dkernel = self.multiply_backward(dz, saved, self.kernel.value, needs_dx)
        gradients = [dkernel]
        if self.bias is not None:
            gradients.append(ops.sum_to_shape(dz, self.bias.shape))
        return dx, gradients if self.trainable else []

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["use_bias"]  # bias_axes says it
        return config | {
            "equation": self.equation,
            "output_shape": self.partial_output_shape,
            "bias_axes": self.bias_axes,
        }

    def _shapes(self, input_shape: Shape) -> EinsumShapes:
        return einsum_shapes(self.equation, self.bias_axes, input_shape, self.partial_output_shape)


class _WithFans(Initializer):
    """What an initializer draws for a kernel whose inputs and outputs are not its last two axes."""

    def __init__(self, initializer: Initializer, fan_in: int, fan_out: int) -> None:
        self.initializer = initializer
        self.fans = (fan_in, fan_out)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        # Every cell is drawn alike, so their order does not matter
        return self.initializer(self.fans, dtype=dtype).reshape(shape)
