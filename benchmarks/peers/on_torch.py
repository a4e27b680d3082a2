"""The common network in PyTorch: channels-last memory, a fused optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.peers.task import CLASSES, RATE, Task, channels_first_weights, data


def prepare(task: Task) -> Callable[[], Any]:
    """The call to time: the mean loss of an epoch of training, or the predictions."""
    network = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, CLASSES),
    )
    with torch.no_grad():
        for mine, given in zip(network.parameters(), channels_first_weights(), strict=True):
            mine.copy_(torch.from_numpy(given.T if given.ndim == 2 else given))
    network = network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), RATE, fused=True)
    images, numbers = data(task)
    x, y = torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(numbers)

    def epoch() -> float:
        total = torch.zeros(())
        for rows in task.batches:
            optimizer.zero_grad()
            loss = functional.cross_entropy(network(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.detach()
        return float(total) / len(task.batches)

    def predict() -> Any:
        with torch.inference_mode():
            parts = [functional.softmax(network(x[rows]), -1) for rows in task.batches]
            return torch.cat(parts).numpy()

    return epoch if task.method == "fit" else predict


def result(task: Task) -> Any:
    """What the call gives the first time."""
    return prepare(task)()
