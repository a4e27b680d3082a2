"""Batch normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet import initializers, ops
from scratchnet.constraints import Constraint
from scratchnet.initializers import Initializer
from scratchnet.layers.layer import Gradients, Saved, Shape
from scratchnet.layers.scale_and_shift import ScaleAndShiftLayer, array_of, widened
from scratchnet.regularizers import Regularizer
from scratchnet.variable import Variable

if TYPE_CHECKING:
    from scratchnet.layers.pooling import AveragePooling2D, MaxPooling2D


class BatchNormalization(ScaleAndShiftLayer):
    """y = γ·(x − μ)/√(σ² + ε) + β for each channel (`ops.formulas.normalization`).

    In training μ and σ² are the batch's mean and biased variance, and the moving statistics
    follow them: moving ← momentum · moving + (1 − momentum) · batch. In inference, and also in
    training while `trainable` is False, μ and σ² are the moving statistics.

    Args:
        axis: of the channels.
        momentum: of the moving statistics.
        epsilon: ε, keeps the root away from 0.
        center, scale: whether there is a β, a γ.
        beta_initializer, gamma_initializer, moving_mean_initializer,
        moving_variance_initializer: first values.
        beta_regularizer, gamma_regularizer: penalties in the loss.
        beta_constraint, gamma_constraint: bounds of the weights.
        renorm, synchronized: must stay False; one process, plain batch statistics.
        trainable, dtype, name: as every layer.

    Source: Ioffe and Szegedy, "Batch Normalization" (2015);
    keras/src/layers/normalization/batch_normalization.py.
    """

    min_rank = 2

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: str | dict | Initializer = "zeros",
        gamma_initializer: str | dict | Initializer = "ones",
        moving_mean_initializer: str | dict | Initializer = "zeros",
        moving_variance_initializer: str | dict | Initializer = "ones",
        beta_regularizer: str | dict | Regularizer | None = None,
        gamma_regularizer: str | dict | Regularizer | None = None,
        beta_constraint: str | dict | Constraint | None = None,
        gamma_constraint: str | dict | Constraint | None = None,
        renorm: bool = False,
        renorm_clipping: None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        for argument, value in (("synchronized", synchronized), ("renorm", renorm)):
            if value:
                raise ValueError(
                    f"BatchNormalization received {argument}={value!r}. Expected False: scratchnet "
                    f"trains in one process with the statistics of each batch."
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
        self.axis = int(axis)
        self.momentum = momentum
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.moving_mean: Variable
        self.moving_variance: Variable

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[self.axis]
        if channels is None:
            raise ValueError(
                f"{self._label()} received an input of shape {input_shape}, whose axis "
                f"{self.axis} is not known. Expected a number there: it counts the channels."
            )
        shape = (channels,)
        self.add_scale_and_shift(shape, self.scale, self.center)
        self.moving_mean = self.add_weight(
            shape, self.moving_mean_initializer, "moving_mean", trainable=False
        )
        self.moving_variance = self.add_weight(
            shape, self.moving_variance_initializer, "moving_variance", trainable=False
        )

    def forward(
        self, x: np.ndarray, training: bool, relu: bool = False
    ) -> tuple[np.ndarray, Saved]:
        """With `relu` the output is max(y, 0), as of a ReLU that follows."""
        x = _moved(widened(x), self.axis, -1)
        use_batch = training and self.trainable and x.size > 0  # no samples have no mean
        if use_batch:
            mean, variance = ops.moments(x)
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving.value * self.momentum + batch * (1 - self.momentum))
        else:
            # Copies: a later update of the moving statistics must not change this backward pass.
            mean, variance = self.moving_mean.numpy(), self.moving_variance.numpy()
        gamma, beta = array_of(self.gamma), array_of(self.beta)
        normalize = ops.batch_normalization_relu if relu else ops.batch_normalization
        y = normalize(x, mean, variance, gamma, beta, self.epsilon)
        y = _moved(y, -1, self.axis).astype(self.dtype, copy=False)
        return y, (x, mean, variance, use_batch, relu)

    def compute(
        self,
        x: Any,
        training: bool,
        *,
        pool: MaxPooling2D | AveragePooling2D | None = None,
        **options: Any,
    ) -> Any:
        """With `pool`, what that layer makes of the output."""
        numbers = self.numbers_of_images(training)
        if pool is None or pool.average or numbers is None:
            y = super().compute(x, training, **options)
            return y if pool is None else pool.compute(y, training)
        y = ops.batch_normalization_max_pool2d(widened(x), *numbers, *pool.geometry, **options)
        return y.astype(self.dtype, copy=False)

    def numbers_of_images(
        self, training: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None, float] | None:
        """μ, σ², γ, β and ε of the last axis of images; None where each batch has its own μ and σ²,
        or where another axis is normalised."""
        if (training and self.trainable) or self.axis not in (-1, 3):
            return None
        statistics = self.moving_mean.value, self.moving_variance.value
        return *statistics, array_of(self.gamma), array_of(self.beta), self.epsilon

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        x, mean, variance, use_batch, relu = saved
        dy, gamma = _moved(dy, self.axis, -1), array_of(self.gamma)
        given = (x, mean, variance, gamma)
        if use_batch and not relu:
            gradients = ops.batch_normalization_backward(dy, *given, self.epsilon)
        elif use_batch:
            gradients = ops.batch_normalization_relu_backward(
                dy, *given, array_of(self.beta), self.epsilon
            )
        else:
            if relu:
                z = ops.batch_normalization(*given, array_of(self.beta), self.epsilon)
                dy = ops.relu_backward(dy, z)
            gradients = ops.batch_normalization_inference_backward(dy, *given, self.epsilon)
        dx, dgamma, dbeta = gradients
        dx = _moved(dx, -1, self.axis).astype(self.dtype, copy=False)
        return dx, self.gradients(dgamma, dbeta)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if not -len(input_shape) <= self.axis < len(input_shape):
            raise ValueError(
                f"axis={self.axis} does not exist in an input of shape {input_shape}. Expected "
                f"an axis from {-len(input_shape)} to {len(input_shape) - 1}."
            )
        return input_shape

    def check_input(self, shape: Shape) -> None:
        if not self.built or self.input_shape is None:
            super().check_input(shape)
        elif len(shape) != len(self.input_shape) or shape[self.axis] != self.moving_mean.shape[0]:
            raise ValueError(
                f"{self._label()} received an input of shape {shape}. Expected "
                f"{len(self.input_shape)} axes with {self.moving_mean.shape[0]} channels on axis "
                f"{self.axis}, as when its weights were created."
            )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "axis": self.axis,
            "momentum": self.momentum,
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "synchronized": False,
        }


def _moved(x: np.ndarray, source: int, destination: int) -> np.ndarray:
    """`np.moveaxis`, which takes its time even where there is nothing to move."""
    return x if source == destination else np.moveaxis(x, source, destination)
