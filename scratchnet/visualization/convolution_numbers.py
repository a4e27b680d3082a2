"""A convolution of one channel taken apart: what each step reads, and what it has made so far.

Step t stands at the output cell (p, q), in reading order. With x̃ the padded image, s the strides
and d the dilation, it has a window x̃[p·s + a·d, q·s + b·d] of one cell for each tap (a, b), and

    forward   y[p, q] = Σ_ab  window[a, b] · w[a, b]
    backward  dx̃ at the window  +=  dy[p, q] · w
              dw                +=  dy[p, q] · window

Source: the formulas of `scratchnet.ops.formulas.convolution`, one output cell after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchnet.ops.geometry import Pair, window2d


@dataclass(frozen=True)
class Convolution:
    """The arrays of one convolution; all have two axes, rows and columns.

    Attributes:
        padded: x̃, the image with its padding.
        kernel: w.
        y: the output.
        dy: ∂L/∂y.
        strides, dilation: in rows and columns.
        top_left: rows and columns of padding before the image.
        size: rows and columns of the image without padding.
    """

    padded: np.ndarray
    kernel: np.ndarray
    y: np.ndarray
    dy: np.ndarray
    strides: Pair
    dilation: Pair
    top_left: Pair
    size: Pair

    @property
    def steps(self) -> int:
        """One for each output cell."""
        return self.y.size

    def place(self, step: int) -> Pair:
        """(p, q), the output cell of a step."""
        p, q = np.unravel_index(step, self.y.shape)
        return int(p), int(q)

    def window(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows (kh, 1) and columns (1, kw) of x̃ that a step sees, as an index."""
        (p, q), (kh, kw) = self.place(step), self.kernel.shape
        rows = p * self.strides[0] + np.arange(kh) * self.dilation[0]
        columns = q * self.strides[1] + np.arange(kw) * self.dilation[1]
        return rows[:, None], columns[None, :]

    def input_gradient(self, steps: int) -> np.ndarray:
        """dx̃ after so many steps: the running sums, padding included."""
        dx = np.zeros(self.padded.shape, np.result_type(self.dy, self.kernel))
        for step in range(steps):
            dx[self.window(step)] += self.dy[self.place(step)] * self.kernel
        return dx

    def kernel_gradient(self, steps: int) -> np.ndarray:
        """dw after so many steps."""
        dw = np.zeros(self.kernel.shape, np.result_type(self.dy, self.padded))
        for step in range(steps):
            dw += self.dy[self.place(step)] * self.padded[self.window(step)]
        return dw

    def border(self) -> set[tuple[int, int]]:
        """The cells of x̃ that are padding."""
        (top, left), (height, width) = self.top_left, self.size
        return {
            (i, j)
            for i, j in np.ndindex(self.padded.shape)
            if not (top <= i < top + height and left <= j < left + width)
        }


def take_apart(
    x: Any,
    kernel: Any,
    dy: Any = None,
    strides: int | Pair = 1,
    padding: str = "valid",
    dilation: int | Pair = 1,
) -> Convolution:
    """The convolution of an image (H, W) with a kernel (kh, kw).

    Args:
        dy: (OH, OW), ∂L/∂y; None means 1, 2, 3, … in reading order, so that what each output cell
            contributes can be recognised.
        strides, dilation: one integer, or one for rows and one for columns.
        padding: "valid" or "same".

    Raises:
        ValueError: other shapes, an empty output, strides or dilation below 1, unknown padding.
    """
    image, w = _plane(x, "x", "(H, W)"), _plane(kernel, "kernel", "(kh, kw)")
    s, d = pair(strides, "strides"), pair(dilation, "dilation")
    window = window2d(image.shape, w.shape, s, padding, d)
    padded = np.pad(image, (window.pad_rows, window.pad_columns))
    if dy is None:
        upstream = np.arange(1, np.prod(window.output) + 1).reshape(window.output)
    else:
        upstream = _plane(dy, "dy", str(window.output))
    if upstream.shape != window.output:
        raise ValueError(
            f"dy has shape {upstream.shape}, but the output of an image {image.shape} and a kernel "
            f"{w.shape} has {window.output}. Expected dy of that shape, or None for 1, 2, 3, …"
        )
    y = np.zeros(window.output, np.result_type(image, w))
    top_left = window.pad_rows[0], window.pad_columns[0]
    result = Convolution(padded, w, y, upstream, s, d, top_left, image.shape)
    for step in range(result.steps):
        y[result.place(step)] = (padded[result.window(step)] * w).sum()
    return result


def pair(value: Any, name: str) -> Pair:
    """One integer or two, each at least 1, as rows and columns.

    >>> pair(2, "strides"), pair((1, 3), "strides")
    ((2, 2), (1, 3))
    """
    both = (value, value) if isinstance(value, (int, np.integer)) else tuple(value)
    if len(both) != 2 or any(not isinstance(v, (int, np.integer)) or v < 1 for v in both):
        raise ValueError(
            f"Received {name}={value!r}. Expected an integer of at least 1, or two of them for "
            f"rows and columns, such as {name}=2."
        )
    return int(both[0]), int(both[1])


def _plane(values: Any, name: str, shape: str) -> np.ndarray:
    """Two axes; those of one image, one channel and one filter are left out."""
    array = np.asarray(values)
    if array.ndim == 4 and len(array) == 1 and name != "kernel":
        array = array[0]
    while array.ndim > 2 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "biufO":
        raise ValueError(
            f"{name} has shape {np.shape(values)} and dtype {array.dtype}. Expected numbers of "
            f"shape {shape}: one image, one channel, one filter, such as x[0, :, :, 0] and "
            f"kernel[:, :, 0, 0]."
        )
    return array.astype(np.int64) if array.dtype.kind in "bu" else array
