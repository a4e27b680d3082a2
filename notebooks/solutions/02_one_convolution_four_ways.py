"""Solutions of notebook 02."""

import numpy as np

copies = 9  # once for each tap that meets it

why_faster = "order"  # the same products, but no Python between them

fewest = 4  # F(2, 3)


def im2col(x, kernel_size):
    height, width = kernel_size
    n, rows, columns = len(x), x.shape[1] - height + 1, x.shape[2] - width + 1
    patches = np.empty((n, rows, columns, height, width, x.shape[-1]))
    for a, b in np.ndindex(height, width):
        patches[:, :, :, a, b] = x[:, a : a + rows, b : b + columns]
    return patches.reshape(n * rows * columns, -1)


def winograd_row(x, w):
    taps = np.array([w[0], (w[0] + w[1] + w[2]) / 2, (w[0] - w[1] + w[2]) / 2, w[2]])
    products, y = [], []
    for start in range(0, len(x) - 2, 2):
        d = x[start : start + 4]
        m = taps * np.array([d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]])
        products.append(m)
        y += [m[0] + m[1] + m[2], m[1] - m[2] - m[3]]
    return np.array(products), np.array(y)
