"""What a network is asked to do, and the data that every side gets for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

CLASSES = 10


class Network(NamedTuple):
    """The facts about a network that all sides share.

    Args:
        shape: of an image (H, W, C).
        optimizer: "adam" or "momentum".
        images: how many a turn of training takes, so that it lasts a second or so on two cores.
    """

    shape: tuple[int, int, int]
    optimizer: str
    images: int


NETWORKS = {
    "LeNet-5": Network((28, 28, 1), "adam", 2048),
    "README CNN": Network((28, 28, 1), "adam", 1024),
    "VGG-like": Network((32, 32, 3), "momentum", 256),
    "ResNet-20": Network((32, 32, 3), "momentum", 256),
    "MobileNet-like": Network((64, 64, 3), "adam", 256),
}


@dataclass(frozen=True)
class Run:
    """One pass over some images.

    Args:
        network: a key of `NETWORKS`.
        method: "fit" (an epoch of training) or "predict".
        batch: images a step.
        images: of the pass.
    """

    network: str
    method: str
    batch: int
    images: int

    def __str__(self) -> str:
        return f"{self.network}, {self.method}, batch {self.batch}"


def data(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, H, W, C) of noise in float32 and class numbers (N,)."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((run.images, *NETWORKS[run.network].shape), np.float32)
    return x, rng.integers(0, CLASSES, run.images)
