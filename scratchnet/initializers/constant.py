"""First values that are known beforehand.

Source: keras/src/initializers/constant_initializers.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.config import standardize_dtype
from scratchnet.initializers.initializer import Initializer


class Constant(Initializer):
    """Every weight is `value`; an array is repeated along the axes that it lacks.

    Keras on TensorFlow rounds a Python number to float32 first, for float64 weights too.

    Raises ValueError, when called, for an array that does not fit the shape.

    >>> Constant([1.0, 2.0])((2, 2))
    array([[1., 2.],
           [1., 2.]], dtype=float32)
    """

    def __init__(self, value: ArrayLike = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        array = np.empty(shape, standardize_dtype(dtype))
        try:
            array[...] = self.value
        except ValueError:
            raise ValueError(
                f"Constant received a value of shape {np.shape(self.value)} for a weight of shape "
                f"{tuple(shape)}. Expected a number, or an array that broadcasts to it."
            ) from None
        return array

    def get_config(self) -> dict[str, Any]:
        if not isinstance(self.value, np.ndarray):
            return {"value": self.value}
        as_keras_writes = {"value": self.value.tolist(), "dtype": self.value.dtype.name}
        return {"value": {"class_name": "__numpy__", "config": as_keras_writes}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        value = config["value"]
        if isinstance(value, dict):
            value = np.array(value["config"]["value"], value["config"]["dtype"])
        return cls(value)


class Zeros(Initializer):
    """Every weight is 0."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return np.zeros(shape, standardize_dtype(dtype))


class Ones(Initializer):
    """Every weight is 1."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return np.ones(shape, standardize_dtype(dtype))


class Identity(Initializer):
    """`gain` on the diagonal of a matrix and 0 elsewhere: a layer that starts as y = gain·x.

    The configuration holds the gain; Keras reads it, but loses it in its own.

    Raises ValueError, when called, for a shape that is no matrix's.

    >>> Identity(gain=2.0)((2, 3))
    array([[2., 0., 0.],
           [0., 2., 0.]], dtype=float32)
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        if len(shape) != 2:
            raise ValueError(
                f"Identity received the shape {tuple(shape)}. Expected two axes, such as the "
                f"kernel of a Dense layer has."
            )
        rows, columns = shape
        eye = np.eye(rows, columns, dtype=standardize_dtype(dtype))
        eye *= self.gain
        return eye

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}
