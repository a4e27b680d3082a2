"""Regularizers: penalty and gradient on the same weights, by hand here, by the backend there.

Factors are binary fractions: Keras on TensorFlow rounds them to float32. OrthogonalRegularizer's is
given to Keras as NumPy's float64, since Keras fails on float64 weights with any other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.agreement import relative_error
from reference.cases.case import Case
from scratchnet import regularizers

SHAPES = ((4, 3), (3, 5))


def _weights(shape: tuple[int, ...]) -> np.ndarray:
    """Positive, negative, and a 0."""
    w = np.random.default_rng(0).standard_normal(shape)
    w[0, 0] = 0
    return w


def _errors(ours: Any, theirs: Any) -> float:
    import tensorflow as tf

    errors = []
    for shape in SHAPES:
        w = _weights(shape)
        source = tf.constant(w)
        with tf.GradientTape() as tape:
            tape.watch(source)
            penalty = theirs(source)
        gradient = tape.gradient(penalty, source, unconnected_gradients="zero")
        errors += [
            relative_error(ours(w), penalty.numpy()),
            relative_error(ours.gradient(w), gradient.numpy()),
        ]
    return max(errors)


def _case(kind: str, /, **arguments: Any) -> Case:
    def error() -> float:
        import keras

        exact = {k: np.float64(v) if k == "factor" else v for k, v in arguments.items()}
        ours = getattr(regularizers, kind)(**arguments)
        theirs = getattr(keras.regularizers, kind)(**exact)
        if ours.get_config() != theirs.get_config():
            return float("inf")
        return _errors(ours, theirs)

    label = ", ".join(f"{k}={v}" for k, v in arguments.items())
    return Case(f"regularizers.{kind}", label, error)


def _own_regularizer() -> float:
    """R(w) = ¼ · Σ w⁴, defined by the user."""
    import keras

    class Own(regularizers.Regularizer):
        def __call__(self, w: np.ndarray) -> float:
            return 0.25 * float((w**4).sum())

        def gradient(self, w: np.ndarray) -> np.ndarray:
            return w**3

    class KerasOwn(keras.regularizers.Regularizer):
        def __call__(self, x: Any) -> Any:
            return 0.25 * keras.ops.sum(x**4)

    return _errors(Own(), KerasOwn())


def _exchange() -> float:
    """0 where both libraries write the same configuration and read the other's."""
    import keras

    for ours in (
        regularizers.L1(0.25),
        regularizers.L2(0.5),
        regularizers.L1L2(0.25, 0.5),
        regularizers.OrthogonalRegularizer(0.25, "columns"),
    ):
        config = regularizers.serialize(ours)
        theirs = keras.regularizers.deserialize(regularizers.serialize(ours))
        back = regularizers.deserialize(keras.regularizers.serialize(theirs))
        if config is None or back is None:
            return float("inf")
        if not theirs.get_config() == config["config"] == back.get_config():
            return float("inf")
    return 0.0


def _names() -> float:
    """0 where a name gives the class that Keras gives."""
    import keras

    for name in ("l1", "L1", "l2", "L2", "l1l2", "L1L2", "orthogonal_regularizer"):
        ours, theirs = regularizers.get(name), keras.regularizers.get(name)
        if type(ours).__name__ != type(theirs).__name__:
            return float("inf")
    return 0.0 if regularizers.get(None) is None is keras.regularizers.get(None) else float("inf")


CASES: list[Case] = [
    *(_case(kind, l1=0.25) for kind in ("L1", "l1")),
    *(_case(kind, l2=0.25) for kind in ("L2", "l2")),
    *(_case(kind, l1=0.25, l2=0.5) for kind in ("L1L2", "l1_l2")),
    _case("L1L2", l1=0.5),
    _case("L1L2", l2=0.5),
    *(_case(kind, factor=0.3) for kind in ("OrthogonalRegularizer", "orthogonal_regularizer")),
    _case("OrthogonalRegularizer", factor=0.3, mode="columns"),
    Case("regularizers.Regularizer", "a regularizer of one's own", _own_regularizer),
    Case("regularizers.serialize", "read by Keras and back", _exchange),
    Case("regularizers.deserialize", "Keras's configurations", _exchange),
    Case("regularizers.get", "names", _names),
]
