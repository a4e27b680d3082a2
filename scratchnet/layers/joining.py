"""Layers that join inputs along an axis: side by side, or by the sum of their products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.layer import Gradients, Saved, Shape
from scratchnet.layers.several_inputs import SeveralInputs

Arrays = list[np.ndarray]

_EPSILON = 1e-7  # the shortest length that is divided by: keras.config.epsilon()


class Concatenate(SeveralInputs):
    """y: the inputs side by side along `axis`; their other sizes are equal.

    Args:
        axis: along which; negative ones count from the last.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: later, inputs that are no list or whose other sizes differ.

    >>> Concatenate()([[[1.0, 2.0]], [[10.0]]])
    array([[ 1.,  2., 10.]], dtype=float32)

    Source: keras/src/layers/merging/concatenate.py; Huang et al., "Densely Connected
    Convolutional Networks" (2017).
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def forward(self, x: Arrays, training: bool) -> tuple[np.ndarray, Saved]:  # type: ignore[override]
        return ops.concatenate(x, self.axis), [each.shape[self.axis] for each in x]

    def backward(  # type: ignore[override]
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[Arrays, Gradients]:
        return ops.concatenate_backward(dy, saved, self.axis), []

    def check_input(self, shape: Any) -> None:
        super().check_input(shape)
        self.compute_output_shape(shape)

    def check_samples(self, shapes: list[Shape]) -> None:
        if self.axis not in (0, -len(shapes[0])):
            super().check_samples(shapes)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:  # type: ignore[override]
        rank = len(input_shape[0])
        if not -rank <= self.axis < rank:
            raise ValueError(
                f"{self._label()} has axis={self.axis}, which does not exist in an input of shape "
                f"{input_shape[0]}. Expected an axis from {-rank} to {rank - 1}."
            )
        axis = self.axis % rank
        sizes = [{*each} - {None} for each in zip(*input_shape, strict=False)]
        if any(len(each) != rank for each in input_shape) or any(
            len(known) > 1 for i, known in enumerate(sizes) if i != axis
        ):
            raise ValueError(
                f"{self._label()} received inputs of shapes {list(input_shape)}. Expected equal "
                f"sizes in all axes but axis {self.axis}."
            )
        shape = [next(iter(known), None) for known in sizes]
        joined = [each[axis] for each in input_shape]
        shape[axis] = None if None in joined else sum(n for n in joined if n is not None)
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis}


class Dot(SeveralInputs):
    """y[n, i, j] = Σ_k a[n, i, k] · b[n, j, k] of two inputs, sample by sample.

    k runs along `axes`; i stands for a's other axes and j for b's. Without any, y is (N, 1).

    Args:
        axes: the axis of both inputs, or one for each; not 0, which counts the samples.
        normalize: whether to divide both by their length along k first, so that y is the cosine
            of the angle between them. A vector of zeros stays one, and its gradient is finite,
            where Keras's is NaN.
        trainable, dtype, name: as every layer.

    Raises:
        TypeError, ValueError: axes that are neither; later, inputs whose sizes along them differ.

    >>> Dot(axes=1)([[[1.0, 2.0]], [[10.0, 20.0]]])
    array([[50.]], dtype=float32)

    Source: keras/src/layers/merging/dot.py.
    """

    fewest = most = 2
    min_rank = 2

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        if not isinstance(axes, (int, list, tuple)):
            raise TypeError(f"Dot received axes={axes!r}. Expected an integer or a pair of them.")
        pair = (axes, axes) if isinstance(axes, int) else tuple(axes)
        if len(pair) != 2 or not all(isinstance(axis, int) for axis in pair) or 0 in pair:
            raise ValueError(
                f"Dot received axes={axes!r}. Expected one integer or two, not 0: the first axis "
                f"counts the samples. For example axes=1 or axes=(1, 2)."
            )
        super().__init__(**kwargs)
        self.axes = axes
        self.normalize = normalize

    def forward(self, x: Arrays, training: bool) -> tuple[np.ndarray, Saved]:  # type: ignore[override]
        axes = self._axes([each.shape for each in x])
        factors = x
        if self.normalize:
            factors = [
                ops.unit_normalization(each, (axis,), _EPSILON)
                for each, axis in zip(x, axes, strict=True)
            ]
        return ops.batch_dot(*factors, axes), (x, factors)

    def backward(  # type: ignore[override]
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[Arrays, Gradients]:
        x, factors = saved
        axes = self._axes([each.shape for each in x])
        gradients = list(ops.batch_dot_backward(dy, *factors, axes))
        if self.normalize:
            gradients = [
                ops.unit_normalization_backward(gradient, each, (axis,), _EPSILON)
                for gradient, each, axis in zip(gradients, x, axes, strict=True)
            ]
        return gradients, []

    def check_input(self, shape: Any) -> None:
        super().check_input(shape)
        self.compute_output_shape(shape)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:  # type: ignore[override]
        a, b = input_shape
        i, j = self._axes(input_shape)
        if not (0 < i < len(a) and 0 < j < len(b)):
            raise ValueError(
                f"{self._label()} has axes={self.axes!r}, which do not exist in inputs of shapes "
                f"{a} and {b}, or count the samples. Expected axes from 1 to {len(a) - 1} and "
                f"{len(b) - 1}."
            )
        if a[i] != b[j] and None not in (a[i], b[j]):
            raise ValueError(
                f"{self._label()} received inputs of shapes {a} and {b}, with {a[i]} cells along "
                f"axis {i} of the first and {b[j]} along axis {j} of the second. Expected one "
                f"number, since they are multiplied in pairs."
            )
        batch = b[0] if a[0] is None else a[0]
        return batch, *(a[1:i] + a[i + 1 :] + b[1:j] + b[j + 1 :] or (1,))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axes": self.axes, "normalize": self.normalize}

    def _axes(self, shapes: Sequence[Shape]) -> tuple[int, int]:
        """The axis of each input, counted from the first; below 0 where it does not exist."""
        given = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        i, j = (
            axis + len(shape) if axis < 0 else axis
            for axis, shape in zip(given, shapes, strict=True)
        )
        return i, j


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """`Concatenate(axis, **kwargs)(inputs)`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Any, axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """`Dot(axes, **kwargs)(inputs)`."""
    return Dot(axes=axes, **kwargs)(inputs)
