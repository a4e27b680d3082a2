"""Examples: optimizers, the loss around a point, and signals through depth."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import optimizers, visualization


def optimizer_paths() -> Any:
    racers = {
        "SGD": optimizers.SGD(0.9),
        "momentum 0.9": optimizers.SGD(0.09, momentum=0.9),
        "RMSprop": optimizers.RMSprop(0.2),
        "Adam": optimizers.Adam(0.4),
    }
    return visualization.optimizer_paths(visualization.RAVINE, racers)


def optimizer_paths_on_a_saddle() -> Any:
    racers = {"SGD": optimizers.SGD(0.2), "Adam": optimizers.Adam(0.1)}
    return visualization.optimizer_paths(visualization.SADDLE, racers)


def loss_landscape() -> Any:
    steps = np.linspace(-1, 1, 31)  # inspection.loss_landscape gives the losses of a model
    a, b = np.meshgrid(steps, steps, indexing="ij")
    losses = 0.3 + 6 * a**2 + 2 * b**2 + 2.4 * a * b + 0.4 * np.sin(5 * a) ** 2
    path = [(0.8, -0.9), (0.45, -0.85), (0.2, -0.6), (0.1, -0.2), (0.0, 0.0)]
    return visualization.loss_landscape(steps, losses, path)


def loss_landscape_of_one_direction() -> Any:
    steps = np.linspace(-1, 1, 41)
    return visualization.loss_landscape(steps, 0.3 + 3 * steps**2 + 0.3 * np.sin(6 * steps) ** 2)


def gradient_check_v() -> Any:
    steps = np.logspace(-12, 0, 49)
    errors = {
        dtype: visualization.difference_errors(np.exp, np.exp, 0.7, steps, dtype)
        for dtype in ("float32", "float64")
    }
    return visualization.gradient_check_v(steps, errors)


def layer_histograms() -> Any:
    rng = np.random.default_rng(0)
    values = {f"conv2d_{i}": np.maximum(rng.normal(0, 0.7**i, 4000), 0) for i in range(4)}
    return visualization.layer_histograms(values | {"dense": rng.normal(0, 0.5, 4000)})


def variance_through_depth() -> Any:
    depth = np.arange(10)
    variances = {
        "He": 1.0 + 0.1 * np.cos(depth),
        "Glorot": 0.5**depth,
        "N(0, 1)": 32.0**depth,
        "N(0, 0.01²)": 0.003**depth,
    }
    return visualization.variance_through_depth(variances)
