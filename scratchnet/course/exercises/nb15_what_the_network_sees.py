"""Exercises of notebook 15: what a cell can see, and what heat is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scratchnet.course.exercise import Exercise, Mistake

Layers = Sequence[tuple[int, int, int, int]]  # (k, s, d, p) of each


# The receptive field


def _field(stack: Layers) -> tuple[int, int, int]:
    r, j, a = 1, 1, 0
    for k, s, d, p in stack:
        r += (k - 1) * d * j
        a -= p * j
        j *= s
    return r, j, a


def _by(step: Callable[..., tuple[float, ...]]) -> Callable[..., tuple[float, ...]]:
    """What comes of `step(r, j, a, k, s, d, p)`, the new (r, j, a)."""

    def field(stack: Layers) -> tuple[float, ...]:
        found: tuple[float, ...] = (1, 1, 0)
        for each in stack:
            found = step(*found, *each)
        return found

    return field


FIELD = Exercise(
    name="field",
    truth=_field,
    outputs=("r", "j", "a"),
    inputs=lambda rng: [
        {"stack": [(3, 1, 1, 1), (2, 2, 1, 0), (3, 1, 1, 1)]},
        {"stack": [(5, 2, 1, 2), (3, 2, 2, 1), (4, 1, 3, 2)]},
        {"stack": [tuple(int(n) for n in rng.integers(1, 5, 4)) for _ in range(4)]},
    ],
    mistakes=(
        Mistake(
            "the stride of a layer was taken into its own growth: r and a use the old j, and only "
            "then j becomes s·j",
            _by(lambda r, j, a, k, s, d, p: (r + (k - 1) * d * s * j, s * j, a - p * s * j)),
        ),
        Mistake(
            "the steps of the window are j pixels long, not 1: (k − 1)·d·j",
            _by(lambda r, j, a, k, s, d, p: (r + (k - 1) * d, s * j, a - p * j)),
        ),
        Mistake(
            "the dilation is missing: a window of k cells reaches over (k − 1)·d steps",
            _by(lambda r, j, a, k, s, d, p: (r + (k - 1) * j, s * j, a - p * j)),
        ),
        Mistake(
            "with dilation too there are k − 1 steps, each of d cells: (k − 1)·d, not k·d − 1",
            _by(lambda r, j, a, k, s, d, p: (r + (k * d - 1) * j, s * j, a - p * j)),
        ),
        Mistake(
            "a was moved by the stride behind the layer: a cell of padding is as wide as the cells "
            "that go into it, so a uses the old j",
            _by(lambda r, j, a, k, s, d, p: (r + (k - 1) * d * j, s * j, a - p * s * j)),
        ),
        Mistake(
            "r began at 0: a pixel of the image sees itself, r = 1",
            lambda stack: (_field(stack)[0] - 1, *_field(stack)[1:]),
        ),
        Mistake(
            "the results are in another order: r, then j, then a",
            lambda stack: (_field(stack)[0], _field(stack)[2], _field(stack)[1]),
        ),
        Mistake(
            "k steps were counted: from the first to the last of k cells there are k − 1",
            _by(lambda r, j, a, k, s, d, p: (r + k * d * j, s * j, a - p * j)),
        ),
        Mistake(
            "strides are multiplied, not added: two layers of stride 2 make 4 pixels",
            _by(lambda r, j, a, k, s, d, p: (r + (k - 1) * d * j, j + s - 1, a - p * j)),
        ),
        Mistake(
            "strides are multiplied, not added: two layers of stride 2 make 4 pixels",
            _by(lambda r, j, a, k, s, d, p: (r + (k - 1) * d * j, j + s, a - p * j)),
        ),
        Mistake(
            "the stride is only that of the last layer: it multiplies what was there before",
            _by(lambda r, j, a, k, s, d, p: (r + (k - 1) * d * j, s, a - p * j)),
        ),
        Mistake(
            "a cell of padding is a cell of the layer below, and so j pixels wide: p·j",
            _by(lambda r, j, a, k, s, d, p: (r + (k - 1) * d * j, s * j, a - p)),
        ),
        Mistake(
            "the padding goes the other way: with padding the first window begins before the image",
            _by(lambda r, j, a, k, s, d, p: (r + (k - 1) * d * j, s * j, a + p * j)),
        ),
        Mistake(
            "the padding is missing in a: the first window begins p cells before the first cell",
            _by(lambda r, j, a, k, s, d, p: (r + (k - 1) * d * j, s * j, a)),
        ),
        Mistake(
            "fields do not multiply: a layer adds (k − 1)·d·j",
            _by(lambda r, j, a, k, s, d, p: (r * ((k - 1) * d + 1), s * j, a - p * j)),
        ),
    ),
)


# Grad-CAM


def _heat(maps: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.maximum((maps * alpha).sum(axis=-1), 0)


def _grad_cam(maps: np.ndarray, gradients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    alpha = gradients.mean(axis=(0, 1))
    return alpha, _heat(maps, alpha)


def _from_alpha(choose: Callable[[np.ndarray], np.ndarray]) -> Callable[..., Any]:
    def wrong(maps: np.ndarray, gradients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        alpha = choose(gradients)
        return alpha, _heat(maps, alpha)

    return wrong


def _from_heat(choose: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> Any:
    def wrong(maps: np.ndarray, gradients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        alpha = gradients.mean(axis=(0, 1))
        return alpha, choose(maps, alpha, gradients)

    return wrong


def _cells(rng: np.random.Generator, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Maps as behind a ReLU."""
    return {
        "maps": np.maximum(rng.standard_normal(shape), 0),
        "gradients": rng.standard_normal(shape),
    }


GRAD_CAM = Exercise(
    name="grad_cam",
    truth=_grad_cam,
    outputs=("alpha", "heat"),
    inputs=lambda rng: [_cells(rng, (2, 3, 4)), _cells(rng, (7, 7, 5)), _cells(rng, (4, 5, 3))],
    mistakes=(
        Mistake(
            "the gradients were summed up: alpha is their mean over the Z cells",
            _from_alpha(lambda g: g.sum(axis=(0, 1))),
        ),
        Mistake(
            "alpha was cut off at 0: a channel may speak against the class; cut off at the very "
            "end",
            _from_alpha(lambda g: np.maximum(g.mean(axis=(0, 1)), 0)),
        ),
        Mistake(
            "the gradients were cut off at 0 before their mean: that is another method; here they "
            "count with their sign",
            _from_alpha(lambda g: np.maximum(g, 0).mean(axis=(0, 1))),
        ),
        Mistake(
            "absolute values were taken: a gradient counts with its sign, for or against the class",
            _from_alpha(lambda g: np.abs(g).mean(axis=(0, 1))),
        ),
        Mistake(
            "the largest gradient was taken: alpha is the mean over the cells",
            _from_alpha(lambda g: g.max(axis=(0, 1))),
        ),
        Mistake(
            "nothing was cut off: the heat is max(0, …), what speaks for the class",
            _from_heat(lambda maps, alpha, g: (maps * alpha).sum(axis=-1)),
        ),
        Mistake(
            "each channel was cut off by itself: add them up first, with their signs, and cut off "
            "the sum",
            _from_heat(lambda maps, alpha, g: np.maximum(maps * alpha, 0).sum(axis=-1)),
        ),
        Mistake(
            "the absolute value of the sum was taken: what speaks against the class is 0 in the "
            "map",
            _from_heat(lambda maps, alpha, g: np.abs((maps * alpha).sum(axis=-1))),
        ),
        Mistake(
            "the maps were multiplied with the gradients of each cell: one weight alpha for each "
            "channel",
            _from_heat(lambda maps, alpha, g: np.maximum((maps * g).sum(axis=-1), 0)),
        ),
        Mistake(
            "the mean over the channels was taken: the heat is their sum",
            _from_heat(lambda maps, alpha, g: np.maximum((maps * alpha).mean(axis=-1), 0)),
        ),
        Mistake(
            "the heat was scaled to 1: leave it as it is",
            _from_heat(lambda maps, alpha, g: _heat(maps, alpha) / _heat(maps, alpha).max()),
        ),
    ),
    sizes=lambda maps, gradients: {"Z": maps.shape[0] * maps.shape[1], "K": maps.shape[2]},
)


# What is to be guessed

CAN_SEE = Exercise(
    name="can_see",
    truth=8,
    mistakes=(
        Mistake(
            "3 + 1 + 2 forgets that after the pooling the cells are two pixels apart: the last "
            "window reaches over 2 steps of 2 pixels",
            6,
        ),
        Mistake("after the pooling a step is 2 pixels; the pooling itself adds a pixel too", 7),
        Mistake("fields do not multiply: neighbouring windows overlap", 18),
        Mistake("that is how much two convolutions see; the pooling between them counts too", 5),
        Mistake("the convolutions share pixels: a window of 3 adds 2 steps, not 3", 10),
    ),
)

HOW_MANY = Exercise(
    name="how_many",
    truth=14,
    mistakes=(
        Mistake("13 of them see 1 + 13 · 2 = 27 pixels", 13),
        Mistake("the second sees 5 pixels and not 6: each adds 2, for the windows overlap", 9),
        Mistake("the second sees 5 pixels and not 6: each adds 2, for the windows overlap", 10),
        Mistake("the second sees 5 pixels and not 9: fields do not multiply", 4),
        Mistake("the first one sees 3 already, and each further one adds 2", 15),
    ),
)

UNTRAINED = Exercise(
    name="untrained",
    truth="clothes",
    mistakes=(
        Mistake(
            "that would be fair; but in the black all numbers are 0 and so are the biases: which "
            "ReLU is on there?",
            "anywhere",
        ),
        Mistake("what can a ReLU let through, where all that reaches it is 0?", "background"),
    ),
)

EXERCISES = (CAN_SEE, HOW_MANY, UNTRAINED, FIELD, GRAD_CAM)
