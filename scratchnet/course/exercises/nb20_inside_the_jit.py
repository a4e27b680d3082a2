"""Exercises of notebook 20: what a compiled loop computes, and loops that are shared out."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.course.exercise import Exercise, Mistake
from scratchnet.ops.formulas import softmax

# The gradient of a bias: a race to be mended. The notebook runs the answer by `all_at_once`, which
# raises where iterations write to one number; what is left to be diagnosed are wrong sums.


def _bias_gradient(dy: np.ndarray) -> np.ndarray:
    return dy.sum(axis=0)


def _without_the_rest(parts: int) -> Any:
    def gradient(dy: np.ndarray) -> np.ndarray:
        length = len(dy) // parts
        return dy[: parts * length].sum(axis=0)

    return gradient


def _one_part(parts: int, which: int) -> Any:
    def gradient(dy: np.ndarray) -> np.ndarray:
        first, end = which * len(dy) // parts, (which + 1) * len(dy) // parts
        return dy[first:end].sum(axis=0)

    return gradient


_REST = (
    "the last rows are missing: len(dy) // parts rounds down; let part g go from g·rows // parts "
    "to (g + 1)·rows // parts"
)
_ONE = "only one part is in the result: sum the partial sums up, after the loop"

BIAS_GRADIENT = Exercise(
    name="bias_gradient",
    truth=_bias_gradient,
    inputs=lambda rng: [
        {"dy": rng.integers(1, 9, shape).astype(float)} for shape in [(8, 2), (131, 3), (50, 4)]
    ],
    mistakes=(
        *(Mistake(_REST, _without_the_rest(parts)) for parts in range(2, 65)),
        *(Mistake(_ONE, _one_part(p, g)) for p in range(2, 65) for g in (0, p - 1)),
        Mistake(
            "summed over the filters: each filter has one bias, and the sum is over the rows",
            lambda dy: dy.sum(axis=1),
        ),
        Mistake(
            "averaged over the rows: the 1/N is the loss's and is in dy already",
            lambda dy: dy.mean(axis=0),
        ),
        Mistake(
            "the total goes on from one filter to the next: each begins at 0",
            lambda dy: dy.sum(axis=0).cumsum(),
        ),
        Mistake(
            "that is the last row: is there an = where += belongs?",
            lambda dy: dy[-1],
        ),
    ),
    sizes=lambda dy: {"R": len(dy)},
)


# Softmax of rows, with a scratch that belongs to one iteration


def _softmax_rows(z: np.ndarray) -> np.ndarray:
    return softmax(z)


SOFTMAX_ROWS = Exercise(
    name="softmax_rows",
    truth=_softmax_rows,
    inputs=lambda rng: [
        {"z": rng.standard_normal(shape) + offset}
        for shape, offset in [((3, 2), 0), ((5, 4), 3), ((4, 6), 1000)]
    ],
    mistakes=(
        Mistake(
            "the division by the sum is missing: each row has to add up to 1",
            lambda z: np.exp(z - z.max(axis=1, keepdims=True)),
        ),
        Mistake(
            "divided by the sum of the whole array: each row has its own",
            lambda z: (
                np.exp(z - z.max(axis=1, keepdims=True))
                / np.exp(z - z.max(axis=1, keepdims=True)).sum()
            ),
        ),
        Mistake(
            "columns were taken for rows: a row is z[r], and its entries add up to 1",
            lambda z: softmax(z, axis=0),
        ),
    ),
)


# What is to be guessed

ACCUMULATOR = Exercise(
    name="accumulator",
    truth="float64",
    mistakes=(
        Mistake(
            "the literal 0.0 is a Python float, and that is a float64: the sum of both is the "
            "larger of the two",
            "float32",
        ),
        Mistake("0.0 is no whole number", "int64"),
    ),
)

REGROUPED = Exercise(
    name="regrouped",
    truth="no",
    mistakes=(
        Mistake(
            "in whole numbers it would be; but each addition of floats is rounded, and other "
            "brackets are rounded elsewhere",
            "yes",
        ),
    ),
)

RIGHT_ORDERS = Exercise(
    name="right_orders",
    truth=2,
    mistakes=(
        Mistake("then it would never matter; what if B loads before A has stored?", 20),
        Mistake(
            "that is how many are wrong; it is right only if one thread loads what the other has "
            "stored already",
            18,
        ),
        Mistake("it is not a matter of chance: go through the orders in which B loads first", 10),
        Mistake("A may be the first, or B", 1),
        Mistake(
            "whoever loads second has to come after the other's *store*, not only after its load", 6
        ),
    ),
)

EXERCISES = (ACCUMULATOR, REGROUPED, RIGHT_ORDERS, BIAS_GRADIENT, SOFTMAX_ROWS)
