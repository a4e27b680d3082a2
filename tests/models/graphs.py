"""Graphs that Hypothesis draws: branches, merges, shared layers, models inside."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

import scratchnet as sn
from scratchnet import layers

SIZE, CHANNELS = 4, 3  # of every map, so that any two can be merged


class Case(NamedTuple):
    """A compiled model, its inputs and its targets."""

    model: sn.Model
    x: list[np.ndarray]
    y: Any

    def __repr__(self) -> str:
        return f"Case({[layer.name for layer in self.model.layers]})"


def _one(draw, tensor):
    """A layer, or a small model, that keeps the shape."""
    kind = draw(st.integers(0, 6))
    if kind == 0:
        layer = layers.Conv2D(CHANNELS, draw(st.integers(1, 3)), padding="same", activation="tanh")
    elif kind == 1:
        layer = layers.BatchNormalization()
    elif kind == 2:
        layer = layers.Activation(draw(st.sampled_from(["relu", "sigmoid", "softmax"])))
    elif kind == 3:
        layer = layers.Dropout(0.25, seed=draw(st.integers(0, 99)))
    elif kind == 4:
        layer = layers.Dense(CHANNELS, activity_regularizer=sn.regularizers.L2(2**-6))
    elif kind == 5:
        layer = layers.MaxPooling2D(2, strides=1, padding="same")
    else:
        inner = layers.Input((SIZE, SIZE, CHANNELS))
        middle = layers.Conv2D(CHANNELS, 1, activation="relu")(inner)
        layer = sn.Model(inner, layers.Add()([inner, middle]))
    return layer(tensor), layer


def _merge(draw, first, second):
    kind = draw(
        st.sampled_from(["Add", "Multiply", "Average", "Maximum", "Subtract", "Concatenate"])
    )
    merged = getattr(layers, kind)()([first, second])
    return layers.Dense(CHANNELS)(merged) if kind == "Concatenate" else merged


@st.composite
def models(draw):
    """A `Case` with one or two inputs and one or two outputs."""
    sn.set_random_seed(draw(st.integers(0, 2**16)))
    inputs = [layers.Input((SIZE, SIZE, CHANNELS)) for _ in range(draw(st.integers(1, 2)))]
    tensors, used = list(inputs), []
    for _ in range(draw(st.integers(1, 6))):
        first = draw(st.sampled_from(tensors))
        action = draw(st.integers(0, 3))
        if action == 0 and used:  # a shared layer
            tensors.append(draw(st.sampled_from(used))(first))
        elif action == 1:
            tensors.append(_merge(draw, first, draw(st.sampled_from(tensors))))
        else:
            tensor, layer = _one(draw, first)
            tensors.append(tensor)
            used.append(layer)
    last = tensors[-1] if len(inputs) == 1 else layers.Add()([tensors[-1], *inputs])
    pooled = layers.GlobalAveragePooling2D()(last)
    outputs = [layers.Dense(3, activation="softmax", name="classes")(pooled)]
    losses = ["sparse_categorical_crossentropy"]
    if draw(st.booleans()):
        outputs.append(
            layers.Dense(2, name="numbers")(layers.Flatten()(draw(st.sampled_from(tensors))))
        )
        losses.append("mse")
    single = len(outputs) == 1
    model = sn.Model(inputs, outputs[0] if single else outputs)
    model.compile(
        sn.optimizers.SGD(0.125, momentum=0.5),
        losses[0] if single else losses,
        loss_weights=None if single else [1.0, 0.5],
        metrics=["accuracy"] if single else [["accuracy"], ["mae"]],
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    x = [rng.normal(size=(6, SIZE, SIZE, CHANNELS)) for _ in inputs]
    y = [rng.integers(0, 3, 6), rng.normal(size=(6, 2))][: len(outputs)]
    return Case(model, x, y[0] if single else y)
