"""Models on which inspection is tested: a path, branches, models inside models."""

from __future__ import annotations

import numpy as np

import scratchnet as sn
from scratchnet import layers


def images(n=3, size=12, channels=2, seed=0):
    return np.random.default_rng(seed).standard_normal((n, size, size, channels))


def path(last="softmax"):
    return sn.Sequential(
        [
            layers.Input((12, 12, 2)),
            layers.Conv2D(4, 3, activation="relu", name="first"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Conv2D(5, 3, padding="same", name="second"),
            layers.Activation("tanh", name="squashed"),
            layers.Dropout(0.5),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation=last),
        ]
    )


def branches():
    x = layers.Input((12, 12, 2))
    h = layers.Conv2D(4, 3, padding="same", activation="relu", name="stem")(x)
    a = layers.Conv2D(4, 3, padding="same", name="left")(h)
    b = layers.DepthwiseConv2D(5, padding="same", name="right")(h)
    h = layers.Activation("relu", name="joined")(layers.Add()([a, b, h]))
    h = layers.Concatenate(name="both")([h, layers.Conv2D(1, 1, name="last")(x)])
    y = layers.Dense(3)(layers.Flatten()(h))
    return sn.Model(x, layers.Softmax()(y))


def nested():
    base = sn.Sequential(
        [
            layers.Input((12, 12, 2)),
            layers.Conv2D(4, 3, strides=2, activation="relu", name="conv"),
            layers.SeparableConv2D(3, 2, activation="elu", name="separable"),
        ],
        name="base",
    )
    head = sn.Sequential(
        [layers.Input((3,)), layers.Dense(4, activation="softmax", name="scores")], name="head"
    )
    x = layers.Input((12, 12, 2))
    h = layers.GlobalAveragePooling2D(name="mean")(base(x))
    return sn.Model(x, head(h), name="whole")


def shared():
    """One convolution twice in a graph, and an output that is no probability."""
    x = layers.Input((12, 12, 2))
    conv = layers.Conv2D(2, 3, padding="same", activation="tanh", name="conv")
    h = conv(conv(x))
    return sn.Model(x, layers.Dense(3, name="top")(layers.Flatten()(h)))


def off_their_first_values(model, seed=0):
    """Weights and statistics that are neither 0 nor 1, so that nothing hides."""
    rng = np.random.default_rng(seed)
    model.set_weights([w + 0.2 * rng.random(w.shape) for w in model.get_weights()])
    return model


MODELS = {"path": path, "branches": branches, "nested": nested, "shared": shared}
