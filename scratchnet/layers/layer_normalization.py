"""Normalisations of each sample by itself: over axes, or over groups of channels."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.constraints import Constraint
from scratchnet.initializers import Initializer
from scratchnet.layers.axes import positive_axes, standardize_axis
from scratchnet.layers.layer import Gradients, Saved, Shape
from scratchnet.layers.scale_and_shift import ScaleAndShiftLayer, array_of, widened
from scratchnet.regularizers import Regularizer


class LayerNormalization(ScaleAndShiftLayer):
    """y = γ·(x − μ)/√(σ² + ε) + β with each sample's μ, σ² over `axis` (`ops.layer_normalization`).

    γ and β have one cell for each cell along `axis`. Training and inference are the same.

    Args:
        axis: over which to normalise, one integer or several, but not the samples' axis.
        epsilon: ε, keeps the root away from 0.
        center, scale: whether there is a β, a γ.
        beta_initializer, gamma_initializer: first values.
        beta_regularizer, gamma_regularizer: penalties in the loss.
        beta_constraint, gamma_constraint: bounds of the weights.
        rms_scaling: y = γ·x/√(σ² + ε), with a γ in any case and without a β. Keras has deprecated
            it, for σ² is the variance and not the mean of x²: see `RMSNormalization`.
        trainable, dtype, name: as every layer.

    Raises:
        TypeError: an axis that is no integer.
        ValueError: an axis that does not exist, is named twice or counts the samples.

    γ's and β's axes stand in the order of the sorted numbers `axis`, as in Keras.

    >>> LayerNormalization(epsilon=0.0)([[1.0, 3.0], [10.0, 30.0]])
    array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)

    Source: Ba, Kiros and Hinton, "Layer Normalization" (2016);
    keras/src/layers/normalization/layer_normalization.py.
    """

    min_rank = 2

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: str | dict | Initializer = "zeros",
        gamma_initializer: str | dict | Initializer = "ones",
        beta_regularizer: str | dict | Regularizer | None = None,
        gamma_regularizer: str | dict | Regularizer | None = None,
        beta_constraint: str | dict | Constraint | None = None,
        gamma_constraint: str | dict | Constraint | None = None,
        rms_scaling: bool = False,
        **kwargs: Any,
    ) -> None:
        axis = standardize_axis(axis, "LayerNormalization")
        if rms_scaling:
            warnings.warn(
                "LayerNormalization received rms_scaling=True, which Keras has deprecated: it "
                "divides by the root of the variance, not by the root mean square. "
                "RMSNormalization does what the name says.",
                stacklevel=2,
            )
        super().__init__(
            epsilon=epsilon,
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            **kwargs,
        )
        self.axis = axis
        self.rms_scaling = rms_scaling

    def build(self, input_shape: Shape) -> None:
        shape = _weight_shape(self.axis, input_shape)
        self.add_scale_and_shift(
            shape, self.scale or self.rms_scaling, self.center and not self.rms_scaling
        )

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        x = widened(x)
        axes, gamma = self._axes_and_gamma(x)
        beta = array_of(self.beta, _broadcast_shape(x.shape, axes))
        y = ops.layer_normalization(x, gamma, beta, axes, self.epsilon, self.rms_scaling)
        return y.astype(self.dtype, copy=False), x

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        axes, gamma = self._axes_and_gamma(saved)
        dx, dgamma, dbeta = ops.layer_normalization_backward(
            dy, saved, gamma, axes, self.epsilon, self.rms_scaling
        )
        return dx.astype(self.dtype, copy=False), self.gradients(dgamma, dbeta)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        _weight_shape(self.axis, input_shape)
        return input_shape

    def check_input(self, shape: Shape) -> None:
        if not self.built or self.input_shape is None:
            super().check_input(shape)
        elif _weight_shape(self.axis, shape) != _weight_shape(self.axis, self.input_shape):
            raise ValueError(
                f"{self._label()} received an input of shape {shape}. Expected the sizes "
                f"{_weight_shape(self.axis, self.input_shape)} on axis {self.axis}, as when its "
                f"weights were created."
            )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis, "rms_scaling": self.rms_scaling}

    def _axes_and_gamma(self, x: np.ndarray) -> tuple[tuple[int, ...], np.ndarray | None]:
        axes = positive_axes(self.axis, x.shape)
        return axes, array_of(self.gamma, _broadcast_shape(x.shape, axes))


class GroupNormalization(ScaleAndShiftLayer):
    """y = γ·(x − μ)/√(σ² + ε) + β with μ, σ² of each group of channels in each sample.

    The channels on `axis` are split into groups of neighbours; μ and σ² run over all cells of a
    group (`ops.group_normalization`). One group is layer normalisation over the whole sample; as
    many groups as channels are instance normalisation. γ and β belong to the channels.

    Args:
        groups: their number, which divides the channels; −1 means one for each channel.
        axis: of the channels, not the samples' axis.
        epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer,
        gamma_regularizer, beta_constraint, gamma_constraint: as in LayerNormalization.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a number of groups that is neither positive nor −1, or does not divide the
            channels; an axis that does not exist or counts the samples.

    Source: Wu and He, "Group Normalization" (2018);
    keras/src/layers/normalization/group_normalization.py.
    """

    min_rank = 2

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: str | dict | Initializer = "zeros",
        gamma_initializer: str | dict | Initializer = "ones",
        beta_regularizer: str | dict | Regularizer | None = None,
        gamma_regularizer: str | dict | Regularizer | None = None,
        beta_constraint: str | dict | Constraint | None = None,
        gamma_constraint: str | dict | Constraint | None = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(groups, (int, np.integer)) or (groups <= 0 and groups != -1):
            raise ValueError(
                f"GroupNormalization received groups={groups!r}. Expected a positive integer that "
                f"divides the channels, or -1 for one group for each channel."
            )
        super().__init__(
            epsilon=epsilon,
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            **kwargs,
        )
        self.groups = int(groups)
        self.axis = int(axis)

    def build(self, input_shape: Shape) -> None:
        shape = _weight_shape(self.axis, input_shape)
        self.add_scale_and_shift(shape, self.scale, self.center)

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        x = widened(x)
        gamma, beta = array_of(self.gamma), array_of(self.beta)
        y = ops.group_normalization(x, gamma, beta, *self._groups_of(x), self.epsilon)
        return y.astype(self.dtype, copy=False), x

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        dx, dgamma, dbeta = ops.group_normalization_backward(
            dy, saved, array_of(self.gamma), *self._groups_of(saved), self.epsilon
        )
        return dx.astype(self.dtype, copy=False), self.gradients(dgamma, dbeta)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        (channels,) = _weight_shape(self.axis, input_shape)
        if self.groups != -1 and channels % self.groups:
            raise ValueError(
                f"groups={self.groups} does not divide the {channels} channels of an input of "
                f"shape {input_shape}. Expected a divisor of {channels}, or groups=-1 for one "
                f"group for each channel."
            )
        return input_shape

    def check_input(self, shape: Shape) -> None:
        if not self.built or self.input_shape is None:
            super().check_input(shape)
            return
        channels = self.input_shape[self.axis]
        if len(shape) != len(self.input_shape) or shape[self.axis] != channels:
            raise ValueError(
                f"{self._label()} received an input of shape {shape}. Expected "
                f"{len(self.input_shape)} axes with {channels} channels on axis {self.axis}, as "
                f"when its weights were created."
            )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"groups": self.groups, "axis": self.axis}

    def _groups_of(self, x: np.ndarray) -> tuple[int, int]:
        """(number of groups, axis of the channels) in x."""
        axis = self.axis % x.ndim
        return (x.shape[axis] if self.groups == -1 else self.groups), axis


def _weight_shape(axis: int | list[int], input_shape: Shape) -> tuple[int, ...]:
    """Sizes on the sorted axes; raises ValueError for an axis that has none."""
    axes = positive_axes(axis, input_shape)
    sizes = [input_shape[a] for a in (sorted(axis) if isinstance(axis, list) else [axis])]
    if 0 in axes or None in sizes:
        raise ValueError(
            f"axis={axis} of an input of shape {input_shape} has no size known in advance. "
            f"Expected axes with a fixed size, so not the first, which counts the samples."
        )
    return tuple(size for size in sizes if size is not None)


def _broadcast_shape(shape: Sequence[int], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes of `shape` on these axes and 1 on all others."""
    return tuple(n if axis in axes else 1 for axis, n in enumerate(shape))
