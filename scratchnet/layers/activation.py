"""Activations as layers of their own; the rectifiers with arguments are in `layers.rectifiers`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet import activations, ops
from scratchnet.activations import ActivationFunction
from scratchnet.layers.layer import Gradients, Layer, Saved, Shape


class Identity(Layer):
    """y = x: holds a place in a network where nothing is to happen.

    Args:
        trainable, dtype, name: as every layer.

    >>> Identity()([1.0, 2.0])
    array([1., 2.], dtype=float32)

    Source: keras/src/layers/core/identity.py.
    """

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return x, None

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return dy, []


class Activation(Layer):
    """y = f(x), cell by cell (softmax: along the last axis).

    The output has the shape of the input, save for glu, which halves the last axis; Keras's layer
    says otherwise of glu, and what follows it in a model is built for the wrong shape.

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

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.activation is not activations.glu:
            return input_shape
        length = input_shape[-1]
        if length is None or length % 2:
            raise ValueError(
                f"glu cannot halve the last axis of an input of shape {input_shape}. Expected a "
                f"known even length there: the first half is gated by the second."
            )
        return (*input_shape[:-1], length // 2)

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


class Softmax(Layer):
    """y_i = e^{x_i} / Σ_j e^{x_j} along `axis`, over the cells that a mask keeps.

    Args:
        axis: along which the outputs add up to 1: one integer or several.
        trainable, dtype, name: as every layer.

    Call arguments:
        inputs: array (N, …).
        mask: what broadcasts to the inputs; a cell is kept where it is True, or greater than ½.
            The others are 0 and get no gradient, also where no cell of an axis is kept.

    Raises:
        ValueError: an axis that does not exist, or a mask that does not broadcast to the inputs.

    >>> Softmax()([[0.0, 0.0]])
    array([[0.5, 0.5]], dtype=float32)
    >>> Softmax()([[0.0, 0.0, 7.0]], mask=[[True, True, False]])
    array([[0.5, 0.5, 0. ]], dtype=float32)

    Source: Bridle (1990); keras/src/layers/activations/softmax.py.
    """

    call_options = ("mask",)

    def __init__(self, axis: int | list[int] | tuple[int, ...] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        rank = len(input_shape)
        wrong = [a for a in np.atleast_1d(self.axis) if not -rank <= a < rank]
        if wrong:
            raise ValueError(
                f"axis={self.axis!r} does not exist in an input of shape {input_shape}. Expected "
                f"axes from {-rank} to {rank - 1}."
            )
        return input_shape

    def forward(
        self, x: np.ndarray, training: bool, mask: ArrayLike | None = None
    ) -> tuple[np.ndarray, Saved]:
        keep = None if mask is None else self._keep(np.asarray(mask), x.shape)
        if keep is not None:
            # Keras's number for "as good as −∞": a whole axis of it is not yet a NaN
            x = np.where(keep, x, x.dtype.type(-3e4 if x.dtype == np.float16 else -1e9))
        y = ops.softmax(x, self._axes())
        if keep is not None:
            y = np.where(keep, y, 0)
        return y, y

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        # A masked cell has y = 0, which takes its own gradient and its part in the others' away
        return ops.softmax_backward(dy, saved, self._axes()), []

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

    def _keep(self, mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The mask as booleans."""
        if mask.ndim > len(shape) or any(
            m not in (1, n) for m, n in zip(mask.shape[::-1], shape[::-1], strict=False)
        ):
            raise ValueError(
                f"{self._label()} received a mask of shape {mask.shape} for inputs of shape "
                f"{shape}. Expected one that broadcasts to them: no more axes, each of length 1 or "
                f"of the inputs' length."
            )
        return mask if mask.dtype == bool else mask > 0.5

    def _axes(self) -> int | tuple[int, ...]:
        """As NumPy wants them, to which one axis in a list is that axis."""
        if isinstance(self.axis, int):
            return self.axis
        return self.axis[0] if len(self.axis) == 1 else tuple(self.axis)
