"""Solutions of notebook 03. They are loops on purpose: each line is a line of the formula."""

import numpy as np

cells_fed = 9  # the window is 3 × 3

busiest_pixel = (2, 2)  # all four windows start at 0 or 2 and are 3 wide: they meet there


def kernel_gradient(dy, x, kernel_size):
    rows, columns = dy.shape[1:3]
    dw = np.zeros((*kernel_size, x.shape[-1], dy.shape[-1]))
    for a, b in np.ndindex(*kernel_size):
        seen = x[:, a : a + rows, b : b + columns]  # what the tap (a, b) met
        dw[a, b] = np.einsum("npqc,npqf->cf", seen, dy)
    return dw


def input_gradient(dy, kernel, input_shape):
    rows, columns = dy.shape[1:3]
    dx = np.zeros(input_shape)
    for a, b in np.ndindex(kernel.shape[:2]):
        dx[:, a : a + rows, b : b + columns] += dy @ kernel[a, b].T
    return dx


def flipped_kernel(kernel):
    return kernel[::-1, ::-1].transpose(0, 1, 3, 2)


def spread(dy, stride):
    n, rows, columns, filters = dy.shape
    wide = np.zeros((n, (rows - 1) * stride + 1, (columns - 1) * stride + 1, filters))
    wide[:, ::stride, ::stride] = dy
    return wide
