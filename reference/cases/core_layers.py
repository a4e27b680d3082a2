"""Dense, Input, layers of one's own, and configurations on their way to Keras and back."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import keras
import numpy as np

from reference.agreement import layer_errors, relative_error
from reference.cases.case import Case
from scratchnet import layers
from scratchnet.layers.layer import Gradients, Saved

EXACT = 2**-7  # the same number in float32, through which TensorFlow casts a factor


class Scale(layers.Layer):
    """y = a·x, as a user would write it here."""

    def build(self, input_shape: Any) -> None:
        self.a = self.add_weight(input_shape[-1:], "ones", "a")

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return self.a.value * x, x

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return dy * self.a.value, [(dy * saved).sum(axis=tuple(range(dy.ndim - 1)))]


class KerasScale(keras.layers.Layer):
    """y = a·x, as a user would write it in Keras."""

    def build(self, input_shape: Any) -> None:
        self.a = self.add_weight(shape=input_shape[-1:], initializer="ones", name="a")

    def call(self, x: Any) -> Any:
        return self.a * x


def _images(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(shape)


def _dense_error(arguments: dict[str, Any], shape: tuple[int, ...]) -> float:
    return max(layer_errors(layers.Dense(3, **arguments), _images(*shape)).values())


def _dense() -> Iterator[Case]:
    arguments: list[dict[str, Any]] = [
        {},
        {"use_bias": False},
        {"kernel_initializer": "he_normal", "bias_initializer": "ones"},
        {"kernel_regularizer": "l2", "bias_regularizer": "l1"},
        {"activity_regularizer": layers.layer.regularizers.L2(EXACT)},
        {"kernel_constraint": "non_neg", "bias_constraint": "max_norm"},
        {"trainable": False},
        *({"activation": name} for name in ("relu", "tanh", "sigmoid", "softmax", "gelu")),
    ]
    for given in arguments:
        label = ", ".join(f"{key}={value}" for key, value in given.items()) or "defaults"
        for shape in ((5, 4), (2, 3, 4, 4)):
            yield Case(
                "layers.Dense",
                f"{label}, {len(shape)} axes",
                partial(_dense_error, given, shape),
            )


def _input(**arguments: Any) -> float:
    ours, theirs = layers.Input(**arguments), keras.Input(**arguments)
    here, there = ours.node.layer.get_config(), theirs._keras_history.operation.get_config()
    same = (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype) and all(
        there[key] == value for key, value in here.items() if key != "name" or "name" in arguments
    )
    return 0.0 if same else float("inf")


def _own_layer() -> float:
    x, dy = _images(3, 4, 2), np.random.default_rng(2).standard_normal((3, 4, 2))
    import tensorflow as tf

    ours, theirs = Scale(), KerasScale()
    y = ours(x)
    with tf.GradientTape() as tape:
        source = tf.constant(x)
        tape.watch(source)
        their_y = theirs(source)
    expected = tape.gradient(their_y, [source, theirs.a.value], output_gradients=dy)
    _, saved = ours.forward(x, True)
    dx, (da,) = ours.backward(dy, saved)
    pairs = [(y, their_y.numpy()), (dx, expected[0].numpy()), (da, expected[1].numpy())]
    return max(relative_error(a, b) for a, b in pairs)


EXAMPLES = (
    lambda: layers.Dense(3, activation="relu", kernel_regularizer="l2", name="d"),
    lambda: layers.Conv2D(4, (3, 2), strides=2, padding="same", name="c"),
    lambda: layers.BatchNormalization(axis=1, momentum=0.5, name="b"),
    lambda: layers.Dropout(0.25, seed=3, name="o"),
    lambda: layers.MaxPooling2D((2, 3), name="p"),
    lambda: layers.Concatenate(axis=1, name="m"),
)


def _to_keras(make: Any) -> float:
    """Keras reads what serialize gives, and its own get_config has the same arguments."""
    ours = make()
    theirs = keras.layers.deserialize(layers.serialize(ours))
    again = type(ours).from_config(theirs.get_config())
    return 0.0 if again.get_config() == ours.get_config() else float("inf")


def _from_keras(make: Any) -> float:
    """deserialize reads what Keras serializes."""
    ours = make()
    theirs = getattr(keras.layers, type(ours).__name__).from_config(ours.get_config())
    again = layers.deserialize(keras.layers.serialize(theirs))
    return 0.0 if again.get_config() == ours.get_config() else float("inf")


CASES: list[Case] = [
    *_dense(),
    *(
        Case(f"layers.{name}", label, partial(_input, **given))
        for name in ("Input", "InputLayer")
        for label, given in (
            ("shape", {"shape": (28, 28, 1)}),
            ("batch size, dtype and name", {"shape": (4,), "batch_size": 2, "dtype": "float32"}),
            ("batch shape", {"batch_shape": (None, None, 3), "name": "given"}),
            ("integers", {"shape": (7,), "dtype": "int32"}),
        )
    ),
    Case("layers.Layer", "a layer of one's own", _own_layer),
    *(
        Case("layers.serialize", type(make()).__name__, partial(_to_keras, make))
        for make in EXAMPLES
    ),
    *(
        Case("layers.deserialize", type(make()).__name__, partial(_from_keras, make))
        for make in EXAMPLES
    ),
]
