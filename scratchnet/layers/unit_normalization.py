"""Normalisations that divide a vector by its length or by its root mean square."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.axes import positive_axes, standardize_axis
from scratchnet.layers.layer import Gradients, Layer, Saved, Shape
from scratchnet.layers.scale_and_shift import widened
from scratchnet.variable import Variable

_SHORTEST = 1e-12  # what Keras divides by at least


class UnitNormalization(Layer):
    """y = x / ‖x‖, ‖x‖² = Σ x² along `axis`: vectors of length 1; a vector of zeros stays one.

    Args:
        axis: along which the vectors lie, one integer or several.
        trainable, dtype, name: as every layer.

    Raises:
        TypeError: an axis that is no integer.
        ValueError: an axis that does not exist or is named twice.

    >>> UnitNormalization()([[3.0, 4.0]])
    array([[0.6, 0.8]], dtype=float32)

    Source: keras/src/layers/normalization/unit_normalization.py.
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        axis = standardize_axis(axis, "UnitNormalization")
        super().__init__(**kwargs)
        self.axis = axis

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        x = widened(x)
        y = ops.unit_normalization(x, positive_axes(self.axis, x.shape), _SHORTEST)
        return y.astype(self.dtype, copy=False), x

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        axes = positive_axes(self.axis, saved.shape)
        dx = ops.unit_normalization_backward(dy, saved, axes, _SHORTEST)
        return dx.astype(self.dtype, copy=False), []

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        positive_axes(self.axis, input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis}


class RMSNormalization(Layer):
    """y = γ·x / √(mean(x²) + ε), the mean along `axis` (`ops.rms_normalization`).

    Args:
        axis: over which to normalise: the last axis, or several that end with it. Keras accepts
            others too, but then multiplies γ along the wrong axes or fails.
        epsilon: ε, keeps the root away from 0.
        trainable, dtype, name: as every layer.

    Raises:
        TypeError: an axis that is no integer.
        ValueError: axes that are not the last ones, or that count the samples.

    Source: Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019);
    keras/src/layers/normalization/rms_normalization.py.
    """

    min_rank = 2

    def __init__(
        self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any
    ) -> None:
        axis = standardize_axis(axis, "RMSNormalization")
        super().__init__(**kwargs)
        self.axis = axis
        self.epsilon = epsilon
        self.scale: Variable

    def build(self, input_shape: Shape) -> None:
        shape = [n for n in input_shape[self._first_axis(input_shape) :] if n is not None]
        self.scale = self.add_weight(shape, "ones", "scale")

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        x = widened(x)
        y = ops.rms_normalization(x, self.scale.value, self._axes(x), self.epsilon)
        return y.astype(self.dtype, copy=False), x

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        dx, dscale = ops.rms_normalization_backward(
            dy, saved, self.scale.value, self._axes(saved), self.epsilon
        )
        gradients = [dscale.astype(self.dtype, copy=False)] if self.trainable else []
        return dx.astype(self.dtype, copy=False), gradients

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._first_axis(input_shape)
        return input_shape

    def check_input(self, shape: Shape) -> None:
        if not self.built:
            super().check_input(shape)
        elif shape[self._first_axis(shape) :] != self.scale.shape:
            raise ValueError(
                f"{self._label()} received an input of shape {shape}. Expected the sizes "
                f"{self.scale.shape} on axis {self.axis}, as when its weights were created."
            )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis, "epsilon": self.epsilon}

    def _axes(self, x: np.ndarray) -> tuple[int, ...]:
        return tuple(range(self._first_axis(x.shape), x.ndim))

    def _first_axis(self, shape: Shape) -> int:
        """The first of the axes; raises ValueError where they are not the last ones."""
        axes = sorted(positive_axes(self.axis, shape))
        if axes != [*range(max(1, len(shape) - len(axes)), len(shape))]:
            raise ValueError(
                f"axis={self.axis} of an input of shape {shape} does not suit RMSNormalization. "
                f"Expected the last axis, or the last ones such as [-2, -1], and not the first, "
                f"which counts the samples; LayerNormalization takes any other axes."
            )
        if None in shape[axes[0] :]:
            raise ValueError(
                f"axis={self.axis} of an input of shape {shape} has no size known in advance. "
                f"Expected axes with a fixed size."
            )
        return axes[0]
