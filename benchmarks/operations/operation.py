"""What an operation is, how much work it is, and the data that every side gets for it.

Shapes are (N, H, W, C) and kernels (KH, KW, C/groups, F), as in scratchnet; a side that keeps its
data in another way converts before the clock runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

ITEM = 4  # bytes of a float32
ACTIVATIONS = ("relu", "elu", "sigmoid", "tanh", "softplus", "silu", "gelu")
_POOLS = ("max_pool2d", "average_pool2d")
_GLOBAL = ("global_max_pool2d", "global_average_pool2d")


@dataclass(frozen=True)
class Operation:
    """One operation and one direction of it.

    Args:
        kind: "conv2d", "depthwise_conv2d", "dense", "max_pool2d", "average_pool2d",
            "global_max_pool2d", "global_average_pool2d", "batch_normalization", "softmax" or one
            of `ACTIVATIONS`; or an optimizer, "adam" or "momentum".
        direction: "forward"; "dx" or "dw", the gradient with respect to the input or to the
            kernel alone; "backward", all gradients; "step" of an optimizer.
        shape: of the input (N, H, W, C), or of the matrix (N, C); of an optimizer's weights, one
            shape each, where `kind` is an optimizer.
        filters: of a convolution or a dense layer.
        size: rows and columns of the window.
        strides: in both directions.
        groups: of a convolution.
        used_in: the networks it is from.
    """

    kind: str
    direction: str
    shape: tuple
    filters: int = 0
    size: int = 1
    strides: int = 1
    groups: int = 1
    used_in: str = ""

    @property
    def padding(self) -> str:
        """Zeros around the image for convolutions, none for pooling."""
        return "valid" if self.kind in _POOLS else "same"

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Of the forward direction."""
        n, *middle, channels = self.shape
        if self.kind == "dense":
            return (*self.shape[:-1], self.filters)
        if self.kind in _GLOBAL:
            return n, channels
        if self.kind in _POOLS:
            return (n, *((i - self.size) // self.strides + 1 for i in middle), channels)
        if self.kind in ("conv2d", "depthwise_conv2d"):
            return (n, *(-(-i // self.strides) for i in middle), self.filters or channels)
        return self.shape

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        """() where there is none."""
        channels = self.shape[-1]
        if self.kind == "conv2d":
            return self.size, self.size, channels // self.groups, self.filters
        if self.kind == "depthwise_conv2d":
            return self.size, self.size, channels, 1
        return (channels, self.filters) if self.kind == "dense" else ()

    @property
    def flops(self) -> float:
        """Multiplications and additions of the definition, those with padding's zeros included.

        For everything but convolutions and matrix products they hardly matter: 0.
        """
        directions = 2 if self.direction == "backward" else 1
        if self.kind == "dense":
            return 2.0 * directions * math.prod(self.shape) * self.filters
        if not self.kernel_shape:
            return 0.0
        window = math.prod(self.kernel_shape[:-1]) if self.kind == "conv2d" else self.size**2
        return 2.0 * directions * math.prod(self.output_shape) * window

    @property
    def moved(self) -> float:
        """Bytes that have to be read and written once at least.

        Forward: x, kernel, y. Backward: of x and y what the gradient needs, and the gradient. Batch
        normalization in training reads its input twice, for the moments and to normalize with them.
        """
        if self.kind == "adam":  # gradient read; weight, m and v read and written
            return 7.0 * ITEM * self._entries
        if self.kind == "momentum":
            return 5.0 * ITEM * self._entries
        x, y, kernel = map(math.prod, (self.shape, self.output_shape, self.kernel_shape or (0,)))
        if self.kind == "batch_normalization":
            return ITEM * (3.0 if self.direction == "forward" else 5.0) * x
        if self.direction != "backward":
            return ITEM * float(x + y + kernel)
        if self.kernel_shape:
            return ITEM * float(2 * x + y + 2 * kernel)
        reads_x = self.kind not in ("average_pool2d", "global_average_pool2d")
        return ITEM * float(y + x + (x if reads_x else 0))

    @property
    def geometry(self) -> str:
        """ "8,56,56,64→64 3×3 /2": shape, filters, window and strides."""
        if self.kind in ("adam", "momentum"):
            return f"{self._entries:,} weights in {len(self.shape)} arrays"
        text = ",".join(map(str, self.shape))
        if self.filters:
            text += f"→{self.filters}"
        if (self.kernel_shape and self.kind != "dense") or self.kind in _POOLS:
            text += f" {self.size}×{self.size}"
        if self.strides > 1:
            text += f" /{self.strides}"
        return text + (f" groups {self.groups}" if self.groups > 1 else "")

    def __str__(self) -> str:
        text = f"{self.kind} {self.direction} {self.geometry}"
        return f"{text} ({self.used_in})" if self.used_in else text

    @property
    def _entries(self) -> int:
        return sum(math.prod(shape) for shape in self.shape)


class Arrays(NamedTuple):
    """What an operation works on; None where it has no such thing."""

    x: np.ndarray
    kernel: np.ndarray | None
    dy: np.ndarray


def arrays(operation: Operation) -> Arrays:
    """The input, the kernel and the gradient of the output, the same for every side."""
    rng = np.random.default_rng(0)

    def drawn(shape: tuple[int, ...]) -> np.ndarray:
        return rng.random(shape, np.float32) - np.float32(0.5)

    kernel = drawn(operation.kernel_shape) * np.float32(0.1) if operation.kernel_shape else None
    return Arrays(drawn(operation.shape), kernel, drawn(operation.output_shape))


def weights(operation: Operation) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """(weights, gradients) of an optimizer's step."""
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(shape, np.float32) for shape in operation.shape]
    return values, [rng.standard_normal(shape, np.float32) for shape in operation.shape]


def resnet20_weights() -> tuple[tuple[int, ...], ...]:
    """The shapes of the weights of ResNet-20 (He et al., 2015, section 4.2) that train."""

    def convolution(size: int, channels: int, filters: int) -> list[tuple[int, ...]]:
        return [(size, size, channels, filters), (filters,), (filters,)]  # kernel, gamma, beta

    shapes, channels = convolution(3, 3, 16), 16
    for filters in (16, 32, 64):
        for _ in range(3):
            shapes += convolution(3, channels, filters) + convolution(3, filters, filters)
            shapes += convolution(1, channels, filters) if channels != filters else []
            channels = filters
    return (*shapes, (channels, 10), (10,))
