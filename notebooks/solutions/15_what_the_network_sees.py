"""Solutions of notebook 15."""

import numpy as np

can_see = 8  # 3 of the first convolution, 1 more by the pooling, 2 steps of 2 pixels by the last

how_many = 14  # 1 + 2 n ≥ 28

untrained = "clothes"  # in the black no ReLU is on, so nothing gets through


def field(stack):
    r, j, a = 1, 1, 0
    for k, s, d, p in stack:
        r = r + (k - 1) * d * j
        a = a - p * j
        j = s * j
    return r, j, a


def grad_cam(maps, gradients):
    alpha = gradients.mean(axis=(0, 1))
    heat = np.maximum((maps * alpha).sum(axis=-1), 0)
    return alpha, heat
