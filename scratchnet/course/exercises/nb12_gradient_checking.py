"""Exercises of notebook 12: derivatives that are measured, and what they find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.course.exercise import Exercise, Mistake
from scratchnet.ops.formulas import tanh, tanh_backward

Scalar = Callable[[Any], Any]  # one number from a number or an array

# One number


def _central(function: Scalar, x: Any, h: float) -> Any:
    return (function(x + h) - function(x - h)) / (2 * h)


_ONE_SIDED = "one side only: measure at x + h and at x − h, so that the curvature cancels"

CENTRAL_DIFFERENCE = Exercise(
    name="central_difference",
    truth=_central,
    inputs=lambda rng: [
        {"function": lambda x: x**3, "x": 1.0, "h": 0.5},
        {"function": np.exp, "x": 0.3, "h": 1e-2},
        {"function": np.cos, "x": float(rng.uniform(1, 2)), "h": 1e-2},
    ],
    mistakes=(
        Mistake(_ONE_SIDED, lambda function, x, h: (function(x + h) - function(x)) / h),
        Mistake(_ONE_SIDED, lambda function, x, h: (function(x) - function(x - h)) / h),
        Mistake(
            "divided by h: from x − h to x + h it is 2h",
            lambda function, x, h: (function(x + h) - function(x - h)) / h,
        ),
        Mistake(
            "not divided by h, but multiplied: / 2 * h is (… / 2) · h; put brackets round 2 * h",
            lambda function, x, h: (function(x + h) - function(x - h)) / 2 * h,
        ),
        Mistake(
            "only the second value was divided: put brackets round the difference",
            lambda function, x, h: function(x + h) - function(x - h) / (2 * h),
        ),
        Mistake(
            "h/2 to each side: here the step to each side is h",
            lambda function, x, h: (function(x + h / 2) - function(x - h / 2)) / h,
        ),
    ),
)


# An array


def _gradient(function: Scalar, x: np.ndarray, h: float) -> np.ndarray:
    found = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += h
        down[index] -= h
        found[index] = (function(up) - function(down)) / (2 * h)
    return found


def _all_at_once(function: Scalar, x: np.ndarray, h: float) -> np.ndarray:
    return np.full_like(x, (function(x + h) - function(x - h)) / (2 * h))


def _upwards_only(function: Scalar, x: np.ndarray, h: float) -> np.ndarray:
    found = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        up = x.copy()
        up[index] += h
        found[index] = (function(up) - function(x)) / h
    return found


def _never_put_back(function: Scalar, x: np.ndarray, h: float) -> np.ndarray:
    found, moved = np.zeros_like(x), x.copy()
    for index in np.ndindex(x.shape):
        moved[index] += h
        high = function(moved)
        moved[index] -= 2 * h
        found[index] = (high - function(moved)) / (2 * h)
    return found


def _half_the_way_down(function: Scalar, x: np.ndarray, h: float) -> np.ndarray:
    found = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        up = x.copy()
        up[index] += h
        found[index] = (function(up) - function(x)) / (2 * h)
    return found


def _one_array(function: Scalar, x: np.ndarray, h: float) -> np.ndarray:
    return np.zeros_like(x)  # up and down are x itself, which is moved up, and down again


def _along_the_first_axis(function: Scalar, x: np.ndarray, h: float) -> np.ndarray:
    found = np.zeros_like(x)
    for i in range(len(x)):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        found[i] = (function(up) - function(down)) / (2 * h)
    return found


def _function_of(rng: np.random.Generator, shape: tuple[int, ...]) -> dict[str, Any]:
    """A function whose slope in one entry depends on the others."""
    weight = rng.standard_normal(shape)
    return {
        "function": lambda x: np.sin((weight * x).sum()) + (x**3).sum(),
        "x": rng.standard_normal(shape),
        "h": 1e-2,
    }


_TOGETHER = (
    "all entries were moved together: that measures the sum of the gradient; move one, leave the "
    "others where they are"
)

NUMERICAL_GRADIENT = Exercise(
    name="numerical_gradient",
    truth=_gradient,
    inputs=lambda rng: [
        {"function": lambda x: (x[0] * x[1]) ** 2, "x": np.array([1.0, 2.0]), "h": 0.5},
        _function_of(rng, (3,)),
        _function_of(rng, (2, 4)),
    ],
    mistakes=(
        Mistake(_TOGETHER, _all_at_once),
        Mistake(_TOGETHER, _central),
        Mistake(_ONE_SIDED, _upwards_only),
        Mistake(
            "entries were moved and not put back: when the next one is measured, the earlier ones "
            "stand at x − h",
            _never_put_back,
        ),
        Mistake(
            "subtracted the value at x, but divided by 2h: between x and x + h it is h, and better "
            "is to measure at x − h",
            _half_the_way_down,
        ),
        Mistake(
            "everything is 0: are the moved arrays copies? `up = x` is another name for x, and not "
            "another array",
            _one_array,
        ),
        Mistake(
            "whole rows were moved: x may have several axes; go through np.ndindex(x.shape)",
            _along_the_first_axis,
        ),
    ),
    tolerance=1e-8,
)


# How wrong


def _relative_error(got: np.ndarray, expected: np.ndarray) -> float:
    largest = max(np.abs(got).max(), np.abs(expected).max())
    return float(np.abs(got - expected).max() / largest) if largest else 0.0


def _entry_by_entry(got: np.ndarray, expected: np.ndarray) -> float:
    size = np.maximum(np.abs(got), np.abs(expected))
    return float((np.abs(got - expected) / np.where(size, size, 1)).max())


RELATIVE_ERROR = Exercise(
    name="relative_error",
    truth=_relative_error,
    inputs=lambda rng: [
        {"got": np.array([2.0, 0.0, 1.0]), "expected": np.array([4.0, 1.0, 1.0])},
        {"got": rng.uniform(-3, 3, (2, 3)), "expected": rng.uniform(-2, 2, (2, 3))},
        {"got": np.array([-6.0, 1.0]), "expected": np.array([3.0, 1.0])},
        {"got": np.zeros((2, 2)), "expected": np.zeros((2, 2))},
    ],
    mistakes=(
        Mistake(
            "each difference was divided by its own entry: where the true gradient is nearly 0 "
            "that makes an alarm of rounding; divide once, by the largest number of both arrays",
            _entry_by_entry,
        ),
        Mistake(
            "not divided: a difference of 1e-6 is nothing in a gradient of 1000, and everything in "
            "one of 1e-6",
            lambda got, expected: np.abs(got - expected).max(),
        ),
        Mistake(
            "divided by the largest of one array only: take the larger of both, or a backward "
            "pass that returns zeros, or far too much, is judged by the wrong measure",
            lambda got, expected: np.abs(got - expected).max() / (np.abs(expected).max() or 1.0),
        ),
        Mistake(
            "averaged: one wrong entry among a million would disappear; take the largest",
            lambda got, expected: (
                np.abs(got - expected).mean()
                / (max(np.abs(got).max(), np.abs(expected).max()) or 1.0)
            ),
        ),
        Mistake(
            "no absolute value: a difference that is negative passes any test",
            lambda got, expected: (
                (got - expected).max() / (max(np.abs(got).max(), np.abs(expected).max()) or 1.0)
            ),
        ),
        Mistake(
            "no absolute values: take |…| first, and then the largest",
            lambda got, expected: (got - expected).max() / (max(got.max(), expected.max()) or 1.0),
        ),
    ),
)


# The planted bug

CULPRIT = Exercise(
    name="culprit",
    truth="D",
    mistakes=(
        Mistake("A makes dw2, and dw2 is right", "A"),
        Mistake("B makes db2, and db2 is right", "B"),
        Mistake(
            "C could be it by the table alone, but the formula of dh is right: h met w2 on the way "
            "forward, so dy meets its transpose on the way back",
            "C",
        ),
        Mistake("if E were the only wrong line, db1 and dx would be right", "E"),
        Mistake("if F were the only wrong line, dw1 and dx would be right", "F"),
        Mistake("if G were the only wrong line, dw1 and db1 would be right", "G"),
    ),
)

REPAIRED = Exercise(
    name="repaired",
    truth=lambda dh, z: tanh_backward(dh, tanh(z)),
    inputs=lambda rng: [
        {"dh": np.array([[1.0, 2.0]]), "z": np.array([[0.0, 1.0]])},
        {"dh": rng.standard_normal((3, 4)), "z": rng.standard_normal((3, 4))},
    ],
    mistakes=(
        Mistake(
            "1 − z² is the planted bug itself: the square is that of the result, h = tanh(z)",
            lambda dh, z: dh * (1 - z**2),
        ),
        Mistake(
            "that is the slope alone: by the chain rule it is multiplied with dh",
            lambda dh, z: 1 - np.tanh(z) ** 2,
        ),
        Mistake("the square is missing: the slope is 1 − h²", lambda dh, z: dh * (1 - np.tanh(z))),
        Mistake(
            "z was squared, and then tanh taken: it is the square of tanh(z)",
            lambda dh, z: dh * (1 - np.tanh(z**2)),
        ),
        Mistake(
            "h·(1 − h) is the slope of the sigmoid, not of tanh",
            lambda dh, z: dh * np.tanh(z) * (1 - np.tanh(z)),
        ),
    ),
)


# What is to be guessed

FORWARD_PASSES = Exercise(
    name="forward_passes",
    truth=46,
    mistakes=(
        Mistake("every parameter is measured at x + h and at x − h: two passes each", 23),
        Mistake("one step to one side needs f(x) besides; a central difference steps to both", 24),
        Mistake("you counted the kernels only: the 3 + 2 biases are parameters too", 36),
        Mistake("you counted the kernels only, and one pass for each of their numbers", 18),
        Mistake("that is what backpropagation costs; a measurement moves one number at a time", 2),
    ),
)

BEST_STEP = Exercise(
    name="best_step",
    truth=1e-5,
    mistakes=(
        Mistake(
            "so large a step sees the curvature: at 1e-1 the error is about h²/6, a thousandth",
            1e-1,
        ),
        Mistake(
            "at 1e-9 the two values agree in their first nine digits, and these are lost when they "
            "are subtracted",
            1e-9,
        ),
        Mistake(
            "smaller is not better: at 1e-13 the two values agree in nearly all their 16 digits, "
            "and subtracting them leaves only what was rounded",
            1e-13,
        ),
    ),
)

AT_THE_KINK = Exercise(
    name="at_the_kink",
    truth=0.5,
    mistakes=(
        Mistake("0 is the slope on the left; the measurement sees the right side too", 0),
        Mistake("1 is the slope on the right; the measurement sees the left side too", 1),
    ),
)

EXERCISES = (
    FORWARD_PASSES,
    BEST_STEP,
    CENTRAL_DIFFERENCE,
    NUMERICAL_GRADIENT,
    RELATIVE_ERROR,
    CULPRIT,
    REPAIRED,
    AT_THE_KINK,
)
