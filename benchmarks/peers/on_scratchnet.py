"""The common network in scratchnet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.peers.task import CLASSES, RATE, Task, data, weights
from scratchnet import Sequential, layers, optimizers


def prepare(task: Task) -> Callable[[], Any]:
    """The call to time: the mean loss of an epoch of training, or the predictions."""
    model = Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(120, activation="relu"),
            layers.Dense(84, activation="relu"),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.set_weights(weights())
    model.compile(optimizers.SGD(RATE), "sparse_categorical_crossentropy")
    x, y = data(task)
    if task.method == "predict":
        return lambda: model.predict(x, task.batch, verbose=0)
    return lambda: model.fit(x, y, task.batch, verbose=0, shuffle=False).history["loss"][0]


def result(task: Task) -> Any:
    """What the call gives the first time."""
    return prepare(task)()
