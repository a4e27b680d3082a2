"""Exercises of notebook 16: the same function at other weights, and planes through weight space."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.course.exercise import Exercise, Mistake

Arrays = tuple[np.ndarray, ...]

# The other network


def _rescaled(
    w1: np.ndarray, b1: np.ndarray, w2: np.ndarray, b2: np.ndarray, a: float
) -> tuple[np.ndarray, ...]:
    return a * w1, a * b1, w2 / a, b2


def _networks(rng: np.random.Generator) -> list[dict[str, Any]]:
    found = []
    for inputs, hidden, outputs, a in ((2, 3, 2, 4.0), (4, 5, 3, 0.3)):
        shapes = {
            "w1": (inputs, hidden),
            "b1": (hidden,),
            "w2": (hidden, outputs),
            "b2": (outputs,),
        }
        found.append({name: rng.standard_normal(s) for name, s in shapes.items()} | {"a": a})
    return found


RESCALED = Exercise(
    name="rescaled",
    truth=_rescaled,
    inputs=_networks,
    outputs=("w1", "b1", "w2", "b2"),
    mistakes=(
        Mistake(
            "the bias b1 has to grow with w1: relu(a·z) is a·relu(z) for all of z = x·w1 + b1",
            lambda w1, b1, w2, b2, a: (a * w1, b1, w2 / a, b2),
        ),
        Mistake(
            "b2 is added after w2 has taken the factor away again: it stays as it is",
            lambda w1, b1, w2, b2, a: (a * w1, a * b1, w2 / a, b2 / a),
        ),
        Mistake(
            "w2 was multiplied: what w1 gained w2 has to give back",
            lambda w1, b1, w2, b2, a: (a * w1, a * b1, a * w2, b2),
        ),
        Mistake(
            "the wrong way round: the first layer is to be a times as large",
            lambda w1, b1, w2, b2, a: (w1 / a, b1 / a, a * w2, b2),
        ),
        Mistake(
            "only the first layer: then the outputs are a times as large, but for b2",
            lambda w1, b1, w2, b2, a: (a * w1, a * b1, w2, b2),
        ),
    ),
)


# Filter by filter


def _by(
    direction: np.ndarray, kernel: np.ndarray, axes: int | tuple[int, ...] | None
) -> np.ndarray:
    """The direction, its parts along `axes` as long as those of the kernel."""
    lengths = [np.sqrt((each**2).sum(axis=axes, keepdims=True)) for each in (kernel, direction)]
    return direction / lengths[1] * lengths[0]


def _all_but_last(kernel: np.ndarray) -> tuple[int, ...]:
    return tuple(range(kernel.ndim - 1))


def _with_root_of_norm(direction: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    axes = _all_but_last(kernel)
    squares = [(each**2).sum(axis=axes, keepdims=True) for each in (kernel, direction)]
    return direction / squares[1] * squares[0]


def _over_the_window(of_matrix: int | tuple[int, ...]) -> Any:
    """Of a convolution over two axes of three; of a dense layer over `of_matrix`."""
    return lambda direction, kernel: _by(
        direction, kernel, (0, 1) if kernel.ndim == 4 else of_matrix
    )


_WINDOW = (
    "only the sum over the window: the filter of a convolution has a window for each input channel"
)

NORMALISED = Exercise(
    name="normalised",
    truth=lambda direction, kernel: _by(direction, kernel, _all_but_last(kernel)),
    inputs=lambda rng: [
        {
            "direction": np.array([[1.0, 3.0], [0.0, 4.0]]),
            "kernel": np.array([[3.0, 0.0], [4.0, 2.0]]),
        },
        *(
            {
                "direction": rng.standard_normal(shape),
                "kernel": rng.standard_normal(shape) * rng.uniform(1, 9, shape[-1]),
            }
            for shape in ((5, 3), (3, 3, 2, 4))
        ),
    ],
    mistakes=(
        Mistake(
            "the whole kernel was taken as one: each filter has its own length, so sum over all "
            "axes but the last",
            lambda direction, kernel: _by(direction, kernel, None),
        ),
        Mistake(
            "the filters of the direction have length 1: multiply by the lengths of the kernel's",
            lambda direction, kernel: (
                _by(direction, np.ones_like(kernel), _all_but_last(kernel))
                / np.sqrt(kernel[..., 0].size)
            ),
        ),
        Mistake(
            "not divided by the direction's own length: its filters are not of length 1 when they "
            "are drawn",
            lambda direction, kernel: (
                direction * np.sqrt((kernel**2).sum(axis=_all_but_last(kernel)))
            ),
        ),
        Mistake(
            "the sum went over the last axis: that one counts the filters; sum over all others",
            lambda direction, kernel: _by(direction, kernel, -1),
        ),
        Mistake(
            "the first axis was taken for the filters: the last one counts them",
            lambda direction, kernel: _by(direction, kernel, tuple(range(1, kernel.ndim))),
        ),
        *(Mistake(_WINDOW, _over_the_window(of_matrix)) for of_matrix in (0, (0, 1))),
        Mistake(
            "the squares of the lengths were used: the length is the root of the sum of squares",
            _with_root_of_norm,
        ),
        Mistake(
            "each number got the size of its own weight: a filter keeps its direction, and only "
            "its length is set",
            lambda direction, kernel: np.sign(direction) * np.abs(kernel),
        ),
        Mistake(
            "only the sum over the first axis: the filter of a convolution has three",
            lambda direction, kernel: _by(direction, kernel, 0),
        ),
    ),
)


# In the plane


def _coordinates(move: np.ndarray, d: np.ndarray, e: np.ndarray) -> tuple[float, float]:
    a, b = np.linalg.lstsq(np.stack([d, e], axis=1), move, rcond=None)[0]
    return float(a), float(b)


def _one_by_one(move: np.ndarray, d: np.ndarray, e: np.ndarray) -> tuple[float, float]:
    return float(move @ d / (d @ d)), float(move @ e / (e @ e))


def _one_after_the_other(move: np.ndarray, d: np.ndarray, e: np.ndarray) -> tuple[float, float]:
    a = move @ d / (d @ d)
    return float(a), float((move - a * d) @ e / (e @ e))


PLANE_COORDINATES = Exercise(
    name="plane_coordinates",
    truth=_coordinates,
    outputs=("a", "b"),
    inputs=lambda rng: [
        {
            "move": np.array([3.0, 4.0, 5.0]),
            "d": np.array([1.0, 0.0, 0.0]),
            "e": np.array([1.0, 2.0, 0.0]),
        },
        {name: rng.standard_normal(6) for name in ("move", "d", "e")},
        {name: rng.standard_normal(9) for name in ("move", "d", "e")},
    ],
    mistakes=(
        Mistake(
            "each direction was taken by itself: that is right only where they are at right "
            "angles; solve for both at once",
            _one_by_one,
        ),
        Mistake(
            "these are the inner products: divide by the squared lengths, and mind that the "
            "directions are not at right angles",
            lambda move, d, e: (float(move @ d), float(move @ e)),
        ),
        Mistake(
            "divided by the lengths: a step of d is as long as d, so divide by its square, and "
            "solve for both at once",
            lambda move, d, e: (
                float(move @ d / np.linalg.norm(d)),
                float(move @ e / np.linalg.norm(e)),
            ),
        ),
        Mistake(
            "first a, and b from what is left: then a still holds a part that belongs to e; solve "
            "for both at once",
            _one_after_the_other,
        ),
        Mistake(
            "a and b are swapped: a belongs to d",
            lambda move, d, e: _coordinates(move, e, d),
        ),
    ),
)


# What is to be guessed

OUTPUT_FACTOR = Exercise(
    name="output_factor",
    truth=1,
    mistakes=(
        Mistake("that is by how much the hidden layer changes; then comes w2/10", 10),
        Mistake("the hidden layer grows before w2/10 makes it smaller again", 0.1),
    ),
)

GRADIENT_FACTOR = Exercise(
    name="gradient_factor",
    truth=0.1,
    mistakes=(
        Mistake("y is the same, but what is a step of w1 worth when w2 is a tenth?", 1),
        Mistake("the way back from y to w1 leads through w2, which is a tenth of before", 10),
        Mistake("the way back leads through w2 once", 0.01),
    ),
)

SHARE_IN_PLANE = Exercise(
    name="share_in_plane",
    truth=0.0005,
    mistakes=(
        Mistake("that would be so in four dimensions: two of how many?", 0.5),
        Mistake("that is the root of it, about the share of the length, not of its square", 0.02),
    ),
)

RELATIVE_STEP = Exercise(
    name="relative_step",
    truth=1 / 16,
    mistakes=(
        Mistake("that is the gradient's factor; and the kernel that it is compared with?", 1 / 4),
        Mistake("the output is the same, but the gradient is not, and the kernel is longer", 1),
        Mistake("a longer kernel has a smaller gradient, not a larger one", 4),
        Mistake("a longer kernel has a smaller gradient, not a larger one", 16),
    ),
)

EXERCISES = (
    OUTPUT_FACTOR,
    GRADIENT_FACTOR,
    SHARE_IN_PLANE,
    RESCALED,
    NORMALISED,
    RELATIVE_STEP,
    PLANE_COORDINATES,
)
