"""Activations as layers of their own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scratchnet import activations, ops
from scratchnet.activations import ActivationFunction
from scratchnet.layers.layer import Gradients, Layer, Saved, Shape


class Activation(Layer):
    """y = f(x), cell by cell (softmax: along the last axis).

    Args:
        activation: f, a name of `scratchnet.activations` or an `ActivationFunction`.
        trainable, dtype, name: as every layer.

    >>> Activation("relu")([-1.0, 2.0])
    array([0., 2.], dtype=float32)

    Source: keras/src/layers/activations/activation.py.
    """

    def __init__(self, activation: str | ActivationFunction | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return self.activation.forward(x)

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return self.activation.gradient(dy, saved), []

    @property
    def output_activation(self) -> str | None:  # type: ignore[override]
        return self.activation.name

    def forward_logits(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return x, None

    def backward_logits(
        self, dz: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return dz, []

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"activation": activations.serialize(self.activation)}


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


class Softmax(Layer):
    """y_i = e^{x_i} / Σ_j e^{x_j} along `axis`.

    Args:
        axis: along which the outputs add up to 1: one integer or several.
        trainable, dtype, name: as every layer.

    >>> Softmax()([[0.0, 0.0]])
    array([[0.5, 0.5]], dtype=float32)

    Source: Bridle (1990); keras/src/layers/activations/softmax.py.
    """

    def __init__(self, axis: int | list[int] | tuple[int, ...] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        rank = len(input_shape)
        wrong = [a for a in self._axes() if not -rank <= a < rank]
        if wrong:
            raise ValueError(
                f"axis={self.axis!r} does not exist in an input of shape {input_shape}. Expected "
                f"axes from {-rank} to {rank - 1}."
            )
        return input_shape

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        y = _unfold(ops.softmax(self._fold(x)), x.shape, self._axes())
        return y, y

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        dx = ops.softmax_backward(self._fold(dy), self._fold(saved))
        return _unfold(dx, dy.shape, self._axes()), []

    @property
    def output_activation(self) -> str | None:  # type: ignore[override]
        return "softmax" if self.axis == -1 else None

    def forward_logits(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return x, None

    def backward_logits(
        self, dz: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return dz, []

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis}

    def _axes(self) -> tuple[int, ...]:
        return (self.axis,) if isinstance(self.axis, int) else tuple(self.axis)

    def _fold(self, x: np.ndarray) -> np.ndarray:
        """The axes of the softmax at the end and as one."""
        axes = self._axes()
        moved = np.moveaxis(x, axes, range(-len(axes), 0))
        kept, folded = moved.shape[: -len(axes)], moved.shape[-len(axes) :]
        return moved.reshape(*kept, math.prod(folded))


def _unfold(y: np.ndarray, shape: tuple[int, ...], axes: tuple[int, ...]) -> np.ndarray:
    """Undo `Softmax._fold`."""
    folded = [shape[a] for a in axes]
    rows = y.reshape(*y.shape[:-1], *folded)
    return np.ascontiguousarray(np.moveaxis(rows, range(-len(axes), 0), axes))
