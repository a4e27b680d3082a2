"""Solutions of notebook 16."""

import numpy as np

output_factor = 1  # 10 · 1/10

gradient_factor = 0.1  # L(w1, w2) = L(10·w1, w2/10), differentiated by w1

share_in_plane = 0.0005  # 2 dimensions of 4000


def rescaled(w1, b1, w2, b2, a):
    return a * w1, a * b1, w2 / a, b2


def normalised(direction, kernel):
    axes = tuple(range(kernel.ndim - 1))
    own = np.sqrt((direction**2).sum(axis=axes))
    wanted = np.sqrt((kernel**2).sum(axis=axes))
    return direction / own * wanted


relative_step = 1 / 16  # a quarter of the gradient, beside four times the kernel


def plane_coordinates(move, d, e):
    products = np.array([[d @ d, d @ e], [d @ e, e @ e]])
    a, b = np.linalg.solve(products, [d @ move, e @ move])
    return a, b
