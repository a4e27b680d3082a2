"""Pixels brought to the scale that a network likes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.layers.layer import Gradients, Layer, Saved, Shape


class Rescaling(Layer):
    """y = scale·x + offset.

    Args:
        scale: a number, or an array that broadcasts against x, such as one number for each channel.
        offset: likewise.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a scale or an offset that does not broadcast to the shape of x.

    >>> Rescaling(1 / 127.5, offset=-1)([0, 127.5, 255])
    array([-1.,  0.,  1.], dtype=float32)

    In float64, numbers and lists of numbers are rounded to float32 first, as Keras's TensorFlow
    backend does; arrays are taken as they are.

    Source: keras/src/layers/preprocessing/rescaling.py.
    """

    def __init__(self, scale: ArrayLike, offset: ArrayLike = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self._scale = as_constant(scale, self.dtype)
        self._offset = as_constant(offset, self.dtype)

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return x * self._scale + self._offset, None

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return dy * self._scale, []

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        for argument, constant in (("scale", self._scale), ("offset", self._offset)):
            if not broadcasts(constant.shape, input_shape):
                raise ValueError(
                    f"{argument} has the shape {constant.shape}, which does not broadcast to an "
                    f"input of shape {input_shape}. Expected a number, or one for each channel."
                )
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "scale": _plain(self.scale),
            "offset": _plain(self.offset),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return super().from_config(
            config | {key: _array(config[key]) for key in ("scale", "offset") if key in config}
        )


def as_constant(value: Any, dtype: str) -> np.ndarray:
    """An argument as an array of the layer's dtype.

    Keras's TensorFlow backend makes a float32 tensor of Python numbers and of lists of them before
    it casts to float64, so its 0.1 is 0.10000000149…; arrays keep their dtype on the way.
    """
    if not isinstance(value, (np.ndarray, np.generic)):
        value = np.asarray(value, np.float32)
    return value.astype(dtype)


def broadcasts(shape: Sequence[int], target: Shape) -> bool:
    """Whether an array of `shape` broadcasts to `target` without enlarging it."""
    return len(shape) <= len(target) and all(
        n == 1 or m is None or n == m
        for n, m in zip(reversed(shape), reversed(target), strict=False)
    )


def _plain(value: Any) -> Any:
    """A constructor's argument for a configuration, an array as Keras writes it."""
    if isinstance(value, (np.ndarray, np.generic)):
        config = {"value": value.tolist(), "dtype": value.dtype.name}
        return {"class_name": "__numpy__", "config": config}
    return list(value) if isinstance(value, tuple) else value


def _array(value: Any) -> Any:
    """The argument from what `_plain` gave."""
    if isinstance(value, dict) and value.get("class_name") == "__numpy__":
        return np.array(value["config"]["value"], value["config"]["dtype"])
    return value
