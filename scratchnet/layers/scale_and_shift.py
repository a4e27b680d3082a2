"""What normalisations share: a weight γ to scale by and a weight β to shift by, y = γ·x̂ + β."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import constraints, initializers, regularizers
from scratchnet.constraints import Constraint
from scratchnet.initializers import Initializer
from scratchnet.layers.layer import Gradients, Layer
from scratchnet.regularizers import Regularizer
from scratchnet.variable import Variable


class ScaleAndShiftLayer(Layer):
    """Base of layers that compute y = γ·x̂ + β, where x̂ is what the subclass makes of x.

    A subclass's `build` calls `add_scale_and_shift`, its backward ends in `gradients`.
    """

    def __init__(
        self,
        *,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: str | dict | Initializer = "zeros",
        gamma_initializer: str | dict | Initializer = "ones",
        beta_regularizer: str | dict | Regularizer | None = None,
        gamma_regularizer: str | dict | Regularizer | None = None,
        beta_constraint: str | dict | Constraint | None = None,
        gamma_constraint: str | dict | Constraint | None = None,
        **layer_arguments: Any,
    ) -> None:
        super().__init__(**layer_arguments)
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma: Variable | None = None
        self.beta: Variable | None = None

    def add_scale_and_shift(self, shape: Sequence[int], scale: bool, center: bool) -> None:
        """Create γ where `scale` and β where `center`, in this order."""
        if scale:
            self.gamma = self.add_weight(
                shape,
                self.gamma_initializer,
                "gamma",
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
            )
        if center:
            self.beta = self.add_weight(
                shape,
                self.beta_initializer,
                "beta",
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
            )

    def gradients(self, dgamma: np.ndarray, dbeta: np.ndarray) -> Gradients:
        """One gradient for each trainable weight that there is, shaped and typed like it."""
        pairs = [(self.gamma, dgamma), (self.beta, dbeta)]
        return [
            gradient.reshape(weight.shape).astype(weight.dtype, copy=False)
            for weight, gradient in pairs
            if weight is not None and weight.trainable
        ]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }


def array_of(weight: Variable | None, shape: Sequence[int] | None = None) -> np.ndarray | None:
    """The weight's array, in another shape if one is given; None stays None."""
    if weight is None:
        return None
    return weight.value if shape is None else weight.value.reshape(shape)


def widened(x: np.ndarray) -> np.ndarray:
    """x in at least float32: in float16 the square of a deviation above 255 is infinite."""
    return x.astype(np.promote_types(x.dtype, np.float32), copy=False)
