"""Exercises of notebook 17: what an addition does to a gradient, and a block around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.course.exercise import Exercise, Mistake
from scratchnet.ops.formulas import add_backward, relu, relu_backward

Shapes = Sequence[tuple[int, ...]]

# An addition


def _repeated(dy: np.ndarray, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes along which an input of this shape was repeated."""
    return tuple(axis for axis, n in enumerate(shape) if n == 1 and dy.shape[axis] != 1)


def _averaged(dy: np.ndarray, shapes: Shapes) -> tuple[np.ndarray, ...]:
    return tuple(dy.mean(axis=_repeated(dy, shape), keepdims=True) for shape in shapes)


def _first_of_the_copies(dy: np.ndarray, shapes: Shapes) -> tuple[np.ndarray, ...]:
    return tuple(dy[tuple(slice(n) for n in shape)] for shape in shapes)


def _all_axes_of_size_one(dy: np.ndarray, shapes: Shapes) -> tuple[np.ndarray, ...]:
    """Without keepdims: the axes of size 1 are gone."""
    return tuple(
        dy.sum(axis=tuple(axis for axis, n in enumerate(shape) if n == 1)) for shape in shapes
    )


ADD_GRADIENTS = Exercise(
    name="add_gradients",
    truth=lambda dy, shapes: tuple(add_backward(dy, shapes)),
    inputs=lambda rng: [
        {"dy": np.array([[1.0, 2.0], [3.0, 5.0]]), "shapes": [(2, 2), (2, 2)]},
        {"dy": rng.standard_normal((2, 3, 4)), "shapes": [(2, 3, 4), (2, 1, 4), (2, 3, 1)]},
        {"dy": rng.standard_normal((3, 4, 5, 2)), "shapes": [(3, 1, 1, 2), (3, 4, 5, 2)]},
    ],
    mistakes=(
        Mistake(
            "dy was shared out among the inputs: an addition copies it, for each input matters as "
            "much as the sum does",
            lambda dy, shapes: tuple(each / len(shapes) for each in add_backward(dy, shapes)),
        ),
        Mistake(
            "dy itself for every input: one that was repeated gets the sum over its copies, in its "
            "own shape",
            lambda dy, shapes: tuple(dy for _ in shapes),
        ),
        Mistake(
            "averaged over the copies: what was used several times gets the sum of the gradients",
            _averaged,
        ),
        Mistake(
            "only the gradient of the first copy: what was repeated gets the sum over all of them",
            _first_of_the_copies,
        ),
        Mistake(
            "the axes that were summed over are gone: each gradient has the shape of its input, so "
            "keepdims=True",
            _all_axes_of_size_one,
        ),
        Mistake(
            "summed over all axes: only those along which the input was repeated are summed over",
            lambda dy, shapes: tuple(
                dy if shape == dy.shape else np.full(shape, dy.sum()) for shape in shapes
            ),
        ),
        Mistake(
            "only the first input got its gradient, the others 0: a sum depends on all of them",
            lambda dy, shapes: tuple(
                each * (i == 0) for i, each in enumerate(add_backward(dy, shapes))
            ),
        ),
    ),
)


# A residual block


def _branch(
    dy: np.ndarray, x: np.ndarray, w1: np.ndarray, w2: np.ndarray, where: Any = None
) -> np.ndarray:
    """What comes back through the branch, the ReLU being open where `where` is above 0."""
    z = x @ w1
    return relu_backward(dy @ w2.T, z if where is None else where) @ w1.T


def _block(dy: np.ndarray, x: np.ndarray, w1: np.ndarray, w2: np.ndarray) -> np.ndarray:
    return dy + _branch(dy, x, w1, w2)


BLOCK_GRADIENT = Exercise(
    name="block_gradient",
    truth=_block,
    inputs=lambda rng: [
        {
            "dy": np.array([[1.0, 2.0]]),
            "x": np.array([[1.0, -1.0]]),
            "w1": np.array([[1.0, 2.0], [3.0, 1.0]]),
            "w2": np.array([[1.0, 0.0], [2.0, 3.0]]),
        },
        *(
            {
                "dy": rng.standard_normal((n, c)),
                "x": rng.standard_normal((n, c)),
                "w1": rng.standard_normal((c, h)),
                "w2": rng.standard_normal((h, c)),
            }
            for n, c, h in ((4, 3, 3), (5, 3, 6))
        ),
    ],
    mistakes=(
        Mistake(
            "the skip is missing: x also goes to y directly, so + dy",
            _branch,
        ),
        Mistake(
            "only the skip: x also goes to y through the branch",
            lambda dy, x, w1, w2: dy,
        ),
        Mistake(
            "dy was multiplied with what comes through the branch: where two ways meet at a fork, "
            "their gradients are added",
            lambda dy, x, w1, w2: dy * _branch(dy, x, w1, w2),
        ),
        Mistake(
            "dy was halved between skip and branch: an addition hands all of it to both",
            lambda dy, x, w1, w2: _block(dy / 2, x, w1, w2),
        ),
        Mistake(
            "the averages of both ways were taken: their gradients are added",
            lambda dy, x, w1, w2: dy + _branch(dy, x, w1, w2) / 2,
        ),
        Mistake(
            "the ReLU is missing on the way back: only where x·w1 is positive does it let through",
            lambda dy, x, w1, w2: dy + dy @ w2.T @ w1.T,
        ),
        Mistake(
            "the ReLU was applied to the gradient: its sign does not matter, that of x·w1 does",
            lambda dy, x, w1, w2: dy + relu(dy @ w2.T) @ w1.T,
        ),
        Mistake(
            "the gradient was multiplied with relu(x·w1): on the way back its slope counts, 1 or 0",
            lambda dy, x, w1, w2: dy + (dy @ w2.T * relu(x @ w1)) @ w1.T,
        ),
        Mistake(
            "dy went forwards through the branch: back it goes through w2 first and then through "
            "w1, both transposed",
            lambda dy, x, w1, w2: dy + relu_backward(dy @ w1, x @ w1) @ w2,
        ),
        Mistake(
            "the ReLU closed the skip too: it is in the branch only",
            lambda dy, x, w1, w2: _branch(dy, x, w1, w2) + relu_backward(dy, x),
        ),
        Mistake(
            "the input was added instead of its gradient: the derivative of x by x is 1, times dy",
            lambda dy, x, w1, w2: x + _branch(dy, x, w1, w2),
        ),
    ),
)


# What is to be guessed

WHICH_FITS = Exercise(
    name="which_fits",
    truth="shallow",
    mistakes=(
        Mistake(
            "so it could be, for the deep one can do all that the shallow one can; but can it find "
            "it?",
            "deep",
        ),
    ),
)

ZERO_BRANCH = Exercise(
    name="zero_branch",
    truth=3,
    mistakes=(
        Mistake("that is what comes through the branch; x also goes to y directly", 0),
        Mistake("the addition does not share the gradient out: it hands it to both", 1.5),
        Mistake("from the branch comes nothing: its last kernel is 0", 6),
        Mistake("the derivative of x by x is 1, and it is multiplied with the 3 from above", 1),
    ),
)

USED_TWICE = Exercise(
    name="used_twice",
    truth=2,
    mistakes=(
        Mistake("each use hands a gradient of 1 back, and they are added up: y is 2x", 1),
        Mistake("the addition does not share the gradient out, and y is 2x", 0.5),
    ),
)

GROWTH = Exercise(
    name="growth",
    truth=2**24,
    mistakes=(
        Mistake("so it would be without skips: here x is kept, and as much is added", 1),
        Mistake(
            "each branch adds as much as has come in, not as much as there was in the beginning",
            24,
        ),
        Mistake(
            "each branch adds as much as has come in, not as much as there was in the beginning",
            25,
        ),
    ),
)

EXERCISES = (WHICH_FITS, ZERO_BRANCH, USED_TWICE, ADD_GRADIENTS, BLOCK_GRADIENT, GROWTH)
