"""The common network in plain JAX: a step compiled by `jax.jit`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.peers.task import RATE, Task, data, weights


def prepare(task: Task) -> Callable[[], Any]:
    """The call to time: the mean loss of an epoch of training, or the predictions."""
    images, numbers = data(task)
    x, y = jnp.asarray(images), jnp.asarray(numbers)
    kept = [jnp.asarray(weight) for weight in weights()]

    def epoch() -> float:
        nonlocal kept
        total = jnp.zeros(())
        for rows in task.batches:
            kept, loss = _step(kept, x[rows], y[rows])
            total += loss
        return float(total) / len(task.batches)

    def predict() -> np.ndarray:
        return np.concatenate([_predict(kept, x[rows]) for rows in task.batches])

    return epoch if task.method == "fit" else predict


def result(task: Task) -> Any:
    """What the call gives the first time."""
    return prepare(task)()


def _logits(kept: list[Any], x: Any) -> Any:
    for kernel, bias, padding in ((*kept[0:2], "SAME"), (*kept[2:4], "VALID")):
        layout = ("NHWC", "HWIO", "NHWC")
        x = lax.conv_general_dilated(x, kernel, (1, 1), padding, dimension_numbers=layout)
        x = jax.nn.relu(x + bias)
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    x = x.reshape(len(x), -1)
    x = jax.nn.relu(x @ kept[4] + kept[5])
    x = jax.nn.relu(x @ kept[6] + kept[7])
    return x @ kept[8] + kept[9]


@jax.jit
def _step(kept: list[Any], x: Any, y: Any) -> tuple[list[Any], Any]:
    def loss_of(kept: list[Any]) -> Any:
        logarithms = jax.nn.log_softmax(_logits(kept, x))
        return -jnp.take_along_axis(logarithms, y[:, None], axis=1).mean()

    loss, gradients = jax.value_and_grad(loss_of)(kept)
    return [w - RATE * g for w, g in zip(kept, gradients, strict=True)], loss


@jax.jit
def _predict(kept: list[Any], x: Any) -> Any:
    return jax.nn.softmax(_logits(kept, x))
