"""Solutions of notebook 05."""

import numpy as np

fewer_with_groups = 4  # 4 groups, each with 1/4 of the channels and 1/4 of the filters: 4 · 1/16

fewer_if_separable = 8  # 1 / (1/64 + 1/9) = 7.9

grey = "no"  # grey is a sum over channels, and a depthwise convolution has none


def grouped_cost(output, kernel_size, channels, filters, groups):
    weights = kernel_size[0] * kernel_size[1] * (channels // groups) * filters
    return weights, output[0] * output[1] * weights


def separable_cost(output, kernel_size, channels, filters, multiplier):
    windows = kernel_size[0] * kernel_size[1] * channels * multiplier
    mixing = channels * multiplier * filters
    weights = windows + mixing
    return weights, output[0] * output[1] * weights


def depthwise(x, kernel):
    height, width, channels, multiplier = kernel.shape
    n, rows, columns = len(x), x.shape[1] - height + 1, x.shape[2] - width + 1
    y = np.zeros((n, rows, columns, channels, multiplier))
    for a, b in np.ndindex(height, width):
        y += x[:, a : a + rows, b : b + columns, :, None] * kernel[a, b]
    return y.reshape(n, rows, columns, channels * multiplier)


def depthwise_kernel_gradient(dy, x, kernel_size):
    n, rows, columns, outputs = dy.shape
    channels = x.shape[-1]
    split = dy.reshape(n, rows, columns, channels, outputs // channels)
    gradient = np.zeros((*kernel_size, channels, outputs // channels))
    for a, b in np.ndindex(*kernel_size):
        seen = x[:, a : a + rows, b : b + columns, :, None]
        gradient[a, b] = (seen * split).sum(axis=(0, 1, 2))
    return gradient
