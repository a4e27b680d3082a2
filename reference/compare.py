"""How far apart the two libraries are, layer by layer and after training.

Each layer is compared on its own: both sides get the same input and the same upstream gradient,
so an error cannot hide behind, or be blamed on, another layer. The measure is

    max |a − b| / max |b|,    0 where both are 0
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import scratchnet as sn
from reference.device import prepare
from reference.twin import twin, twin_layer


def relative_error(ours: Any, theirs: Any) -> float:
    """max |a − b| / max |b|; NaN and infinity must stand in the same places."""
    a, b = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if a.shape != b.shape:
        raise ValueError(f"Shapes differ: {a.shape} and {b.shape}. Compare like with like.")
    finite = np.isfinite(b)
    if (
        not np.array_equal(a[~finite], b[~finite], equal_nan=True)
        or not np.isfinite(a[finite]).all()
    ):
        return float("inf")
    difference = np.abs(a - b, where=finite, out=np.zeros(a.shape)).max(initial=0.0)
    scale = np.abs(b, where=finite, out=np.zeros(b.shape)).max(initial=0.0)
    return 0.0 if difference == 0 else float(difference / scale) if scale else float("inf")


def compare(
    model: sn.Sequential, x: np.ndarray, y: np.ndarray | None = None, seed: int = 0
) -> pd.DataFrame:
    """Errors of every layer in training mode, and of the loss where y is given.

    Args:
        model: built scratchnet model; its moving statistics and dropout state stay as they were.
        x: inputs (N, …).
        y: targets for the loss of a compiled model.
        seed: of the upstream gradients.

    Returns:
        One row for each layer and quantity, with columns layer, quantity and error; the attribute
        `attrs["device"]` says what the reference was computed on.
    """
    device = prepare()
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, str, float]] = []
    x = np.asarray(x).astype(model.dtype)
    statistics = [(weight, weight.numpy()) for weight in model.weights if not weight.can_train]
    seeds = [
        (layer, layer.seed_state.copy())
        for layer in model.layers
        if isinstance(layer, sn.layers.Dropout)
    ]
    activity = x
    for layer in model.layers:
        theirs = _built_twin(layer)
        ours_y, saved = layer.forward(activity, True)
        dy = rng.standard_normal(ours_y.shape).astype(ours_y.dtype)
        their_y, their_dx, their_grads = _keras_vjp(theirs, activity, dy)
        dx, grads = layer.backward(dy, saved)
        rows.append((layer.name, "output", relative_error(ours_y, their_y)))
        rows.append((layer.name, "input gradient", relative_error(dx, their_dx)))
        for weight, ours_g, their_g in zip(
            layer.trainable_weights, grads, their_grads, strict=True
        ):
            rows.append((layer.name, f"{weight.name} gradient", relative_error(ours_g, their_g)))
        for weight, value in zip(layer.weights, theirs.get_weights(), strict=False):
            if not weight.can_train:
                rows.append((layer.name, weight.name, relative_error(weight.value, value)))
        activity = ours_y
    for weight, value in statistics:
        weight.assign(value)
    for layer, state in seeds:
        layer.seed_state[:] = state
    if y is not None and model.compiled:
        copy = twin(model)
        ours = model.test_on_batch(x, y, return_dict=True)["loss"]
        theirs = copy.test_on_batch(x, y, return_dict=True)["loss"]
        rows.append(("model", "loss", relative_error(ours, theirs)))
    frame = pd.DataFrame(rows, columns=["layer", "quantity", "error"])
    frame.attrs["device"] = str(device)
    return frame


def weights_after_training(
    model: sn.Sequential, x: np.ndarray, y: np.ndarray, steps: int = 20, batch_size: int = 32
) -> float:
    """The largest difference |a − b| of any weight after so many steps on the same batches.

    Both models start from the model's weights; the model itself goes on training.
    """
    copy = twin(model)
    for step in range(steps):
        first = step * batch_size % max(len(x) - batch_size + 1, 1)
        batch = slice(first, first + batch_size)
        model.train_on_batch(x[batch], y[batch])
        copy.train_on_batch(x[batch], y[batch])
    pairs = zip(model.get_weights(), copy.get_weights(), strict=True)
    return max(float(np.abs(ours - theirs).max(initial=0.0)) for ours, theirs in pairs)


def _built_twin(layer: sn.layers.Layer) -> Any:
    theirs = twin_layer(layer)
    theirs.build(layer.input_shape)
    if layer.weights:
        theirs.set_weights(layer.get_weights())
    theirs.trainable = layer.trainable
    return theirs


def _keras_vjp(layer: Any, x: np.ndarray, dy: np.ndarray) -> tuple[Any, Any, list[Any]]:
    """(y, ∂/∂x, [∂/∂w]) of Σ dy·layer(x) in training mode, by the backend's own derivative."""
    import keras

    backend = keras.backend.backend()
    weights = layer.trainable_weights
    if backend == "tensorflow":
        import tensorflow as tf

        source = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(source)
            y = layer(source, training=True) if _has_modes(layer) else layer(source)
        dx, *grads = tape.gradient(
            y,
            [source, *[w.value for w in weights]],
            output_gradients=dy,
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        return y.numpy(), dx.numpy(), [g.numpy() for g in grads]
    if backend == "jax":
        import jax

        fixed = [w.value for w in layer.non_trainable_variables]

        def run(values: Any, inputs: Any) -> Any:
            keywords = {"training": True} if _has_modes(layer) else {}
            return layer.stateless_call(values, fixed, inputs, **keywords)

        values = [w.value for w in weights]
        y, pull, updated = jax.vjp(run, values, jax.numpy.asarray(x), has_aux=True)
        grads, dx = pull(jax.numpy.asarray(dy))
        for variable, value in zip(layer.non_trainable_variables, updated, strict=True):
            variable.assign(value)
        return np.asarray(y), np.asarray(dx), [np.asarray(g) for g in grads]
    import torch

    source = keras.ops.convert_to_tensor(x).requires_grad_()
    y = layer(source, training=True) if _has_modes(layer) else layer(source)
    gradients = torch.autograd.grad(
        y, [source, *[w.value for w in weights]], keras.ops.convert_to_tensor(dy)
    )
    dx, *grads = (keras.ops.convert_to_numpy(g) for g in gradients)
    return keras.ops.convert_to_numpy(y), dx, grads


def _has_modes(layer: Any) -> bool:
    return bool(layer._call_has_training_arg)
