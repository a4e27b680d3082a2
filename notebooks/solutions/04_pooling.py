"""Solutions of notebook 04. They are loops on purpose: each line is a line of the formula."""

import numpy as np

black_window = "first"  # among equals, the first in reading order

times_won = 4  # the windows at (0, 0), (0, 2), (2, 0) and (2, 2) all see the middle

corner = (-1, -1)  # one pixel in the window: it is the maximum, and the mean of one number


def max_gradient(dy, x, pool_size, strides):
    (height, width), (down, right) = pool_size, strides
    dx = np.zeros(x.shape)
    for n, p, q, c in np.ndindex(dy.shape):
        top, left = p * down, q * right
        window = x[n, top : top + height, left : left + width, c]
        i, j = np.divmod(window.argmax(), width)  # argmax finds the first
        dx[n, top + i, left + j, c] += dy[n, p, q, c]
    return dx


def average_gradient(dy, input_shape, pool_size, strides):
    (height, width), (down, right) = pool_size, strides
    dx = np.zeros(input_shape)
    for p, q in np.ndindex(dy.shape[1:3]):
        top, left = p * down, q * right
        share = dy[:, p, q] / (height * width)
        dx[:, top : top + height, left : left + width] += share[:, None, None]
    return dx


def global_max_gradient(dy, x):
    winners = x == x.max(axis=(1, 2), keepdims=True)
    count = winners.sum(axis=(1, 2), keepdims=True)
    return winners / count * dy[:, None, None]
