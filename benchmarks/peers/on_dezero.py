"""The common network in DeZero, the NumPy framework of a book, "Deep Learning from Scratch 3".

Its last version is of 2020 and uses a name that NumPy has taken away since; it is given back before
the import.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers.task import RATE, Task, channels_first, channels_first_weights, data

np.int = int  # type: ignore[attr-defined]  # noqa: NPY001
import dezero  # noqa: E402
from dezero import functions, optimizers  # noqa: E402


class _Network(dezero.Model):
    """The weights, as attributes, which is how DeZero finds them."""

    def __init__(self) -> None:
        super().__init__()
        for i, weight in enumerate(channels_first_weights()):
            setattr(self, f"w{i}", dezero.Parameter(weight))

    def forward(self, x: Any) -> Any:
        kept = [getattr(self, f"w{i}") for i in range(10)]
        for kernel, bias, padding in ((*kept[0:2], 2), (*kept[2:4], 0)):
            x = functions.relu(functions.conv2d(x, kernel, bias, pad=padding))
            x = functions.pooling(x, 2, 2)
        x = functions.reshape(x, (len(x), -1))
        x = functions.relu(functions.linear(x, *kept[4:6]))
        x = functions.relu(functions.linear(x, *kept[6:8]))
        return functions.linear(x, *kept[8:10])


def prepare(task: Task) -> Callable[[], Any]:
    """The call to time: the mean loss of an epoch of training, or the predictions."""
    network = _Network()
    optimizer = optimizers.SGD(RATE).setup(network)
    images, y = data(task)
    x = channels_first(images)

    def epoch() -> float:
        total = 0.0
        for rows in task.batches:
            loss = functions.softmax_cross_entropy(network(x[rows]), y[rows])
            network.cleargrads()
            loss.backward()
            optimizer.update()
            total += float(loss.data)
        return total / len(task.batches)

    def predict() -> np.ndarray:
        with dezero.no_grad():
            parts = [functions.softmax(network(x[rows])).data for rows in task.batches]
        return np.concatenate(parts)

    return epoch if task.method == "fit" else predict


def result(task: Task) -> Any:
    """What the call gives the first time."""
    return prepare(task)()
