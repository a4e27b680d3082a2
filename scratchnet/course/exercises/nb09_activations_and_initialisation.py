"""Exercises of notebook 09: how large first weights must be, and the slope of an activation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.course.exercise import Exercise, Mistake
from scratchnet.initializers.variance_scaling import compute_fans
from scratchnet.ops.formulas import sigmoid, silu, silu_backward

# The standard deviation of a kernel

Shape = tuple[int, ...]


def _variance(scheme: str, fan_in: float, fan_out: float) -> float:
    of_scheme = {"he": 2 / fan_in, "glorot": 2 / (fan_in + fan_out), "lecun": 1 / fan_in}
    return of_scheme[scheme]


def _deviation(shape: Shape, scheme: str) -> float:
    return math.sqrt(_variance(scheme, *compute_fans(shape)))


def _with_fans(fans: Callable[[Shape], tuple[float, float]]) -> Callable[..., float]:
    """The deviation with other numbers of inputs and outputs."""
    return lambda shape, scheme: math.sqrt(_variance(scheme, *fans(shape)))


def _swapped(shape: Shape) -> tuple[float, float]:
    fan_in, fan_out = compute_fans(shape)
    return fan_out, fan_in


def _outputs_without_taps(shape: Shape) -> tuple[float, float]:
    return compute_fans(shape)[0], shape[-1]


def _glorot_without_mean(shape: Shape, scheme: str) -> float:
    fan_in, fan_out = compute_fans(shape)
    return math.sqrt(1 / (fan_in + fan_out)) if scheme == "glorot" else _deviation(shape, scheme)


def _he_without_two(shape: Shape, scheme: str) -> float:
    return _deviation(shape, "lecun" if scheme == "he" else scheme)


WEIGHT_DEVIATION = Exercise(
    name="weight_deviation",
    truth=_deviation,
    inputs=lambda rng: [
        {"shape": (50, 8), "scheme": "he"},
        {"shape": (3, 3, 16, 32), "scheme": "he"},
        {"shape": (64, 10), "scheme": "glorot"},
        {"shape": (5, 3, 2, 7), "scheme": "glorot"},
        {"shape": (1, 3, 4, 6), "scheme": "lecun"},
    ],
    mistakes=(
        Mistake(
            "that is the variance: the standard deviation is its root",
            lambda shape, scheme: _deviation(shape, scheme) ** 2,
        ),
        Mistake(
            "the taps are missing: a number of a convolution's output adds up KH·KW·C products",
            _with_fans(lambda shape: (shape[-2], shape[-1])),
        ),
        Mistake(
            "the first two axes of a convolution's kernel are its rows and columns: inputs and "
            "outputs are the last two",
            _with_fans(lambda shape: (shape[0], shape[1])),
        ),
        Mistake(
            "the taps are missing from the outputs: a pixel is read through KH·KW taps by each of "
            "the F filters",
            _with_fans(_outputs_without_taps),
        ),
        Mistake(
            "inputs and outputs are swapped: the last axis of a kernel counts the outputs",
            _with_fans(_swapped),
        ),
        Mistake(
            "Glorot's n is the mean of inputs and outputs: 1/mean is 2/(n_in + n_out)",
            _glorot_without_mean,
        ),
        Mistake(
            "He's variance is 2/n_in: it makes up for the half that ReLU drops", _he_without_two
        ),
        Mistake(
            "that is the bound of the uniform distribution, √3 times as large as its deviation",
            lambda shape, scheme: math.sqrt(3) * _deviation(shape, scheme),
        ),
        Mistake(
            "divided by 0.8796: that is the deviation before the cut; the weights should have the "
            "one after it",
            lambda shape, scheme: _deviation(shape, scheme) / 0.87962566103423978,
        ),
        Mistake(
            "the number of all weights was taken: a sum goes over the inputs of one unit only",
            _with_fans(lambda shape: (math.prod(shape), math.prod(shape))),
        ),
    ),
)


# Another activation

LEAKY_DEVIATION = Exercise(
    name="leaky_deviation",
    truth=lambda fan_in, slope: math.sqrt(2 / ((1 + slope**2) * fan_in)),
    inputs=lambda rng: [
        {"fan_in": 100, "slope": 0.5},
        {"fan_in": 50, "slope": 0.0},
        {"fan_in": 144, "slope": 1.0},
        {"fan_in": 27, "slope": float(rng.uniform(0.1, 0.4))},
    ],
    mistakes=(
        Mistake(
            "that is He's for ReLU: the negative half is not dropped here, it comes through with "
            "the slope a",
            lambda fan_in, slope: math.sqrt(2 / fan_in),
        ),
        Mistake(
            "the negative half is multiplied by a, so its square by a²",
            lambda fan_in, slope: math.sqrt(2 / ((1 + slope) * fan_in)),
        ),
        Mistake(
            "that is the variance: the standard deviation is its root",
            lambda fan_in, slope: 2 / ((1 + slope**2) * fan_in),
        ),
        Mistake(
            "one half comes through whole and one half with a²: that is (1 + a²)/2, not 1 + a²",
            lambda fan_in, slope: math.sqrt(1 / ((1 + slope**2) * fan_in)),
        ),
        Mistake(
            "multiplied where it should be divided: what lets through more needs smaller weights",
            lambda fan_in, slope: math.sqrt((1 + slope**2) / (2 * fan_in)),
        ),
        Mistake(
            "multiplied where it should be divided: what lets through more needs smaller weights",
            lambda fan_in, slope: math.sqrt(2 * (1 + slope**2) / fan_in),
        ),
        Mistake(
            "1 and a were added before they were squared: each half has its own square, 1 + a²",
            lambda fan_in, slope: math.sqrt(2 / ((1 + slope) ** 2 * fan_in)),
        ),
    ),
)


# The slope of the SiLU


def _quietly(function: Callable[..., Any]) -> Callable[..., Any]:
    def quiet(**arguments: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(**arguments)

    return quiet


def _from_large_exponential(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    s = np.exp(x) / (1 + np.exp(x))
    return dy * s * (1 + x * (1 - s))


SILU_GRADIENT = Exercise(
    name="silu_gradient",
    truth=silu_backward,
    inputs=lambda rng: [
        {"dy": np.array([1.0, 1.0, 2.0]), "x": np.array([0.0, 1.0, -1.0])},
        {"dy": rng.standard_normal((3, 4)), "x": 3 * rng.standard_normal((3, 4))},
        {"dy": rng.standard_normal(4), "x": np.array([1000.0, -1000.0, 0.5, -20.0])},
    ],
    mistakes=(
        Mistake(
            "that is the slope alone: by the chain rule it is multiplied with dy",
            lambda dy, x: silu_backward(np.ones_like(dy), x),
        ),
        Mistake(
            "only one half of the product rule: z·σ(z) also changes because the gate σ does",
            lambda dy, x: dy * sigmoid(x),
        ),
        Mistake(
            "only one half of the product rule: z·σ(z) also changes because z does, by σ(z)",
            lambda dy, x: dy * x * sigmoid(x) * (1 - sigmoid(x)),
        ),
        Mistake(
            "the factor z is missing before σ·(1 − σ): the product rule gives σ + z·σ·(1 − σ)",
            lambda dy, x: dy * (sigmoid(x) + sigmoid(x) * (1 - sigmoid(x))),
        ),
        Mistake(
            "the two slopes were multiplied: the derivative of a product is a sum of two terms",
            lambda dy, x: dy * sigmoid(x) * (1 - sigmoid(x)),
        ),
        Mistake(
            "the slope of σ was taken as 1 − σ: it is σ·(1 − σ)",
            lambda dy, x: dy * (sigmoid(x) + x * (1 - sigmoid(x))),
        ),
        Mistake(
            "the result y was put in where x belongs: the slope is that at the input",
            lambda dy, x: silu_backward(dy, silu(x)),
        ),
        Mistake(
            "e^x / (1 + e^x) is ∞/∞ for x = 1000: 1 / (1 + e^−x) has no such trouble",
            _quietly(_from_large_exponential),
        ),
    ),
)


# What is to be guessed

AFTER_TWENTY = Exercise(
    name="after_twenty",
    truth=1e-6,
    mistakes=(
        Mistake(
            "so it would be without ReLU: which part of the mean square does it let through?", 1
        ),
        Mistake("that is about the standard deviation, the root of the variance", 1e-3),
        Mistake(
            "ReLU sets one half of the numbers to 0, and leaves the others as they are: half of "
            "the mean square is left in each layer, not a quarter",
            1e-12,
        ),
    ),
)

STEEPEST_SLOPE = Exercise(
    name="steepest_slope",
    truth=0.25,
    mistakes=(
        Mistake("that is the slope of tanh at 0; the sigmoid is flatter", 1),
        Mistake("that is its value at 0: the slope is σ·(1 − σ)", 0.5),
    ),
)

PRODUCTS = Exercise(
    name="products",
    truth=144,
    mistakes=(
        Mistake("each of the 3 · 3 taps sees all 16 channels", 16),
        Mistake("each of the 3 · 3 taps sees all 16 channels, not one", 9),
        Mistake("that is how many numbers of the output a pixel takes part in, 3 · 3 · 32", 288),
        Mistake("these are all weights: a number of the output belongs to one of 32 filters", 4608),
    ),
)

CHOICE = Exercise(
    name="choice",
    truth=("he", "glorot", "lecun"),
    mistakes=(
        Mistake("one scheme for all: each activation lets another part through", ("he",) * 3),
        Mistake(
            "one scheme for all: this is Keras's default, and not made for ReLU", ("glorot",) * 3
        ),
        Mistake("one scheme for all: each activation lets another part through", ("lecun",) * 3),
        Mistake(
            "He's 2 makes up for a half that is dropped: who drops it?", ("glorot", "he", "lecun")
        ),
        Mistake("SELU wants 1/n_in: which scheme is that?", ("he", "glorot", "he")),
        Mistake("SELU wants 1/n_in: which scheme is that?", ("he", "glorot", "glorot")),
        Mistake("SELU wants 1/n_in: which scheme is that?", ("he", "lecun", "glorot")),
        Mistake(
            "forwards that is as good; but which one also looks at the way back?",
            ("he", "lecun", "lecun"),
        ),
    ),
)

EXERCISES = (
    AFTER_TWENTY,
    STEEPEST_SLOPE,
    PRODUCTS,
    WEIGHT_DEVIATION,
    LEAKY_DEVIATION,
    CHOICE,
    SILU_GRADIENT,
)
