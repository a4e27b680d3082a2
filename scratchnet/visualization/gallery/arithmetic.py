"""Examples: convolution and pooling with numbers in the cells, and where windows lie."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import datasets, visualization

IMAGE = np.array(
    [[1, 0, 2, 1, 0], [0, 3, 1, 0, 2], [2, 1, 0, 1, 1], [0, 0, 1, 2, 0], [1, 2, 0, 0, 3]]
)
EDGES = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]])


def convolution_animation() -> Any:
    return visualization.convolution_animation(IMAGE, EDGES, strides=2, padding="same")


def convolution_animation_backward() -> Any:
    return visualization.convolution_animation(
        IMAGE, EDGES, strides=2, padding="same", direction="backward"
    )


def convolution_step() -> Any:
    return visualization.convolution_step(IMAGE, EDGES, step=4, direction="backward_input")


def convolution_step_of_the_kernel() -> Any:
    return visualization.convolution_step(IMAGE, EDGES, step=4, direction="backward_kernel")


def convolution_steps() -> Any:
    return visualization.convolution_steps(IMAGE, EDGES, strides=2, padding="same", limit=4)


def convolution_geometry() -> Any:
    return visualization.convolution_geometry(6, kernel_size=3, strides=2, padding="same")


def convolution_geometry_dilated() -> Any:
    return visualization.convolution_geometry(8, kernel_size=3, strides=2, dilation=2)


def pooling_argmax() -> Any:
    image = np.array([[1, 3, 0, 0], [2, 3, 0, 0], [5, 1, 2, 7], [0, 4, 8, 7]])
    return visualization.pooling_argmax(image, pool_size=2)


def channel_wiring() -> Any:
    return visualization.channel_wiring(channels=4, filters=4, groups=2, kernel_size=3)


def receptive_field() -> Any:
    (images, _), _ = datasets.fashion_mnist.load_data()
    rows, columns = np.mgrid[:28, :28]
    strength = np.exp(-((rows - 13) ** 2 + (columns - 15) ** 2) / 20) * (abs(rows - 13) < 7)
    return visualization.receptive_field(
        images[0], (7, 19), (9, 21), strength * (abs(columns - 15) < 7), label="conv2d_2"
    )
