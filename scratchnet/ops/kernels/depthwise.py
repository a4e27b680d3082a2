"""Depthwise convolution, with channels in the lanes of vectors.

With one kernel for each channel (a depth multiplier of 1) sums stay in registers: of neighbours in
a line together where the kernel is as usual (`ops.kernels.depthwise_lines`), otherwise in blocks of
any positions (`ops.kernels.depthwise_blocks`).

Fewer channels than lanes, other multipliers M, and unusual kernels with strides, back to the image,
take loops that see the kernel as (KH, KW, M, C) and the output as (N, OH, OW, M, C), so that
neighbours in memory are neighbouring channels of x.

A thread owns what it writes. See `ops.formulas.depthwise` for the meaning of the arguments.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.geometry import Pair, Window, depthwise_window
from scratchnet.ops.kernels import depthwise_blocks, depthwise_lines
from scratchnet.ops.kernels.blocks import lanes
from scratchnet.ops.kernels.jit import CHUNKS, jit, ready, served
from scratchnet.ops.kernels.memory import empty, zeros
from scratchnet.ops.kernels.patches import forward_view


def depthwise_conv2d(
    x: np.ndarray,
    kernel: np.ndarray,
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
) -> np.ndarray:
    """As `formulas.depthwise_conv2d`."""
    window = depthwise_window(x.shape, kernel.shape, strides, padding, dilation)
    if not served(x, kernel):
        return formulas.depthwise_conv2d(x, kernel, strides, padding, dilation)
    x, channels, multiplier = ready(x), *kernel.shape[2:]
    if _in_registers(kernel.shape, x.dtype):
        y = empty((len(x), *window.output, channels), x.dtype)
        view = forward_view(kernel.shape[:2], window, tuple(strides), tuple(dilation))
        if depthwise_lines.in_lines(view):
            depthwise_lines.correlate(x, kernel, y, depthwise_lines.whole(view))
        else:
            depthwise_blocks.correlate(x, kernel, y, view)
        return y
    y = empty((len(x), *window.output, multiplier, channels), x.dtype)
    _forward(x, _channels_last(kernel), y, *_numbers(window, strides, dilation))
    return _interleaved(y)


def depthwise_conv2d_input_gradient(
    dy: np.ndarray,
    kernel: np.ndarray,
    input_shape: tuple[int, ...],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
) -> np.ndarray:
    """As `formulas.depthwise_conv2d_input_gradient`."""
    window = depthwise_window(input_shape, kernel.shape, strides, padding, dilation)
    expected = (input_shape[0], *window.output, math.prod(kernel.shape[2:]))
    if not (served(dy, kernel) and dy.shape == expected):
        return formulas.depthwise_conv2d_input_gradient(
            dy, kernel, input_shape, strides, padding, dilation
        )
    dx = empty(input_shape, dy.dtype.newbyteorder("="))
    if _in_registers(kernel.shape, dx.dtype):
        dy, size = ready(dy), (input_shape[1], input_shape[2])
        geometry = kernel.shape[:2], window, tuple(strides), tuple(dilation)
        parts = depthwise_lines.back(size, *geometry)
        if all(depthwise_lines.in_lines(view) for _, _, view in parts):
            depthwise_lines.correlate(dy, kernel, dx, parts)
            return dx
        if tuple(strides) == (1, 1):
            depthwise_blocks.correlate(dy, kernel[::-1, ::-1], dx, parts[0][2])
            return dx
    _input_gradient(
        _split(dy, kernel.shape), _channels_last(kernel), dx, *_numbers(window, strides, dilation)
    )
    return dx


def depthwise_conv2d_kernel_gradient(
    dy: np.ndarray,
    x: np.ndarray,
    kernel_shape: tuple[int, ...],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
) -> np.ndarray:
    """As `formulas.depthwise_conv2d_kernel_gradient`."""
    window = depthwise_window(x.shape, kernel_shape, strides, padding, dilation)
    expected = (len(x), *window.output, math.prod(kernel_shape[2:]))
    if not (served(dy, x) and dy.shape == expected):
        return formulas.depthwise_conv2d_kernel_gradient(
            dy, x, kernel_shape, strides, padding, dilation
        )
    x, (kh, kw, channels, multiplier) = ready(x), kernel_shape
    if _in_registers(kernel_shape, x.dtype):
        view = forward_view((kh, kw), window, tuple(strides), tuple(dilation))
        in_lines = depthwise_lines.sums_in_lines(view)
        algorithm = depthwise_lines if in_lines else depthwise_blocks
        return algorithm.kernel_gradient(ready(dy), x, kernel_shape, view)
    partial = zeros((CHUNKS, kh, kw, multiplier, channels), x.dtype)
    _kernel_gradient(_split(dy, kernel_shape), x, partial, *_numbers(window, strides, dilation))
    return np.ascontiguousarray(partial.sum(axis=0).swapaxes(2, 3))


def depthwise_conv2d_backward(
    dy: np.ndarray,
    x: np.ndarray,
    kernel: np.ndarray,
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
) -> tuple[np.ndarray, np.ndarray]:
    """As `formulas.depthwise_conv2d_backward`."""
    arguments = (strides, padding, dilation)
    dx = depthwise_conv2d_input_gradient(dy, kernel, x.shape, *arguments)
    return dx, depthwise_conv2d_kernel_gradient(dy, x, kernel.shape, *arguments)


def _in_registers(kernel_shape: tuple[int, ...], dtype: np.dtype) -> bool:
    """Whether there is one kernel for each channel, and a register of channels at least."""
    return kernel_shape[3] == 1 and kernel_shape[2] >= lanes(dtype)


# Loops, for all others


def _channels_last(kernel: np.ndarray) -> np.ndarray:
    """(KH, KW, C, M) as (KH, KW, M, C)."""
    return ready(kernel.swapaxes(2, 3))


def _interleaved(y: np.ndarray) -> np.ndarray:
    """(N, OH, OW, M, C) as (N, OH, OW, C·M); without a copy for M = 1."""
    n, oh, ow, multiplier, channels = y.shape
    return y.swapaxes(3, 4).reshape(n, oh, ow, channels * multiplier)


def _split(dy: np.ndarray, kernel_shape: tuple[int, ...]) -> np.ndarray:
    """The reverse of `_interleaved`."""
    return ready(dy.reshape(*dy.shape[:3], *kernel_shape[2:]).swapaxes(3, 4))


def _numbers(window: Window, strides: Pair, dilation: Pair) -> tuple[int, ...]:
    """The geometry as the kernels take it."""
    return (*strides, *dilation, window.pad_rows[0], window.pad_columns[0])


def _depthwise_forward(x, w, y, sh, sw, dh, dw, top, left):  # type: ignore[no-untyped-def]
    images, height, width, channels = x.shape
    kh, kw, multiplier, _ = w.shape
    _, oh, ow, _, _ = y.shape
    for row in prange(images * oh):
        n, p = divmod(np.int64(row), oh)
        y[n, p] = 0
        for q in range(ow):
            for a in range(kh):
                i = p * sh + a * dh - top
                if i < 0 or i >= height:
                    continue
                for b in range(kw):
                    j = q * sw + b * dw - left
                    if j < 0 or j >= width:
                        continue
                    cell = x[n, i, j]
                    for m in range(multiplier):
                        target, tap = y[n, p, q, m], w[a, b, m]
                        for c in range(channels):
                            target[c] += cell[c] * tap[c]


def _depthwise_input_gradient(dy, w, dx, sh, sw, dh, dw, top, left):  # type: ignore[no-untyped-def]
    images, height, width, channels = dx.shape
    kh, kw, multiplier, _ = w.shape
    _, oh, ow, _, _ = dy.shape
    # A row of dx asks which output rows saw it, so that no two threads add to the same cell.
    for row in prange(images * height):
        n, i = divmod(np.int64(row), height)
        dx[n, i] = 0
        for a in range(kh):
            p, between = divmod(i + top - a * dh, sh)
            if between or p < 0 or p >= oh:
                continue
            for q in range(ow):
                for b in range(kw):
                    j = q * sw + b * dw - left
                    if j < 0 or j >= width:
                        continue
                    target = dx[n, i, j]
                    for m in range(multiplier):
                        gradient, tap = dy[n, p, q, m], w[a, b, m]
                        for c in range(channels):
                            target[c] += gradient[c] * tap[c]


def _depthwise_kernel_gradient(dy, x, partial, sh, sw, dh, dw, top, left):  # type: ignore[no-untyped-def]
    images, height, width, channels = x.shape
    chunks, kh, kw, multiplier, _ = partial.shape
    _, oh, ow, _, _ = dy.shape
    for chunk in prange(chunks):
        # A row is summed by itself first: short sums round less than one long sum.
        line = np.empty((multiplier, channels), x.dtype)
        for row in range(chunk * images * oh // chunks, (chunk + 1) * images * oh // chunks):
            n, p = divmod(np.int64(row), oh)
            for a in range(kh):
                i = p * sh + a * dh - top
                if i < 0 or i >= height:
                    continue
                for b in range(kw):
                    line[:] = 0
                    for q in range(ow):
                        j = q * sw + b * dw - left
                        if j < 0 or j >= width:
                            continue
                        cell = x[n, i, j]
                        for m in range(multiplier):
                            gradient, target = dy[n, p, q, m], line[m]
                            for c in range(channels):
                                target[c] += gradient[c] * cell[c]
                    for m in range(multiplier):
                        for c in range(channels):
                            partial[chunk, a, b, m, c] += line[m, c]


_forward = jit(_depthwise_forward)
_input_gradient = jit(_depthwise_input_gradient)
_kernel_gradient = jit(_depthwise_kernel_gradient)
