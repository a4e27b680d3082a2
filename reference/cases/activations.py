"""Activation functions: values and gradients, at the kinks and far out too."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from reference.agreement import keras_gradients, relative_error
from reference.cases.case import Case
from scratchnet import activations, ops
from scratchnet.activations import ActivationFunction

# Every default kink is a multiple of a quarter
GRID = np.arange(-36, 36).reshape(3, 4, 6) / 4
NEAR = np.concatenate([GRID, np.random.default_rng(0).standard_normal(GRID.shape)], axis=-1)
FAR = np.array([-1000.0, -100.0, -37.5, 37.5, 100.0, 1000.0]).reshape(3, 2, 1) + np.arange(2)

# Arguments that lie on the grid, and others that float32 does not hold
ARGUMENTS: dict[str, list[dict[str, Any]]] = {
    "relu": [
        {"negative_slope": 0.1},
        {"max_value": 1.25},
        {"max_value": 6.0},
        {"threshold": 0.75},
        {"negative_slope": 0.1, "max_value": 0.7, "threshold": 0.3},
        {"negative_slope": 0.1, "max_value": 6.0},
        {"negative_slope": 0.3, "threshold": -0.5, "max_value": 2.0},
    ],
    "leaky_relu": [{"negative_slope": 0.3}, {"negative_slope": 0.0}],
    "elu": [{"alpha": 0.3}],
    "celu": [{"alpha": 0.3}],
    "squareplus": [{"b": 0.3}],
    "gelu": [{"approximate": True}],
    "glu": [{"axis": 1}, {"axis": 0}],
    "hard_shrink": [{"threshold": 0.3}, {"threshold": 1.25}],
    "soft_shrink": [{"threshold": 0.3}, {"threshold": 1.25}],
    "threshold": [
        {"threshold": 0.3, "default_value": 0.7},
        {"threshold": -1.25, "default_value": -7.0},
    ],
    "softmax": [{"axis": 1}, {"axis": 0}, {"axis": None}, {"axis": (1, 2)}],
    "log_softmax": [{"axis": 1}, {"axis": 0}, {"axis": None}],
    "sparsemax": [{"axis": 1}],
}

NAMES = [name for name, f in vars(activations).items() if isinstance(f, ActivationFunction)]


def activation_error(name: str, x: np.ndarray, **arguments: Any) -> float:
    """The largest error of y = f(x) and of ∂/∂x of Σ dy·y with a random dy."""
    import keras

    function = getattr(keras.activations, name)
    layer = keras.layers.Lambda(lambda z: function(z, **arguments))
    y = getattr(activations, name)(x, **arguments)
    dy = np.random.default_rng(1).standard_normal(y.shape)
    their_y, their_dx, _ = keras_gradients(layer, x, dy)
    dx = activation_gradient(name, dy, x, **arguments)
    return max(relative_error(y, their_y), relative_error(dx, their_dx))


def activation_gradient(name: str, dy: np.ndarray, x: np.ndarray, **arguments: Any) -> np.ndarray:
    """∂L/∂x of the activation of that name; an `ActivationFunction` has it for the defaults."""
    activation = getattr(activations, name)
    if not arguments:
        return activation.gradient(dy, activation.forward(x)[1])
    if name == "leaky_relu":
        return ops.relu_backward(dy, x, **arguments)
    takes_y = activation.keeps == "y" and name != "relu"
    backward = getattr(ops, f"{activation.name}_backward")
    return backward(dy, activation(x, **arguments) if takes_y else x, **arguments)


def inputs_of(name: str) -> Iterable[np.ndarray]:
    """What a comparison of this activation can be made with."""
    if name == "glu":
        return [NEAR[:2]]
    if name == "celu":  # whose derivative at 0 is 1, and 2 for TensorFlow
        return [np.where(NEAR == 0, 0.25, NEAR), FAR]
    if name == "sparsemax":  # Keras is right only where one number is ahead of all others by 1
        return [1.5 * np.random.default_rng(2).permuted(np.arange(72.0)).reshape(3, 4, 6)]
    if name == "exponential":  # 1000 would give infinity
        return [NEAR]
    return [NEAR, FAR]


def _function(name: str, arguments: dict[str, Any]) -> Case:
    def error() -> float:
        return max(activation_error(name, x, **arguments) for x in inputs_of(name))

    label = ", ".join(f"{key}={value}" for key, value in arguments.items()) or "defaults"
    return Case(f"activations.{name}", label, error)


def _same_name(of: Callable[[Any, str], str]) -> Callable[[], float]:
    """0 where both libraries make the same name from every name that Keras knows.

    Keras cannot read the aliases "swish" and "hard_swish" with `deserialize`.
    """

    def error() -> float:
        import keras

        names = [n for n in NAMES if of is not _after_deserialize or "swish" not in n]
        same = [of(activations, name) == of(keras.activations, name) for name in names]
        return 0.0 if all(same) else float("inf")

    return error


def _after_get(module: Any, name: str) -> str:
    return module.serialize(module.get(name))


def _after_deserialize(module: Any, name: str) -> str:
    return module.serialize(module.deserialize(name))


CASES: list[Case] = [
    *(_function(name, {}) for name in NAMES if name != "threshold"),  # which has no defaults
    *(_function(name, each) for name, several in ARGUMENTS.items() for each in several),
    Case("activations.get", "every name", _same_name(_after_get)),
    Case("activations.serialize", "every name", _same_name(_after_get)),
    Case("activations.deserialize", "every name", _same_name(_after_deserialize)),
]
