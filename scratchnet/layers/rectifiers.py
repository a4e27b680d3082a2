"""Rectifiers with arguments or weights, as layers. Formulas: `ops.formulas.rectifiers`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import constraints, initializers, ops, regularizers
from scratchnet.constraints import Constraint
from scratchnet.initializers import Initializer
from scratchnet.layers.layer import Gradients, Layer, Saved, Shape
from scratchnet.regularizers import Regularizer
from scratchnet.variable import Variable


class ReLU(Layer):
    """y = min(x, max_value) where x > threshold, else negative_slope · (x − threshold).

    Args:
        max_value: upper bound, at least 0; None means none.
        negative_slope: slope below the threshold, at least 0.
        threshold: where the two pieces meet, at least 0.
        trainable, dtype, name: as every layer.

    >>> ReLU(max_value=6.0, negative_slope=0.1)([-1.0, 2.0, 9.0])
    array([-0.1,  2. ,  6. ], dtype=float32)

    Source: Nair and Hinton, "Rectified Linear Units" (2010); keras/src/layers/activations/relu.py.
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        for argument, value in (
            ("max_value", 0.0 if max_value is None else max_value),
            ("negative_slope", negative_slope),
            ("threshold", threshold),
        ):
            if value is None or not value >= 0:
                raise ValueError(f"ReLU received {argument}={value!r}. Expected a number ≥ 0.")
        super().__init__(**kwargs)
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return ops.relu(x, self.negative_slope, self.max_value, self.threshold), x

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        kinks = (self.negative_slope, self.max_value, self.threshold)
        return ops.relu_backward(dy, saved, *kinks), []

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


class LeakyReLU(Layer):
    """y = x where x > 0, else negative_slope · x, so that a unit never stops learning.

    Args:
        negative_slope: a number ≥ 0; its old name alpha is still read, with a warning.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a slope that is None or below 0.

    >>> LeakyReLU(0.5)([-1.0, 2.0])
    array([-0.5,  2. ], dtype=float32)

    Source: Maas et al., "Rectifier Nonlinearities Improve Neural Network Acoustic Models" (2013);
    keras/src/layers/activations/leaky_relu.py.
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")
            warnings.warn(
                "LeakyReLU received alpha, which is now called negative_slope. Use "
                f"LeakyReLU(negative_slope={negative_slope!r}).",
                stacklevel=2,
            )
        if negative_slope is None or not negative_slope >= 0:
            raise ValueError(
                f"LeakyReLU received negative_slope={negative_slope!r}. Expected a number ≥ 0."
            )
        super().__init__(**kwargs)
        self.negative_slope = negative_slope

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return ops.relu(x, self.negative_slope), x

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return ops.relu_backward(dy, saved, self.negative_slope), []

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"negative_slope": self.negative_slope}


class ELU(Layer):
    """y = x where x > 0, else alpha · (e^x − 1).

    Args:
        alpha: −alpha is what y tends to below.
        trainable, dtype, name: as every layer.

    >>> ELU(2.0)([-100.0, 2.0])
    array([-2.,  2.], dtype=float32)

    Source: Clevert et al., "Exponential Linear Units" (2016); keras/src/layers/activations/elu.py.
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return ops.elu(x, self.alpha), x

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return ops.elu_backward(dy, saved, self.alpha), []

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"alpha": self.alpha}


class PReLU(Layer):
    """y = x where x > 0, else alpha · x, with a learned slope alpha for each cell of an image.

    Args:
        alpha_initializer: first slopes.
        alpha_regularizer: penalty on the slopes in the loss.
        alpha_constraint: bounds of the slopes.
        shared_axes: along which all cells have one slope, counted from 1 (0 is the batch); [1, 2]
            for images gives one slope a channel.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a shared axis that does not exist. Keras counts a negative one wrongly, and 0
            as the last axis.

    >>> PReLU("ones", shared_axes=[1, 2])(-np.ones((1, 2, 2, 3))).shape
    (1, 2, 2, 3)

    Source: He et al., "Delving Deep into Rectifiers" (2015); keras/src/layers/activations/prelu.py.
    """

    min_rank = 2

    def __init__(
        self,
        alpha_initializer: str | dict | Initializer = "zeros",
        alpha_regularizer: str | dict | Regularizer | None = None,
        alpha_constraint: str | dict | Constraint | None = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.shared_axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes
        if self.shared_axes is not None:
            self.shared_axes = list(self.shared_axes)
        self.alpha: Variable

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        rank = len(input_shape)
        wrong = [axis for axis in self.shared_axes or [] if not 1 <= axis < rank]
        if wrong:
            raise ValueError(
                f"shared_axes={self.shared_axes} names the axis {wrong[0]} of an input of shape "
                f"{input_shape}. Expected axes from 1 to {rank - 1}; 0 is the batch."
            )
        return input_shape

    def build(self, input_shape: Shape) -> None:
        shape = self._slopes_shape(input_shape)
        if None in shape:
            raise ValueError(
                f"{self._label()} received an input of shape {input_shape}, with an axis of "
                f"unknown length. Expected numbers: each cell has a slope of its own. Share the "
                f"slopes along that axis with shared_axes, or give the Input that length."
            )
        self.alpha = self.add_weight(
            shape,  # type: ignore[arg-type]  # no None is left in it
            self.alpha_initializer,
            "alpha",
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )

    def check_input(self, shape: Shape) -> None:
        if not self.built or isinstance(shape, list):
            super().check_input(shape)
        elif (
            len(shape) != len(self.alpha.shape) + 1
            or self._slopes_shape(shape) != self.alpha.shape
        ):
            raise ValueError(
                f"{self._label()} received an input of shape {shape}. Expected one for its slopes "
                f"of shape {self.alpha.shape}, as when they were created, for {self.input_shape}."
            )

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return ops.prelu(x, self.alpha.value), x

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        dx, dalpha = ops.prelu_backward(dy, saved, self.alpha.value)
        return dx, [dalpha] if self.trainable else []

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": constraints.serialize(self.alpha_constraint),
            "shared_axes": self.shared_axes,
        }

    def _slopes_shape(self, shape: Shape) -> Shape:
        """The shape without the batch, with 1 for every shared axis."""
        shared = self.shared_axes or []
        return tuple(1 if axis in shared else n for axis, n in enumerate(shape) if axis > 0)
