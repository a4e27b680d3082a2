"""What every peer computes: one network that all of them can express, from the same weights.

    Conv 6@5×5 same, ReLU, max pooling → Conv 16@5×5, ReLU, max pooling → Dense 120, ReLU
    → Dense 84, ReLU → Dense 10, softmax cross-entropy, plain SGD

LeNet-5 as it is built today. No dropout, for that no two libraries draw the same masks: so the loss
of an epoch and the predictions must agree, which shows that all sides do the same work.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CLASSES = 10
RATE = 0.01
Weights = list[np.ndarray]


@dataclass(frozen=True)
class Task:
    """One pass over some images.

    Args:
        method: "fit" (an epoch of training) or "predict".
        batch: images a step.
        images: of the pass, whole batches.
    """

    method: str
    batch: int
    images: int

    def __str__(self) -> str:
        return f"{self.method}, batch {self.batch}"

    @property
    def batches(self) -> list[slice]:
        """The images of each step."""
        return [slice(first, first + self.batch) for first in range(0, self.images, self.batch)]


def data(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 28, 28, 1) of noise in float32 and class numbers (N,)."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((task.images, 28, 28, 1), np.float32)
    return x, rng.integers(0, CLASSES, task.images)


def weights() -> Weights:
    """Kernel and bias of each layer: kernels (KH, KW, C, F) and (inputs, outputs)."""
    rng = np.random.default_rng(1)
    made = []
    for shape in ((5, 5, 1, 6), (5, 5, 6, 16), (400, 120), (120, 84), (84, CLASSES)):
        scale = np.float32(np.sqrt(2 / np.prod(shape[:-1])))
        made += [rng.standard_normal(shape, np.float32) * scale, np.zeros(shape[-1], np.float32)]
    return made


def channels_first_weights() -> Weights:
    """The same for images (N, C, H, W): kernels (F, C, KH, KW), and rows of the first dense one."""
    made = weights()
    for i in (0, 2):
        made[i] = np.ascontiguousarray(made[i].transpose(3, 2, 0, 1))
    rows = made[4].reshape(5, 5, 16, 120).transpose(2, 0, 1, 3)
    made[4] = np.ascontiguousarray(rows.reshape(400, 120))
    return made


def channels_first(x: np.ndarray) -> np.ndarray:
    """Images (N, H, W, C) as (N, C, H, W)."""
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))
