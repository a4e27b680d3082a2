"""Exercises of notebook 07: what is dropped, how the rest is scaled, and what noise that makes."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.course.exercise import Exercise, Mistake
from scratchnet.ops.formulas import dropout, dropout_backward, dropout_mask

_CASES: list[tuple[tuple[int, ...], float]] = [((2, 4), 0.75), ((6, 5), 0.2), ((3, 4, 5, 2), 0.4)]


def _masked(rng: np.random.Generator) -> list[dict[str, Any]]:
    return [
        {
            "x": rng.uniform(1, 3, shape) * rng.choice([-1, 1], shape),
            "keep": dropout_mask(shape, rate, (1, i)),
            "rate": rate,
        }
        for i, (shape, rate) in enumerate(_CASES)
    ]


# Forward

DROPPED = Exercise(
    name="dropped",
    truth=dropout,
    inputs=_masked,
    mistakes=(
        Mistake(
            "nothing is scaled: what is kept has to be divided by 1 − r, or the numbers are "
            "smaller in training than in inference",
            lambda x, keep, rate: x * keep,
        ),
        Mistake(
            "divided by r: that is the probability of being dropped; a cell is kept with 1 − r",
            lambda x, keep, rate: x * keep / rate,
        ),
        Mistake(
            "multiplied by 1 − r: that makes the numbers still smaller; divide by it",
            lambda x, keep, rate: x * keep * (1 - rate),
        ),
        Mistake(
            "the wrong cells were dropped: `keep` is true where a cell stays",
            lambda x, keep, rate: dropout(x, ~keep, rate),
        ),
        Mistake(
            "the dropped cells were scaled, and the others left: kept cells become x/(1 − r), "
            "dropped ones 0",
            lambda x, keep, rate: np.where(keep, x, x / (1 - rate)),
        ),
        Mistake(
            "the dropped cells kept their number: they become 0",
            lambda x, keep, rate: np.where(keep, x / (1 - rate), x),
        ),
        Mistake(
            "divided by the share that was kept this time: divide by the probability 1 − r, which "
            "does not depend on the draw",
            lambda x, keep, rate: x * keep / keep.mean(),
        ),
        Mistake(
            "everything was scaled and nothing dropped: where `keep` is false the result is 0",
            lambda x, keep, rate: x / (1 - rate),
        ),
    ),
)


# Backward


def _keyed(rng: np.random.Generator) -> list[dict[str, Any]]:
    return [
        {"dy": rng.standard_normal(shape), "rate": rate, "key": (5, i)}
        for i, (shape, rate) in enumerate(_CASES)
    ]


def _with_mask(
    dy: np.ndarray, rate: float, key: tuple[int, int], later: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """dy, and the mask of this call or of a later one."""
    return dy, dropout_mask(dy.shape, rate, (key[0], key[1] + later))


def _gradient(dy: np.ndarray, rate: float, key: tuple[int, int], later: int = 0) -> np.ndarray:
    return dropout_backward(*_with_mask(dy, rate, key, later), rate)


DROPOUT_GRADIENT = Exercise(
    name="dropout_gradient",
    truth=_gradient,
    inputs=_keyed,
    mistakes=(
        Mistake(
            "that is the mask of the next call: backwards the mask of the forward pass is used "
            "again, so the same key",
            lambda dy, rate, key: _gradient(dy, rate, key, later=1),
        ),
        Mistake(
            "not scaled: y = x/(1 − r), so the slope is 1/(1 − r)",
            lambda dy, rate, key: np.multiply(*_with_mask(dy, rate, key)),
        ),
        Mistake(
            "not masked: a dropped cell had no influence, and its gradient is 0",
            lambda dy, rate, key: dy / (1 - rate),
        ),
        Mistake(
            "neither masked nor scaled: the map backwards is the map forwards",
            lambda dy, rate, key: dy,
        ),
        Mistake(
            "multiplied by 1 − r: the slope of x/(1 − r) is 1/(1 − r)",
            lambda dy, rate, key: np.multiply(*_with_mask(dy, rate, key)) * (1 - rate),
        ),
        Mistake(
            "divided by r: a cell is kept with probability 1 − r",
            lambda dy, rate, key: np.multiply(*_with_mask(dy, rate, key)) / rate,
        ),
        Mistake(
            "the gradient went to the cells that were dropped: the mask is true where one is kept",
            lambda dy, rate, key: dropout(dy, ~_with_mask(dy, rate, key)[1], rate),
        ),
        Mistake(
            "scaled twice: the slope of x/(1 − r) is 1/(1 − r), once",
            lambda dy, rate, key: _gradient(dy, rate, key) / (1 - rate),
        ),
    ),
)


# The noise

DROPOUT_VARIANCE = Exercise(
    name="dropout_variance",
    truth=lambda x, rate: rate / (1 - rate) * x**2,
    inputs=lambda rng: [
        {"x": np.array([1.0, 2.0, -3.0]), "rate": 0.75},
        {"x": rng.standard_normal((4, 3)), "rate": 0.2},
    ],
    mistakes=(
        Mistake(
            "that is the variance without the scaling: divide it by (1 − r)²",
            lambda x, rate: rate * (1 - rate) * x**2,
        ),
        Mistake(
            "that is the mean of y²: the square of the mean, x², has to be subtracted",
            lambda x, rate: x**2 / (1 - rate),
        ),
        Mistake(
            "that is the deviation: the variance is its square",
            lambda x, rate: np.sqrt(rate / (1 - rate)) * np.abs(x),
        ),
        Mistake(
            "that is the deviation: the variance is its square",
            lambda x, rate: np.sqrt(rate / (1 - rate)) * x,
        ),
        Mistake(
            "x has to be squared: a variance does not change with the sign",
            lambda x, rate: rate / (1 - rate) * x,
        ),
        Mistake(
            "r and 1 − r are exchanged: with r = 0 nothing is dropped and there is no noise",
            lambda x, rate: (1 - rate) / rate * x**2,
        ),
        Mistake(
            "only the mask's variance, r·(1 − r): y is the mask times x/(1 − r)",
            lambda x, rate: rate * (1 - rate) * np.ones_like(x),
        ),
        Mistake(
            "the mean of y² is x²/(1 − r): one of the two factors 1/(1 − r) is cancelled by the "
            "probability of being kept",
            lambda x, rate: x**2 / (1 - rate) ** 2 - x**2,
        ),
    ),
)


# What is to be guessed

IN_TRAINING = Exercise(
    name="in_training",
    truth=(0, 8),
    mistakes=(
        Mistake("then the mean would be 4.5, and in inference it is 6", (0, 6)),
        Mistake("0.25 is the probability of being dropped; it is kept with 0.75", (0, 24)),
        Mistake("that would make it still smaller; on average it has to stay 6", (0, 4.5)),
        Mistake("the mean is right; but a dropped cell says nothing at all", (2, 8)),
        Mistake("these are they; the smaller one first", (8, 0)),
    ),
)

IN_INFERENCE = Exercise(
    name="in_inference",
    truth=6,
    mistakes=(
        Mistake(
            "so it was in the first paper, which did not scale in training; here that is done "
            "already",
            4.5,
        ),
        Mistake("scaled in training, to make up for what is dropped; now nothing is", 8),
        Mistake("a prediction that depends on dice would be another one every time", 0),
    ),
)

DECISIONS = Exercise(
    name="decisions",
    truth=512,
    mistakes=(
        Mistake("each sample has dice of its own: 32 times as many", 16),
        Mistake("that is one for each cell; a whole channel shares its fate", 100352),
        Mistake("then all channels of a place would go together; it is the other way round", 6272),
        Mistake("each channel has dice of its own: 16 times as many", 32),
    ),
)

EXERCISES = (
    IN_TRAINING,
    IN_INFERENCE,
    DROPPED,
    DROPOUT_GRADIENT,
    DROPOUT_VARIANCE,
    DECISIONS,
)
