"""The common network in MyGrad, a NumPy library whose gradients are derived automatically."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mygrad
import numpy as np
from mygrad.nnet import relu, softmax
from mygrad.nnet.layers import conv_nd, max_pool
from mygrad.nnet.losses import softmax_crossentropy

from benchmarks.peers.task import RATE, Task, channels_first, channels_first_weights, data


def prepare(task: Task) -> Callable[[], Any]:
    """The call to time: the mean loss of an epoch of training, or the predictions."""
    kept = [
        mygrad.tensor(w.reshape(1, -1, 1, 1) if i in (1, 3) else w)
        for i, w in enumerate(channels_first_weights())
    ]
    images, y = data(task)
    x = channels_first(images)

    def epoch() -> float:
        total = 0.0
        for rows in task.batches:
            loss = softmax_crossentropy(_logits(kept, x[rows]), y[rows])
            loss.backward()
            total += float(loss.data)
            for weight in kept:
                weight.data -= np.float32(RATE) * weight.grad
        return total / len(task.batches)

    def predict() -> np.ndarray:
        with mygrad.no_autodiff:
            return np.concatenate([softmax(_logits(kept, x[rows])).data for rows in task.batches])

    return epoch if task.method == "fit" else predict


def result(task: Task) -> Any:
    """What the call gives the first time."""
    return prepare(task)()


def _logits(kept: list[Any], x: Any) -> Any:
    for kernel, bias, padding in ((*kept[0:2], 2), (*kept[2:4], 0)):
        x = max_pool(relu(conv_nd(x, kernel, stride=1, padding=padding) + bias), (2, 2), 2)
    x = x.reshape(len(x), -1)
    x = relu(x @ kept[4] + kept[5])
    x = relu(x @ kept[6] + kept[7])
    return x @ kept[8] + kept[9]
