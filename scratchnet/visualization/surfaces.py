"""Functions of two numbers for optimizers to race on, and the path that one of them takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchnet.optimizers import Optimizer
from scratchnet.variable import Variable

Function = Callable[[Any, Any], Any]
Gradient = Callable[[Any, Any], tuple[Any, Any]]


@dataclass(frozen=True)
class Surface:
    """A function f(x, y) with its gradient.

    Attributes:
        name: for the title.
        function: f of two arrays of one shape.
        gradient: (∂f/∂x, ∂f/∂y).
        start: where a path begins.
        x_limits, y_limits: what is drawn.
        minimum: where f is least, if it is anywhere.
    """

    name: str
    function: Function
    gradient: Gradient
    start: tuple[float, float]
    x_limits: tuple[float, float]
    y_limits: tuple[float, float]
    minimum: tuple[float, float] | None = None


RAVINE = Surface(
    "Ravine f = x² / 20 + y²",
    lambda x, y: x**2 / 20 + y**2,
    lambda x, y: (x / 10, 2 * y),
    (-8.0, 1.8),
    (-10.0, 4.0),
    (-2.8, 2.8),
    (0.0, 0.0),
)

SADDLE = Surface(
    "Saddle f = x² / 2 − y² / 4 + y⁴ / 16",  # flat at (0, 0), least at y = ±√2
    lambda x, y: x**2 / 2 - y**2 / 4 + y**4 / 16,
    lambda x, y: (x, -y / 2 + y**3 / 4),
    (-1.8, 0.02),
    (-2.2, 1.4),
    (-2.3, 2.3),
    (0.0, float(np.sqrt(2))),
)


def walk(optimizer: Optimizer, surface: Surface = RAVINE, steps: int = 60) -> np.ndarray:
    """The points (steps + 1, 2) that an optimizer visits, from the surface's start.

    The two numbers are a variable in float64, and the optimizer is a fresh one of the same
    configuration, so that the one that was passed is as before.

    Raises:
        ValueError: fewer than no steps.
    """
    if steps < 0:
        raise ValueError(f"walk received steps={steps}. Expected at least 0.")
    runner = type(optimizer).from_config(optimizer.get_config())
    point = Variable(np.array(surface.start, np.float64), name="point")
    path = [point.numpy()]
    for _ in range(steps):
        gradient = np.array(surface.gradient(*point.value), np.float64)
        runner.apply_gradients([(gradient, point)])
        path.append(point.numpy())
    return np.array(path)
