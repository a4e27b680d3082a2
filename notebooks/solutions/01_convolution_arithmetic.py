"""Solutions of notebook 01. They are loops on purpose: each line is a line of the formula."""

import numpy as np

sizes = (109, 112)  # ⌊(224 − 7) / 2⌋ + 1 = ⌊108.5⌋ + 1, and ⌈224 / 2⌉

padding = (0, 1)  # windows begin at 0, 2, 4; the last one ends after 7 cells, and 6 are there


def output_shape(size, kernel_size, strides, padding, dilation):
    shape = []
    for i, k, s, d in zip(size, kernel_size, strides, dilation, strict=True):
        span = (k - 1) * d + 1
        places = (i - span) // s + 1 if padding == "valid" else -(-i // s)  # −⌊−i / s⌋ = ⌈i / s⌉
        shape.append(places)
    return tuple(shape)


def same_padding(i, k, s, d):
    places = -(-i // s)
    reach = (places - 1) * s + (k - 1) * d + 1  # from the first cell to the last window's end
    total = max(0, reach - i)
    return total // 2, total - total // 2


def convolution(x, kernel, strides, dilation):
    n, h, w, _ = x.shape
    kh, kw, _, filters = kernel.shape
    rows = (h - (kh - 1) * dilation[0] - 1) // strides[0] + 1
    columns = (w - (kw - 1) * dilation[1] - 1) // strides[1] + 1
    y = np.zeros((n, rows, columns, filters))
    for p, q in np.ndindex(rows, columns):
        for a, b in np.ndindex(kh, kw):
            i, j = p * strides[0] + a * dilation[0], q * strides[1] + b * dilation[1]
            y[:, p, q] += x[:, i, j] @ kernel[a, b]  # sums over the channels
    return y
