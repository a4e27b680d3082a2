"""How far apart the two libraries are, layer by layer and after training.

Each layer is compared on its own (`reference.agreement`): both sides get the same input and the
same upstream gradient, so an error cannot hide behind, or be blamed on, another layer.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

import scratchnet as sn
from reference.agreement import built_twin, keras_gradients, relative_error
from reference.device import prepare
from reference.twin import twin


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
        theirs = built_twin(layer)
        ours_y, saved = layer.forward(activity, True)
        dy = rng.standard_normal(ours_y.shape).astype(ours_y.dtype)
        their_y, their_dx, their_grads = keras_gradients(theirs, activity, dy)
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
